"""A PACS whose kind a package outside of radgate-server declares, over the API."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from radgate.v1 import admin_service_pb2 as messages
from radgate.v1.query_service_pb2 import SearchStudiesRequest
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from radgate.v1.retrieve_service_pb2 import RetrieveInstancesRequest
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.core.access.tenancy import ANY_TENANT, Role
from radgate_server.core.secrets.secret import Secret
from tests.extension.installing import install_toy, installed
from tests.extension.toy_archive import ToyArchive
from tests.fakes.instances import make_dataset
from tests.rpc.administrator import Administrator
from tests.rpc.calls import reason_of
from tests.rpc.rig import Rig, running_rig

STUDY = "2.25.7077"
SECRET = "correct-horse"


@pytest.fixture(scope="module")
def archive() -> Iterator[ToyArchive]:
    files = [make_dataset(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}", number=number) for number in (1, 2)]
    with ToyArchive(files, SECRET) as archive:
        yield archive


@pytest.fixture
async def rig(tmp_path: Path, archive: ToyArchive, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    async def dial(_: Rig, _address: object, port: int) -> None:
        assert port == archive.port

    monkeypatch.setattr(Rig, "dial", dial)
    install_toy(tmp_path)
    with installed(tmp_path):
        async with running_rig() as rig:
            yield rig


@pytest.fixture
async def operator(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key(ANY_TENANT, role=Role.ADMIN), "east")


@pytest.fixture
async def admin(rig: Rig, channel: grpc.aio.Channel) -> Administrator:
    return Administrator(channel, await rig.key("east", role=Role.ADMIN))


def toy(port: int, **more: Any) -> dict[str, Any]:
    return {"kind": "toy", "settings": {"host": "127.0.0.1", "port": port}, "password": SECRET, **more}


async def test_it_is_added_validated_searched_and_retrieved_from(
    rig: Rig, channel: grpc.aio.Channel, operator: Administrator, archive: ToyArchive
) -> None:
    created = (await operator("CreatePacs", pacs={"name": "toys", "extension": toy(archive.port)})).pacs
    assert created.validation.passed
    assert created == (await operator("GetPacs", name="toys")).pacs
    assert (created.extension.kind, dict(created.extension.settings), created.extension.password) == (
        "toy",
        {"host": "127.0.0.1", "port": archive.port, "tls": False, "ca_file": ""},
        "",
    )
    assert (await rig.directory.list_pacs("east"))[-1].connection.secret == Secret(SECRET)
    metadata = [("authorization", f"Bearer {await rig.key('east')}")]
    query: Any = QueryServiceStub(channel)
    studies = (await query.SearchStudies(SearchStudiesRequest(), metadata=metadata)).studies
    assert [list(study.pacs) for study in studies if study.study_instance_uid == STUDY] == [["toys"]]
    retrieve: Any = RetrieveServiceStub(channel)
    received = bytearray()
    async for response in retrieve.RetrieveInstances(
        RetrieveInstancesRequest(study_instance_uid=STUDY), metadata=metadata
    ):
        received += response.chunk
    assert received == b"".join(archive.files.values())


async def test_it_is_changed_and_keeps_its_secret_where_it_was_given_for(
    rig: Rig, operator: Administrator, archive: ToyArchive
) -> None:
    await operator("CreatePacs", pacs={"name": "toys", "extension": toy(archive.port)})
    same = {"name": "toys", "extension": {"kind": "toy", "settings": {"host": "127.0.0.1", "port": archive.port}}}
    await operator("UpdatePacs", pacs=same)
    assert (await rig.directory.list_pacs("east"))[-1].connection.secret == Secret(SECRET)
    same["extension"]["settings"]["host"] = "elsewhere.example"  # type: ignore[index]
    with pytest.raises(
        grpc.aio.AioRpcError, match=r"pacs.extension.password: must be given again when toy.host changes"
    ):
        await operator("UpdatePacs", pacs=same)


async def test_it_is_detected(operator: Administrator, archive: ToyArchive) -> None:
    found = await operator("DetectPacs", endpoint="127.0.0.1", port=archive.port, username="me", secret=SECRET)
    toys = [each.pacs for each in found.findings if each.pacs.WhichOneof("connection") == "extension"]
    assert [(each.name, each.extension.kind, each.extension.settings["port"]) for each in toys] == [
        ("toy", "toy", archive.port)
    ]
    (attempt,) = [each for each in found.attempts if each.kind == messages.DETECT_KIND_EXTENSION]
    assert (attempt.extension_kind, attempt.reason) == ("toy", 0)


@pytest.mark.parametrize(
    ("extension", "refusal"),
    [
        ({"kind": ""}, "pacs.extension.kind: "),
        ({"kind": "os.path"}, "pacs.extension.kind: is unknown; packages that are installed here declare: toy"),
        ({"kind": "dimse"}, "pacs.extension.kind: dimse is a kind of this server: give the connection as dimse"),
        ({"settings": {}}, "pacs.extension.settings.host: "),
        ({"settings": {"hots": "a"}}, "pacs.extension.settings.hots: is unknown; the nearest is host"),
        ({"settings": {"host": "a", "port": "many"}}, "pacs.extension.settings.port: "),
        ({"settings": {"host": "a", "port": 1.5}}, "pacs.extension.settings.port: "),
        ({"settings": {"host": "a", "port": [1]}}, "pacs.extension.settings.port: "),
        ({"settings": {"host": {"a": "b"}}}, "pacs.extension.settings.host: "),
        ({"settings": {"host": None}}, "pacs.extension.settings.host: "),
        ({"settings": {"host": "a", "port": 0}}, "pacs.extension.settings.port: must be from 1 to 65535"),
        ({"settings": {"host": "a", "kind": "dimse"}}, "pacs.extension.settings.kind: is unknown"),
        (
            {"settings": {"host": "a", "password": "hunter2"}},
            "pacs.extension.settings.password: a secret is no setting: give it as extension.password",
        ),
        ({"password_ref": "vault:a#b"}, "pacs.extension.password_ref: can't be given together with the secret itself"),
    ],
)
async def test_settings_that_do_not_fit_are_refused_by_name(
    operator: Administrator, extension: dict[str, Any], refusal: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operator("CreatePacs", pacs={"name": "toys", "extension": {**toy(7077), **extension}})
    assert (reason_of(caught.value), (caught.value.details() or "")[: len(refusal)]) == ("INVALID_ARGUMENT", refusal)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"host": "127.0.0.1"}, "ADDRESS_NOT_ALLOWED"),
        ({"host": "metadata.vault"}, "ADDRESS_NOT_ALLOWED"),
        ({"host": "pacs.example", "ca_file": "/west.pem"}, "ROLE_NOT_ALLOWED"),
    ],
)
async def test_a_tenants_administrator_stays_within_the_policy(
    admin: Administrator, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await admin("CreatePacs", pacs={"name": "toys", "extension": toy(7077, settings=settings)})
    assert reason_of(caught.value) == reason
