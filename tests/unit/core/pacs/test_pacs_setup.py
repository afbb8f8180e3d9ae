from dataclasses import replace

import pytest

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
)
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.pacs.setup import PacsSetup, check_setup, keep_secret
from radgate_server.core.secrets.secret import NO_SECRET, Secret
from tests.fakes.clock import START

DIMSE = DimseConnection("pacs.example", 104, "PACS", "RADGATE", username="me", password=Secret("old"))
OAUTH2 = HttpAuth(HttpAuthMethod.OAUTH2, username="radgate", token_url="https://login.example/token")
WEB = DicomWebConnection("https://pacs.example/rs", auth=OAUTH2, password=Secret("old"))
ORTHANC = OrthancConnection("http://pacs.example:8042", HttpAuth(HttpAuthMethod.BASIC, "me"), password=Secret("old"))


def without_secret[Connection: (DimseConnection, DicomWebConnection, OrthancConnection)](
    connection: Connection,
) -> Connection:
    return replace(connection, password=NO_SECRET)


def config(name: str, backup_for: str = "") -> PacsConfig:
    return PacsConfig("east", name, DIMSE, START, backup_for)


@pytest.mark.parametrize("connection", [DIMSE, WEB, ORTHANC])
def test_a_secret_stays_with_those_who_know_it(connection: DimseConnection) -> None:
    assert keep_secret(connection, without_secret(connection)) == connection


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DIMSE, replace(DIMSE, max_associations=9, calling_aet="OTHER", called_aet=" PACS ")),
        (WEB, replace(WEB, max_connections=9, auth=replace(OAUTH2, scope="dicom"))),
    ],
)
def test_what_does_not_matter_to_a_secret_may_change(old: DimseConnection, new: DimseConnection) -> None:
    assert keep_secret(old, without_secret(new)) == new


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (DIMSE, replace(DIMSE, host="evil.example"), "dimse.host"),
        (DIMSE, replace(DIMSE, port=105), "dimse.port"),
        (DIMSE, replace(DIMSE, called_aet="OTHER"), "dimse.called_aet"),
        (DIMSE, replace(DIMSE, username="you"), "dimse.username"),
        (replace(DIMSE, tls=DimseTls("/ca.pem")), DIMSE, "dimse.tls"),
        (replace(DIMSE, tls=DimseTls("/ca.pem")), replace(DIMSE, tls=DimseTls("/mine.pem")), "dimse.tls"),
        (WEB, replace(WEB, url="http://pacs.example/rs"), "dicomweb.url"),
        (WEB, replace(WEB, wado_uri_url="https://evil.example/wado"), "dicomweb.wado_uri_url"),
        (WEB, replace(WEB, auth=replace(OAUTH2, token_url="https://evil.example")), "dicomweb.auth.token_url"),
        (WEB, replace(WEB, auth=replace(OAUTH2, username="you")), "dicomweb.auth.username"),
        (WEB, replace(WEB, auth=HttpAuth(HttpAuthMethod.BEARER)), "dicomweb.auth.method"),
        (WEB, replace(WEB, tls=HttpTls("/mine.pem")), "dicomweb.tls.ca_file"),
        (ORTHANC, replace(ORTHANC, url="http://evil.example:8042"), "orthanc.url"),
    ],
)
def test_a_secret_goes_nowhere_else(old: DimseConnection, new: DimseConnection, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        keep_secret(old, without_secret(new))
    assert caught.value.field == f"{new.kind}.password"
    assert field in caught.value.description
    assert keep_secret(old, replace(new, password=Secret("new"))).password == Secret("new")


def test_a_secret_that_is_of_no_use_is_dropped() -> None:
    assert keep_secret(DIMSE, replace(DIMSE, username="", password=NO_SECRET)).password == NO_SECRET
    plain = replace(WEB, auth=HttpAuth(), password=NO_SECRET)
    assert keep_secret(WEB, plain) == plain
    assert keep_secret(ORTHANC, without_secret(WEB)) == without_secret(WEB)


@pytest.mark.parametrize(
    ("connection", "hosts"),
    [
        (DIMSE, ("pacs.example",)),
        (FolderConnection("/images"), ()),
        (replace(WEB, wado_uri_url="http://[fd00::1]/wado"), ("pacs.example", "fd00::1", "login.example")),
        (ORTHANC, ("pacs.example",)),
    ],
)
def test_every_host_of_a_connection_is_reported(connection: PacsConnection, hosts: tuple[str, ...]) -> None:
    assert connection.hosts == hosts


def test_a_place_does_not_depend_on_how_it_is_used() -> None:
    assert DIMSE.place == replace(DIMSE, max_associations=1, username="", password=NO_SECRET).place
    places = {each.place for each in (DIMSE, replace(DIMSE, port=105), WEB, ORTHANC, FolderConnection("/images"))}
    assert len(places) == 5


def test_the_same_orthanc_with_other_labels_is_another_place() -> None:
    labels = (
        StudyLabels(),
        StudyLabels(("a",)),
        StudyLabels(("a",), LabelsConstraint.ANY),
        StudyLabels(("b",)),
        StudyLabels(("a", "b")),
    )
    assert len({replace(ORTHANC, labels=each).place for each in labels}) == len(labels)
    assert replace(ORTHANC, labels=StudyLabels((), LabelsConstraint.NONE)).place == ORTHANC.place


@pytest.mark.parametrize("names", [("",), ("a.b",), ("ä",), ("a b",), ("x" * 65,), ("a\n",), ("a",) * 33])
def test_labels_that_no_study_can_carry_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        replace(ORTHANC, labels=StudyLabels(names)).checked()
    assert caught.value.field == "orthanc.labels"
    replace(ORTHANC, labels=StudyLabels(("x" * 64, "a-B_9"))).checked()


def test_a_setup_is_tidied_and_its_group_checked() -> None:
    setup = PacsSetup(replace(DIMSE, called_aet=" PACS "), "main")
    assert check_setup("spare", setup, [config("main")]) == PacsSetup(DIMSE, "main")
    assert check_setup("spare", setup, [config("main"), config("spare", "main")]).backup_for == "main"
    for others in ([], [config("main", "first")], [config("main"), config("third", "spare")]):
        with pytest.raises(InvalidArgumentError, match="backup_for: "):
            check_setup("spare", setup, others)
    with pytest.raises(InvalidArgumentError, match=r"failover\.threshold: "):
        check_setup("main", PacsSetup(DIMSE, failover=FailoverPolicy(threshold=0)), [])


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "connection", "X-Key\r\nHost", ""])
def test_a_key_goes_into_a_header_of_its_own(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"auth\.header"):
        replace(ORTHANC, password=Secret("k"), auth=HttpAuth(HttpAuthMethod.API_KEY, header=name)).checked()


@pytest.mark.parametrize(
    "url", ["http://pacs/\x1b[31m", "http://pa\tcs/", "http://pacs/a\r\nb", "http://pacs/\xfc", " http://pacs"]
)
def test_an_url_is_printable_ascii_so_that_all_who_read_it_read_the_same(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"orthanc\.url"):
        replace(ORTHANC, url=url).checked()
