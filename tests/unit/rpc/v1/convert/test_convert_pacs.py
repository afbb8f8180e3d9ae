"""Pacs out and in, and what an update changes of it."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson

from radgate.v1.admin_service_pb2 import Pacs
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    DimseTls,
    FailoverPolicy,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    HttpTls,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
    TlsProfile,
)
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretReference, SecretScheme
from radgate_server.rpc.v1.convert.pacs import change_setup, from_pacs, to_pacs
from radgate_server.services.administration.pacs import PacsOverview
from tests.fakes.clock import START

TLS = DimseTls("/ca.pem", verify_host=False, profile=TlsProfile.MODIFIED, server_name="p", certificate_ref="env:ID")
DIMSE = DimseConnection(
    "pacs.example",
    104,
    "PACS",
    "RADGATE",
    retrieve_method=RetrieveMethod.MOVE,
    max_associations=2,
    min_bytes_per_second=0,
    tls=TLS,
    username="me",
    password=Secret("hunter2"),
    sender_aets=("NODE1", "NODE2"),
    sender_networks=("10.0.0.0/8",),
)
WEB = DicomWebConnection(
    "https://pacs.example/rs",
    wado_uri_url="https://pacs.example/wado",
    auth=HttpAuth(HttpAuthMethod.OAUTH2, "radgate", token_url="https://login.example/token", scope="a b"),
    tls=HttpTls("/ca.pem", "/own.pem", "/own.key"),
    max_connections=3,
    min_bytes_per_second=5_000,
    password=Secret("hunter2"),
)
ORTHANC = OrthancConnection(
    "http://pacs.example:8042",
    auth=HttpAuth(HttpAuthMethod.API_KEY, header="X-Key"),
    labels=StudyLabels(("research", "2026"), LabelsConstraint.NONE),
    password=Secret("hunter2"),
)
FOLDER = FolderConnection("/images")
SETUP = PacsSetup(DIMSE, "main", FailoverPolicy(enabled=False, threshold=7, failback_after_s=1.5))
IN_VARIABLE = SecretReference(SecretScheme.ENV, "PACS")


@pytest.mark.parametrize("connection", [DIMSE, WEB, ORTHANC, FOLDER], ids=lambda found: found.kind)
def test_all_but_the_secret_goes_out_and_comes_in(connection: PacsConnection) -> None:
    config = PacsConfig("east", "spare", connection, START, "main", SETUP.failover)
    message = to_pacs(PacsOverview(config, None, active=False))
    assert "hunter2" not in MessageToJson(message)
    assert from_pacs(message) == PacsSetup(connection.with_secret(NO_SECRET), "main", SETUP.failover)


def test_what_is_not_given_has_defaults() -> None:
    setup = from_pacs(Pacs(dicomweb={"url": "https://pacs.example"}, failover={"threshold": 5}))
    assert setup == PacsSetup(DicomWebConnection("https://pacs.example"), "", FailoverPolicy(threshold=5))


@pytest.mark.parametrize(
    ("given", "paths", "expected"),
    [
        ({"dimse": {"port": 105, "password": "new"}}, [], {"port": 105, "password": Secret("new")}),
        ({"dimse": {"max_associations": 9}}, [], {"max_associations": 9}),
        ({"dimse": {"max_associations": 9, "port": 105}}, ["dimse.max_associations"], {"max_associations": 9}),
        ({"dimse": {"retrieve_method": 1}}, ["dimse.retrieve_method"], {"retrieve_method": RetrieveMethod.GET}),
        (
            {"dimse": {"tls": {"verify_host": True}, "password": "new"}},
            ["dimse.tls.verify_host", "dimse.password"],
            {"tls": replace(TLS, verify_host=True), "password": Secret("new")},
        ),
        ({}, ["dimse.tls", "dimse.username", "dimse.password"], {"tls": None, "username": "", "password": NO_SECRET}),
        ({}, ["dimse.username"], {"username": "", "password": NO_SECRET}),
        ({}, ["dimse.password"], {"password": NO_SECRET}),
        ({"dimse": {"password_ref": "env:PACS"}}, [], {"password": IN_VARIABLE}),
        ({"dimse": {"port": 105, "password_ref": "env:PACS"}}, [], {"port": 105, "password": IN_VARIABLE}),
    ],
)
def test_an_update_changes_what_is_named_or_given(
    given: dict[str, Any], paths: list[str], expected: dict[str, Any]
) -> None:
    assert change_setup(SETUP, Pacs(**given), paths) == replace(SETUP, connection=replace(DIMSE, **expected))


def test_a_reference_is_reported_and_stays_where_it_was_given_for() -> None:
    setup = replace(SETUP, connection=replace(DIMSE, password=IN_VARIABLE))
    reported = to_pacs(PacsOverview(PacsConfig("east", "spare", setup.connection, START), None, active=True))
    assert (reported.dimse.password_ref, reported.dimse.password) == ("env:PACS", "")
    assert change_setup(setup, Pacs(dimse={"max_associations": 9}), []).connection == replace(
        setup.connection, max_associations=9
    )
    with pytest.raises(InvalidArgumentError, match="given again"):
        change_setup(setup, Pacs(dimse={"host": "evil.example"}), [])
    given = change_setup(setup, Pacs(dimse={"host": "evil.example", "password": "new"}), [])
    assert given.connection == replace(DIMSE, host="evil.example", password=Secret("new"))


@pytest.mark.parametrize(
    "dimse",
    [{"password": "a", "password_ref": "env:B"}, {"password_ref": "http://x"}, {"password_ref": "vault:a/../b#c"}],
)
def test_what_is_no_reference_is_refused(dimse: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError, match="password_ref"):
        change_setup(SETUP, Pacs(dimse=dimse), [])


def test_an_update_changes_the_group_and_its_policy() -> None:
    assert change_setup(SETUP, Pacs(), ["backup_for"]) == replace(SETUP, backup_for="")
    assert change_setup(SETUP, Pacs(), ["failover"]) == replace(SETUP, failover=FailoverPolicy())
    given = Pacs(failover={"enabled": True, "failback_after": {"seconds": 9}})
    policy = FailoverPolicy(enabled=True, threshold=7, failback_after_s=9)
    assert change_setup(SETUP, given, []) == replace(SETUP, failover=policy)
    assert change_setup(SETUP, given, ["failover.threshold"]).failover.threshold == FailoverPolicy().threshold


def test_what_is_only_reported_may_come_back_with_an_update() -> None:
    config = PacsConfig("east", "spare", DIMSE, START, "main", SETUP.failover)
    assert change_setup(SETUP, to_pacs(PacsOverview(config, None, active=True)), []) == SETUP


def test_another_kind_of_connection_takes_nothing_of_the_old_one() -> None:
    changed = change_setup(SETUP, Pacs(orthanc={"url": "http://pacs.example:8042"}), [])
    assert changed == replace(SETUP, connection=OrthancConnection("http://pacs.example:8042"))


@pytest.mark.parametrize(
    ("orthanc", "paths", "labels"),
    [
        ({"labels": ["teaching"]}, [], StudyLabels(("teaching",), LabelsConstraint.NONE)),
        ({"labels": ["teaching"]}, ["orthanc.labels"], StudyLabels(("teaching",), LabelsConstraint.NONE)),
        ({}, ["orthanc.labels"], StudyLabels((), LabelsConstraint.NONE)),
        ({}, ["orthanc.labels_constraint"], StudyLabels(("research", "2026"))),
    ],
)
def test_labels_are_changed_as_a_whole(orthanc: dict[str, list[str]], paths: list[str], labels: StudyLabels) -> None:
    changed = change_setup(replace(SETUP, connection=ORTHANC), Pacs(orthanc=orthanc), paths)
    assert changed.connection == replace(ORTHANC, labels=labels)


def test_a_constraint_that_this_server_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        from_pacs(Pacs(orthanc={"url": "http://pacs.example:8042", "labels_constraint": 9}))
    assert caught.value.field == "orthanc.labels_constraint"


@pytest.mark.parametrize(
    "path",
    ["", "nonsense", "name", "state", "active", "create_time", "dimse.nonsense", "dimse.port.x", "dimse.", "*"],
)
def test_a_path_to_nothing_that_can_be_changed_is_named(path: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        change_setup(SETUP, Pacs(dimse={"port": 105}), ["dimse.port", path])
    assert caught.value.field == "update_mask"
    assert repr(path) in caught.value.description


@pytest.mark.parametrize("paths", [[], ["dimse.host"], ["dimse"]])
def test_an_update_does_not_send_the_secret_elsewhere(paths: list[str]) -> None:
    given = Pacs(dimse={"host": "evil.example", "port": 104, "called_aet": "PACS", "username": "me"})
    with pytest.raises(InvalidArgumentError) as caught:
        change_setup(SETUP, given, paths)
    assert caught.value.field == "dimse.password"


@pytest.mark.parametrize("field", ["dicomweb", "orthanc"])
def test_an_unknown_method_is_refused(field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        from_pacs(Pacs(**{field: {"url": "http://pacs.example", "auth": {"method": 77}}}))
    assert caught.value.field == f"{field}.auth.method"
