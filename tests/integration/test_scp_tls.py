"""The storage SCP over TLS (PS3.15 B.12): DCMTK, OpenSSL and Python's own connect to it."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.pacs.connections import DimseConnection, DimseTls
from tests.integration.hospital import HERE, Hospital, options_of
from tests.integration.ports import free_port
from tests.integration.scp_awaiting import awaiting
from tests.integration.storescu import listed, storescu

PACS = DimseConnection("pacs.example", 2762, "ARCHIVE", "RADGATE")


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


@pytest.mark.parametrize("profile", ["+pg", "+pm", "+py", "+pz"])
async def test_storescu_by_each_profile_of_dcmtk(hospital: Hospital, profile: str) -> None:
    async with awaiting(hospital.settings, listed(), pacs=PACS) as rig:
        assert await storescu(rig.scp.port, profile, *options_of(hospital.pacs, hospital.ca)) == ""
    assert [type(arrival) for arrival in rig.arrivals] == [ReceivedInstance]


@pytest.mark.parametrize(
    "options",
    [
        lambda hospital: options_of(hospital.stranger, hospital.ca),
        lambda hospital: options_of(hospital.expired, hospital.ca),
        lambda hospital: ("+tla", "+cf", str(hospital.ca)),
        lambda hospital: ("+pa", *options_of(hospital.pacs, hospital.ca)),  # AES profile: CBC, and RSA for the key
        lambda _: (),
    ],
    ids=["of another authority", "expired", "no certificate", "weak suites", "without TLS"],
)
async def test_storescu_that_must_not_get_in(
    hospital: Hospital, options: Callable[[Hospital], tuple[str, ...]]
) -> None:
    async with awaiting(hospital.settings, listed(), pacs=PACS) as rig:
        assert await storescu(rig.scp.port, *options(hospital)) != ""
        assert rig.refused == []  # it did not come as far as an association
    assert rig.arrivals == []


@pytest.mark.parametrize(
    ("offer", "good"),
    [
        (("-tls1_3",), True),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), True),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"), False),
        (("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"), False),
        (("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"), False),
        (("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), False),
    ],
)
async def test_what_openssl_may_speak_to_the_storage_scp(
    hospital: Hospital, offer: tuple[str, ...], good: bool
) -> None:
    certificate, key = map(str, hospital.pacs)
    identity = ("-cert", certificate, "-key", key, "-CAfile", str(hospital.ca), "-verify_return_error")
    async with awaiting(hospital.settings, listed(), pacs=PACS) as rig:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{rig.scp.port}", *identity, *offer]
        done = await asyncio.to_thread(
            subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    assert ("Verify return code: 0 (ok)" in done.stdout and done.returncode == 0) is good, done.stdout + done.stderr


async def test_a_port_with_tls_beside_the_one_without(hospital: Hospital) -> None:
    secured = free_port()
    options = options_of(hospital.pacs, hospital.ca)
    async with awaiting(hospital.settings, listed(), pacs=PACS, tls_port=secured) as rig:
        assert await storescu(rig.scp.port) == ""
        assert await storescu(secured, *options) == ""
    reached_over_tls = DimseConnection("pacs.example", 2762, "ARCHIVE", "RADGATE", tls=DimseTls(""))
    async with awaiting(hospital.settings, listed(), pacs=reached_over_tls, tls_port=secured) as rig:
        assert "Reason: No Reason" in await storescu(rig.scp.port)
        assert rig.refused == ["not-secured"]
        assert await storescu(secured, *options) == ""


def serial_shown(port: int, hospital: Hospital) -> int:
    context = ssl.create_default_context(cafile=str(hospital.ca))
    context.load_cert_chain(*map(str, hospital.pacs))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"").serial_number


async def test_a_renewed_certificate_of_the_storage_scp_is_shown_at_the_next_connection(hospital: Hospital) -> None:
    async with awaiting(hospital.settings, listed(), pacs=PACS) as rig:
        before = await asyncio.to_thread(serial_shown, rig.scp.port, hospital)
        hospital.authority.sign(HERE).write(hospital.folder, "gateway")
        assert await asyncio.to_thread(serial_shown, rig.scp.port, hospital) != before
