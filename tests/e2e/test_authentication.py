"""Every kind of credential through Envoy with TLS, by people and machines with certificates, and by forgers."""

import asyncio
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import httpx
import pytest

from radgate.v1.query_service_pb2 import SearchStudiesResponse
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.audit_trail import granted
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import WEST_FILE, path_of
from tests.e2e.waiting import wait_for
from tests.fakes.authority import Authority, Pair
from tests.integration.identity_provider import IdentityProvider

TENANT = "west"
VIEWER = "URI:spiffe://hospital.example/viewer"
STRANGER = "URI:spiffe://hospital.example/stranger"
STUDIES = "/dicom-web/studies"
SEARCH = "/radgate.v1.QueryService/SearchStudies"
SERVER_NAMES = ("IP:127.0.0.1", "DNS:localhost")
NAMESAKE = "LASTNAME"
"""The family name of WEST_FILE's patient."""
JANE = {"sub": "jane", "groups": ["hospital-west"], "realm_access": {"roles": ["radiologist"]}}
LEA = {**JANE, "sub": "lea", "family_name": NAMESAKE}


class Hospital:
    """A server with TLS, what vouches for it and for its clients, and its identity provider."""

    def __init__(self, folder: Path, provider: IdentityProvider) -> None:
        self.folder = folder
        self.provider = provider
        self.servers, self.clients = Authority("servers"), Authority("clients")
        self.certificate_file, self.key_file = self.servers.sign(*SERVER_NAMES).write(folder, "server")
        ca = folder / "clients.pem"
        ca.write_bytes(self.clients.certificate)
        oidc = {
            "name": "keycloak",
            "issuer": provider.issuer,
            "audience": "radgate",
            "tenant_claim": "groups",
            "tenants": {"hospital-west": TENANT},
            "role_claim": ["realm_access", "roles"],
            "roles": {"radiologist": "viewer"},
        }
        images = folder / "images"
        images.mkdir()
        (images / "dose.dcm").symlink_to(path_of(WEST_FILE))
        self.server = RadgateProcess(
            folder,
            {
                "RADGATE_GATEWAY__TLS_CERTIFICATE_FILE": str(self.certificate_file),
                "RADGATE_GATEWAY__TLS_KEY_FILE": str(self.key_file),
                "RADGATE_GATEWAY__TLS_CLIENT_CA_FILE": str(ca),
                "RADGATE_AUTH__OIDC": json.dumps([oidc]),
                "RADGATE_AUTH__CERTIFICATES": json.dumps([{"name": VIEWER, "tenants": TENANT, "role": "viewer"}]),
            },
        ).tenant(TENANT, FolderConnection(str(images)))

    def context(self, client: Pair | None = None) -> ssl.SSLContext:
        """A client's side of TLS, with a certificate of its own or without."""
        context = ssl.create_default_context(cadata=self.servers.certificate.decode())
        if client is not None:
            with TemporaryDirectory() as folder:
                context.load_cert_chain(*client.write(Path(folder), "client"))
        return context

    def client(self, pair: Pair | None = None, **headers: str) -> httpx.Client:
        """A client over TLS with these headers."""
        url = f"https://{self.server.endpoints['http']}"
        return httpx.Client(base_url=url, headers=headers, verify=self.context(pair), timeout=30, trust_env=False)

    def bearer(self) -> dict[str, str]:
        """The header with the tenant's API key."""
        return {"authorization": f"Bearer {self.server.keys[TENANT]}"}

    def renew(self) -> Pair:
        """Put a new certificate in the old one's place, as careless tools do: one file after the other."""
        renewed = self.servers.sign(*SERVER_NAMES)
        renewed.write(self.folder, "server")
        return renewed

    def shown(self) -> bytes:
        """The certificate that the gateway shows to new connections."""
        host, _, port = self.server.endpoints["http"].partition(":")
        return ssl.get_server_certificate((host, int(port))).encode()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with IdentityProvider((JANE, LEA, {"sub": "joe"})) as provider:
        hospital = Hospital(tmp_path_factory.mktemp("hospital"), provider)
        with hospital.server:
            yield hospital


def test_a_key_works_over_tls_and_nothing_without_a_credential(hospital: Hospital) -> None:
    with hospital.client() as client:
        assert client.get(STUDIES).status_code == 401
        assert len(client.get(STUDIES, headers=hospital.bearer()).json()) == 1


def test_a_token_of_the_identity_provider_is_accepted_and_named_in_the_audit_trail(hospital: Hospital) -> None:
    token = hospital.provider.token("jane", "radgate")
    with hospital.client(authorization=f"Bearer {token}") as client:
        found = client.get(STUDIES)
        assert len(found.json()) == 1
        assert client.get("/api/v1/pacs").status_code == 403
    assert granted(hospital.server, found).key_id == "oidc:keycloak:jane"


@pytest.mark.parametrize(("user", "is_same"), [("lea", True), ("jane", False)])
def test_who_opens_a_study_of_a_namesake_is_marked_in_the_trail_and_reported(
    hospital: Hospital, user: str, is_same: bool
) -> None:
    with hospital.client(authorization=f"Bearer {hospital.provider.token(user, 'radgate')}") as client:
        (study,) = client.get(STUDIES).json()
        opened = client.get(f"{STUDIES}/{study['0020000D']['Value'][0]}/metadata")
        assert opened.status_code == 200
    record = granted(hospital.server, opened)
    assert (record.action, record.key_id) == ("retrieve-metadata", f"oidc:keycloak:{user}")
    assert record.same_family_name == ("yes" if is_same else "")
    words = ("report", "unusual-access", "--tenant", TENANT, "--since", "2026-01-01", "--format", "csv")
    command = (sys.executable, "-m", "radgate_server", "audit", *words)
    report = subprocess.run(command, env=hospital.server.environment, capture_output=True, check=True, timeout=180)
    assert (f"same name,oidc:keycloak:{user}," in report.stdout.decode()) is is_same
    assert NAMESAKE.lower() not in report.stdout.decode().lower()


@pytest.mark.parametrize(("user", "application"), [("jane", "another"), ("joe", "radgate")])
def test_tokens_for_others_and_of_others_are_refused_alike(hospital: Hospital, user: str, application: str) -> None:
    token = hospital.provider.token(user, application)
    with hospital.client(authorization=f"Bearer {token}") as client:
        answer = client.get(STUDIES)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["message"].startswith("this credential is not accepted")


def test_a_client_certificate_stands_for_its_name(hospital: Hospital) -> None:
    with hospital.client(hospital.clients.sign("DNS:ward.example", VIEWER)) as client:
        found = client.get(STUDIES)
        assert len(found.json()) == 1
    assert granted(hospital.server, found).key_id == f"certificate:{VIEWER}"
    with hospital.client(hospital.clients.sign(STRANGER)) as client:
        assert client.get(STUDIES).status_code == 401


def test_a_certificate_that_nobody_vouches_for_opens_no_connection(hospital: Hospital) -> None:
    with hospital.client(Authority("clients").sign(VIEWER)) as client, pytest.raises(httpx.TransportError):
        client.get(STUDIES)


def test_grpc_goes_through_the_gateway_over_tls(hospital: Hospital) -> None:
    pair = hospital.clients.sign(VIEWER)
    credentials = grpc.ssl_channel_credentials(hospital.servers.certificate, pair.key, pair.certificate)
    with grpc.secure_channel(hospital.server.endpoints["http"], credentials) as channel:
        response = SearchStudiesResponse.FromString(channel.unary_unary(SEARCH)(b"", timeout=30))
    assert len(response.studies) == 1


def test_http2_is_agreed_on_and_old_tls_is_not(hospital: Hospital) -> None:
    host, _, port = hospital.server.endpoints["http"].partition(":")
    agreed = _openssl(host, port, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: h2" in agreed
    assert "Protocol: TLSv1.3" in agreed or "TLSv1.3, Cipher" in agreed
    assert "no peer certificate available" in _openssl(host, port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("endpoint", ["gateway", "server"])
def test_what_only_the_gateway_may_say_is_worthless_from_clients(hospital: Hospital, endpoint: str) -> None:
    certificate = "%0A".join(hospital.clients.sign(VIEWER).certificate.decode().replace("+", "%2B").splitlines())
    forged = {
        "x-forwarded-client-cert": f'Hash=00;Cert="{certificate}"',
        "x-radgate-client": "7 10.0.0.1 -",
        "x-forwarded-for": "10.0.0.1",
    }
    if endpoint == "gateway":
        with hospital.client(**forged) as client:
            assert client.get(STUDIES).status_code == 401
            found = client.get(STUDIES, headers=hospital.bearer())
        assert found.status_code == 200
        assert granted(hospital.server, found).address == "127.0.0.1"
        return
    with grpc.insecure_channel(hospital.server.endpoints["grpc"]) as channel:
        search = channel.unary_unary(SEARCH)
        with pytest.raises(grpc.RpcError) as caught:
            search(b"", metadata=tuple(forged.items()), timeout=30)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        named = {**hospital.bearer(), "x-request-id": "forged-with-a-key"}
        search(b"", metadata=(*forged.items(), *named.items()), timeout=30)
    assert granted(hospital.server, named["x-request-id"]).address == "127.0.0.1"


def test_a_key_may_be_rotated_while_both_work_and_shows_when_it_was_used(hospital: Hospital) -> None:
    run = hospital.server.cli
    old = run("key", "create", "--tenant", TENANT, "--role", "viewer", "--expires", "90d").strip()
    with hospital.client() as client:

        def status(token: str) -> int:
            return client.get(STUDIES, headers={"authorization": f"Bearer {token}"}).status_code

        assert status(old) == 200
        new = run("key", "rotate", old.split("_")[1], "--overlap", "24h").strip()
        assert [status(old), status(new)] == [200, 200]
        run("key", "revoke", old.split("_")[1])
        wait_for(lambda: status(old) == 401, "the server knows that the key is revoked")
        assert status(new) == 200
        short = run("key", "create", "--tenant", TENANT, "--role", "viewer", "--expires", "6s").strip()
        wait_for(lambda: status(short) == 401, "the key ends", 60)

    def used() -> bool:
        listed = {row["key"]: row for row in json.loads(run("key", "list", "--json"))}
        former, latter = listed[old.split("_")[1]], listed[new.split("_")[1]]
        assert (former["replaced_by"], latter["role"]) == (latter["key"], "viewer")
        return all(row["last_use_time"] for row in (former, latter))

    wait_for(used, "the uses are written down", 60)


async def test_a_certificate_is_renewed_under_load_without_a_failed_request(hospital: Hospital) -> None:
    """Requests on connections that stay open, and on new ones each time, while the files are replaced three times."""
    async with _load(hospital) as statuses:
        for _ in range(3):
            renewed, before = hospital.renew(), len(statuses)
            await asyncio.to_thread(
                wait_for, lambda pair=renewed: hospital.shown() == pair.certificate, "the new certificate"
            )
            await asyncio.to_thread(wait_for, lambda count=before + 20: len(statuses) > count, "some requests", 60)
    assert set(statuses) == {200}


def test_files_that_do_not_belong_together_change_nothing(hospital: Hospital) -> None:
    before, warning = hospital.shown(), "renewed TLS files are not usable"
    warnings = hospital.server.log().count(warning)
    shutil.copy(hospital.key_file, hospital.folder / "kept.key")
    hospital.key_file.write_bytes(hospital.servers.sign(*SERVER_NAMES).key)
    wait_for(lambda: hospital.server.log().count(warning) > warnings, "the warning")
    assert hospital.shown() == before
    shutil.copy(hospital.folder / "kept.key", hospital.key_file)


@asynccontextmanager
async def _load(hospital: Hospital) -> AsyncIterator[list[int]]:
    statuses: list[int] = []
    url, stop = f"https://{hospital.server.endpoints['http']}", asyncio.Event()

    async def ask(client: httpx.AsyncClient) -> None:
        statuses.append((await client.get(url + STUDIES, headers=hospital.bearer())).status_code)

    async def on_one_connection() -> None:
        async with httpx.AsyncClient(verify=hospital.context(), timeout=30, trust_env=False, http2=True) as client:
            while not stop.is_set():
                await ask(client)

    async def on_new_connections() -> None:
        while not stop.is_set():
            async with httpx.AsyncClient(verify=hospital.context(), timeout=30, trust_env=False) as client:
                await ask(client)

    async with asyncio.TaskGroup() as group:
        for work in (on_one_connection, on_one_connection, on_new_connections, on_new_connections):
            group.create_task(work())
        try:
            yield statuses
        finally:
            stop.set()


def _openssl(host: str, port: str, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", *options]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr
