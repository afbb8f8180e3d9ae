"""`radgate pacs`: what is added, changed, listed, validated, switched over and removed."""

import asyncio
import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.pacs.statuses import SqlStatusBoard
from radgate_server.cli.pacs.detect import add_command
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.health import BreakerState, Health, OperationState, PacsStatus
from tests.unit.cli.command_line import Cli

WEB = ("pacs", "add", "dicomweb", "--tenant", "north", "--name", "web", "--url", "https://pacs.example/rs")
UPDATE_WEB = ("pacs", "update", "dicomweb", "--tenant", "north", "--name", "web")
SECRETS = {"PACS_SECRET": "hunter2", "NEW_SECRET": "correct horse"}

DIMSE = (
    *("pacs", "add", "dimse", "--tenant", "north", "--host", "pacs.example.org", "--port", "104"),
    *("--called-aet", "ARCHIVE", "--calling-aet", "RADGATE", "--no-validate"),
)


RATE = ("--min-bytes-per-second", "50")


def test_a_dimse_pacs_is_added_with_its_options(north: Cli, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    north.ok(*DIMSE, "--name", "main", "--retrieve", "move", "--max-associations", "2", "--tls-ca", str(ca), *RATE)
    (found,) = north.json("pacs", "list", "--tenant", "north")
    assert found.pop("create_time")
    assert found == {
        "tenant": "north",
        "name": "main",
        "kind": "dimse",
        "host": "pacs.example.org",
        "port": 104,
        "called_aet": "ARCHIVE",
        "calling_aet": "RADGATE",
        "retrieve_method": "move",
        "max_associations": 2,
        "min_bytes_per_second": 50,
        "tls": {
            "ca_file": str(ca),
            "certificate_file": "",
            "private_key_file": "",
            "verify_host": True,
            "profile": "bcp195",
            "server_name": "",
            "certificate_ref": "",
        },
        "username": "",
        "sender_aets": [],
        "sender_networks": [],
        "backup_for": "",
        "failover": {"enabled": True, "threshold": 3, "failback_after_s": 60.0},
        "active": True,
        "status": None,
        "validation": None,
    }


def test_tls_and_senders_of_a_dimse_pacs_are_changed_one_by_one(north: Cli, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    sender = ("--sender-aet", "NODE1", "--sender-aet", "NODE2", "--sender-network", "10.0.0.0/8")
    north.ok(*DIMSE, "--name", "main", "--tls-ca", str(ca), "--tls-server-name", "pacs.internal", *sender)
    change = ("pacs", "update", "dimse", "--tenant", "north", "--name", "main", "--no-validate")
    for option in (("--tls-no-verify-host",), ("--tls-cert-ref", "env:ID"), ("--tls-profile", "bcp195-nd")):
        north.ok(*change, *option)
    (found,) = north.json("pacs", "list")
    assert found["tls"] == {
        "ca_file": str(ca),
        "certificate_file": "",
        "private_key_file": "",
        "verify_host": False,
        "profile": "bcp195-nd",
        "server_name": "pacs.internal",
        "certificate_ref": "env:ID",
    }
    assert (found["sender_aets"], found["sender_networks"]) == (["NODE1", "NODE2"], ["10.0.0.0/8"])
    north.ok(*change, "--no-tls", "--sender-aet", "")
    (found,) = north.json("pacs", "list")
    assert (found["tls"], found["sender_aets"], found["sender_networks"]) == (None, [], ["10.0.0.0/8"])


def test_a_password_is_asked_for_or_read_and_never_shown(north: Cli, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from a file\nand more")
    asked = north.ok(*DIMSE, "--name", "asked", "--username", "me", typed="typed secret\n")
    north.ok(*DIMSE, "--name", "read", "--username", "me", "--password-file", str(file))
    shown = asked.output + north.ok("pacs", "list").output + north.ok("pacs", "list", "--json").output
    assert "typed secret" not in shown
    assert "from a file" not in shown
    assert all(sealed is not None for (sealed,) in north.query("SELECT sealed_password FROM pacs"))
    assert not re.search("typed secret|from a file", str(north.query("SELECT * FROM pacs")))


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--port", "70000"), 2, "70000 is not in the range"),
        (("--retrieve", "fetch"), 2, "'fetch' is not one of"),
        (("--no-tls", "--tls-no-verify-host"), 2, "--no-tls goes with no other"),
        (("--tls-profile", "ssl3"), 2, "'ssl3' is not one of"),
        (("--sender-network", "10.0.0.1/8"), 1, "not a network"),
        (("--tls-cert-ref", "nowhere"), 1, "must begin with one of"),
        (("--tls-cert", __file__), 2, "--tls-cert and --tls-key go together"),
        (("--password-file", __file__), 2, "--password-file needs --username"),
        (("--called-aet", "X" * 17), 1, "an AE title has 1 to 16"),
        (("--host", "not a host"), 1, "must be a host name"),
        (("--tenant", "south"), 1, "no tenant"),
    ],
)
def test_bad_options_of_a_pacs_are_reported(north: Cli, options: tuple[str, ...], status: int, message: str) -> None:
    assert message in north.refused(*DIMSE, "--name", "main", *options, status=status)
    assert north.json("pacs", "list") == []


def test_a_stored_pacs_of_an_unknown_kind_is_listed_beside_the_others(north: Cli) -> None:
    north.ok(*DIMSE, "--name", "main")
    north.ok(*DIMSE, "--name", "tape")
    north.change("UPDATE pacs SET connection = ? WHERE name = 'tape'", ('{"kind": "tape", "drive": 3}',))
    main, tape = north.json("pacs", "list", "--tenant", "north")
    assert (main["kind"], tape["kind"], tape["drive"]) == ("dimse", "tape", 3)
    listed = north.ok("pacs", "list", "--tenant", "north")
    assert "unusable: its kind is unknown" in listed.stdout
    assert "PACS tape of north can't be used: this installation knows no PACS of the kind 'tape'" in listed.stderr
    assert "install what provides the kind" in north.run("pacs", "validate", "--tenant", "north", "tape").output
    north.ok("pacs", "remove", "--tenant", "north", "--name", "tape")
    assert [pacs["name"] for pacs in north.json("pacs", "list", "--tenant", "north")] == ["main"]


def test_a_stored_pacs_with_settings_of_another_release_is_listed_beside_the_others(north: Cli) -> None:
    north.ok(*DIMSE, "--name", "main")
    north.ok(*DIMSE, "--name", "newer")
    north.change("UPDATE pacs SET connection = ? WHERE name = 'newer'", ('{"kind": "folder", "pth": "/x"}',))
    main, newer = north.json("pacs", "list", "--tenant", "north")
    assert (main["kind"], newer["pth"]) == ("dimse", "/x")
    listed = north.ok("pacs", "list", "--tenant", "north")
    assert "the field 'pth' of its stored settings does not fit the kind 'folder'" in listed.stderr
    update = ("pacs", "update", "folder", "--tenant", "north", "--name", "newer", "--path", "/", "--no-validate")
    assert "run the release that stored it" in north.refused(*update)
    north.ok("pacs", "remove", "--tenant", "north", "--name", "newer")


def test_a_folder_is_read_when_it_is_added(north: Cli, images: Path) -> None:
    result = north.ok("pacs", "add", "folder", "--tenant", "north", "--name", "images", "--path", str(images))
    assert result.stdout == ""
    assert "2 instances; files left out: 1 not DICOM\n" in result.stderr
    (found,) = north.json("pacs", "list")
    assert (found["kind"], found["path"]) == ("folder", str(images))
    assert "images answered in" in north.ok("pacs", "test", "--tenant", "north", "--name", "images").stdout


def test_a_folder_without_images_is_refused_unless_set_otherwise(north: Cli, tmp_path: Path) -> None:
    add = ("pacs", "add", "folder", "--tenant", "north", "--name", "images", "--path", str(tmp_path))
    result = north.run(*add)
    assert result.exit_code == 1
    assert "holds no DICOM instance" in result.stderr
    north.ok(*add, "--no-index")
    assert len(north.json("pacs", "list")) == 1


def test_pacs_are_listed_in_order_and_removed(north: Cli) -> None:
    for name in ("zebra", "main"):
        north.ok(*DIMSE, "--name", name)
    table = north.ok("pacs", "list").stdout.splitlines()
    assert table[0].split()[:5] == ["TENANT", "NAME", "KIND", "WHERE", "BACKUP-FOR"]
    assert [line.split()[1] for line in table[1:]] == ["zebra", "main"]
    assert "ARCHIVE@pacs.example.org:104 (C-GET)" in table[1]
    assert len({line.index(word) for line, word in zip(table, ("KIND", "dimse", "dimse"), strict=True)}) == 1
    north.ok("pacs", "remove", "--tenant", "north", "--name", "zebra")
    assert [found["name"] for found in north.json("pacs", "list")] == ["main"]
    assert "no PACS" in north.refused("pacs", "remove", "--tenant", "north", "--name", "zebra")
    assert "no PACS" in north.refused("pacs", "test", "--tenant", "north", "--name", "zebra")
    assert "no tenant" in north.refused("pacs", "list", "--tenant", "south")


@pytest.fixture
def web(north: Cli) -> Cli:
    """With the PACS web, whose password is hunter2."""
    north.environment |= SECRETS
    north.ok(*WEB, "--no-validate", "--username", "me", "--password-env", "PACS_SECRET")
    return north


@pytest.fixture
def pair(north: Cli, images: Path) -> Cli:
    """With main and its backup spare, both the folder of images."""
    for name, options in (("main", ()), ("spare", ("--backup-for", "main"))):
        north.ok("pacs", "add", "folder", "--tenant", "north", "--name", name, "--path", str(images), *options)
    return north


def sealed(cli: Cli) -> Any:
    """The one PACS's secret as it is kept."""
    return cli.query("SELECT sealed_password FROM pacs")[0][0]


@pytest.mark.parametrize(
    ("options", "auth"),
    [
        ((), {"method": "none"}),
        (("--username", "me", "--password-env", "PACS_SECRET"), {"method": "basic", "username": "me"}),
        (("--bearer-env", "PACS_SECRET"), {"method": "bearer"}),
        (("--api-key-header", "X-Key", "--api-key-env", "PACS_SECRET"), {"method": "api-key", "header": "X-Key"}),
        (
            (
                *("--oauth2-token-url", "https://login.example/token", "--client-id", "radgate"),
                *("--client-secret-env", "PACS_SECRET", "--scope", "a b"),
            ),
            {
                "method": "oauth2",
                "token_url": "https://login.example/token",
                "username": "radgate",
                "scope": "a b",
            },
        ),
    ],
)
@pytest.mark.parametrize("kind", ["dicomweb", "orthanc"])
def test_a_web_pacs_is_added_with_its_credentials(
    north: Cli, tmp_path: Path, kind: str, options: tuple[str, ...], auth: dict[str, str]
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    north.environment |= SECRETS
    add = (*WEB[:2], kind, *WEB[3:], "--no-validate", "--ca", str(ca), "--max-connections", "3", *options)
    assert "hunter2" not in north.ok(*add).output
    (found,) = north.json("pacs", "list")
    assert (found["kind"], found["url"], found["max_connections"]) == (kind, "https://pacs.example/rs", 3)
    assert {name: value for name, value in found["auth"].items() if value} == auth
    assert found["tls"] == {"ca_file": str(ca), "certificate_file": "", "private_key_file": ""}
    assert "password" not in found
    assert (sealed(north) is not None) == bool(options)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--username", "me", "--bearer-env", "PACS_SECRET"), 2, "--username and --bearer-env are of different kinds"),
        (("--bearer-env", "NOT_SET"), 2, "the environment variable NOT_SET is not set"),
        (("--password-env", "PACS_SECRET"), 2, "--username must be given too"),
        (("--api-key-header", "X-Key"), 2, "--api-key-env must be given too"),
        (("--client-id", "radgate", "--client-secret-env", "PACS_SECRET"), 2, "--oauth2-token-url must be given too"),
        (("--cert", __file__), 2, "--cert and --key go together"),
        (("--url", "ftp://pacs.example"), 1, "dicomweb.url: must be an http or https URL"),
        (("--url", "https://me:you@pacs.example"), 1, "must hold no user"),
        (("--backup-for", "nobody"), 1, "backup_for: the tenant has no PACS of this name"),
        (("--failover-threshold", "0"), 2, "0 is not in the range"),
    ],
)
def test_bad_options_of_a_web_pacs_are_reported(
    north: Cli, options: tuple[str, ...], status: int, message: str
) -> None:
    north.environment |= SECRETS
    assert message in north.refused(*WEB, "--no-validate", *options, status=status)
    assert north.json("pacs", "list") == []


def test_an_update_leaves_what_it_does_not_name(web: Cli) -> None:
    before, secret = web.json("pacs", "list")[0], sealed(web)
    web.ok(*UPDATE_WEB, "--no-validate", "--max-connections", "2", "--failover-threshold", "7", "--no-failover")
    (after,) = web.json("pacs", "list")
    policy = {"enabled": False, "threshold": 7, "failback_after_s": 60.0}
    assert after == before | {"max_connections": 2, "failover": policy}
    web.ok(*UPDATE_WEB, "--failback-after", "5")  # reached as before: not validated
    assert web.json("pacs", "list")[0]["failover"] == policy | {"failback_after_s": 5.0}
    assert secret is not None
    assert sealed(web) is not None


@pytest.mark.parametrize("options", [("--url", "https://evil.example"), ("--wado-uri-url", "https://evil.example")])
def test_a_secret_goes_to_another_host_only_when_it_is_given_again(web: Cli, options: tuple[str, ...]) -> None:
    assert "dicomweb.password: must be given again" in web.refused(*UPDATE_WEB, "--no-validate", *options)
    assert web.json("pacs", "list")[0]["url"] == "https://pacs.example/rs"
    web.ok(*UPDATE_WEB, "--no-validate", *options, "--password-env", "NEW_SECRET")
    assert "evil.example" in str(web.json("pacs", "list"))


def test_credentials_are_exchanged_for_others(web: Cli) -> None:
    web.ok(*UPDATE_WEB, "--no-validate", "--bearer-env", "NEW_SECRET")
    auth = web.json("pacs", "list")[0]["auth"]
    assert (auth["method"], auth["username"]) == ("bearer", "")


@pytest.mark.parametrize("kind", ["dicomweb", "orthanc"])
def test_credentials_are_removed(north: Cli, kind: str) -> None:
    north.environment |= SECRETS
    north.ok(*WEB[:2], kind, *WEB[3:], "--no-validate", "--username", "me", "--password-env", "PACS_SECRET")
    update = (*UPDATE_WEB[:2], kind, *UPDATE_WEB[3:], "--no-validate", "--no-password")
    assert "--no-password and --bearer-env" in north.refused(*update, "--bearer-env", "NEW_SECRET", status=2)
    north.ok(*update, "--url", "https://elsewhere.example")
    (found,) = north.json("pacs", "list")
    assert (found["url"], found["auth"]["method"], found["auth"]["username"]) == (
        "https://elsewhere.example",
        "none",
        "",
    )
    assert sealed(north) is None


@pytest.mark.parametrize(
    ("options", "typed", "username"),
    [
        (("--no-password",), "", "me"),
        (("--no-password", "--username", "you"), "", "you"),
        (("--username", "you"), "\n", "you"),
        (("--username", ""), "", ""),
    ],
)
def test_a_password_of_dimse_is_removed(north: Cli, options: tuple[str, ...], typed: str, username: str) -> None:
    north.ok(*DIMSE, "--name", "main", "--username", "me", typed="typed secret\n")
    update = ("pacs", "update", "dimse", "--tenant", "north", "--name", "main", "--no-validate")
    north.ok(*update, "--called-aet", "OTHER", *options, typed=typed)
    assert (north.json("pacs", "list")[0]["username"], sealed(north)) == (username, None)
    assert "give one" in north.refused(*update, "--no-password", "--password-ref", "env:PACS", status=2)


def test_a_dimse_pacs_is_changed(north: Cli) -> None:
    north.ok(*DIMSE, "--name", "main", "--username", "me", typed="typed secret\n")
    update = ("pacs", "update", "dimse", "--tenant", "north", "--name", "main", "--no-validate")
    north.ok(*update, "--retrieve", "move", "--max-associations", "9")
    assert "dimse.password: must be given again" in north.refused(*update, "--port", "105")
    north.ok(*update, "--port", "105", "--username", "me", typed="typed secret\n")
    (found,) = north.json("pacs", "list")
    assert (found["port"], found["retrieve_method"], found["max_associations"]) == (105, "move", 9)


def test_labels_of_an_orthanc_are_set_changed_and_taken_away(north: Cli) -> None:
    pacs = ("--tenant", "north", "--name", "research", "--no-validate")
    add = ("pacs", "add", "orthanc", *pacs, "--url", "http://pacs.example:8042")
    assert "orthanc.labels" in north.refused(*add, "--label", "not a label")
    north.ok(*add, "--label", "trial-7", "--label", "2026")
    assert north.json("pacs", "list")[0]["labels"] == {"names": ["trial-7", "2026"], "constraint": "all"}
    update = ("pacs", "update", "orthanc", *pacs)
    north.ok(*update, "--labels-constraint", "any")
    assert north.json("pacs", "list")[0]["labels"] == {"names": ["trial-7", "2026"], "constraint": "any"}
    north.ok(*update, "--label", "2027")
    assert north.json("pacs", "list")[0]["labels"] == {"names": ["2027"], "constraint": "any"}
    north.ok(*update, "--label", "")
    assert north.json("pacs", "list")[0]["labels"] == {"names": [], "constraint": "any"}


def test_another_kind_of_pacs_is_not_changed(web: Cli) -> None:
    message = web.refused("pacs", "update", "orthanc", "--tenant", "north", "--name", "web", "--max-connections", "1")
    assert "radgate pacs update dicomweb" in message
    assert "no PACS" in web.refused("pacs", "update", "folder", "--tenant", "north", "--name", "nobody")


def test_a_validation_reports_each_check_and_is_kept(pair: Cli, images: Path) -> None:
    lines = pair.ok("pacs", "validate", "main", "--tenant", "north").stdout.splitlines()
    assert [line.split()[0] for line in lines][:3] == ["connectivity", "credentials", "query"]
    assert pair.json("pacs", "list")[0]["validation"]["passed"]
    report = pair.json("pacs", "validate", "main", "--tenant", "north")
    assert report["checks"][0]["outcome"] == "passed"
    shutil.rmtree(images)
    result = pair.run("pacs", "validate", "main", "--tenant", "north")
    assert (result.exit_code, result.stderr) == (1, "Error: main is not fit for use\n")
    assert " failed " in result.stdout
    assert "failed: " in pair.ok("pacs", "list").stdout


def test_work_is_sent_to_the_backup_and_given_back(pair: Cli) -> None:
    def active() -> list[str]:
        return [found["name"] for found in pair.json("pacs", "list") if found["active"]]

    assert active() == ["main"]
    reported = pair.ok("pacs", "failover", "main", "--tenant", "north").stderr
    assert reported == "spare does the work of main from now on, not main\n"
    assert active() == ["spare"]
    assert "does the work already" in pair.refused("pacs", "failover", "main", "--tenant", "north", "--to", "spare")
    pair.ok("pacs", "failback", "main", "--tenant", "north")
    assert active() == ["main"]
    history = pair.json("pacs", "history", "spare", "--tenant", "north")
    assert [(each["from_pacs"], each["to_pacs"], each["cause"], each["reason"]) for each in history] == [
        ("spare", "main", "manual-failback", "cli"),
        ("main", "spare", "manual-failover", "cli"),
    ]
    assert len(pair.ok("pacs", "history", "main", "--tenant", "north", "--limit", "1").stdout.splitlines()) == 2


def test_a_group_stays_whole(pair: Cli) -> None:
    assert "backups" in pair.refused("pacs", "remove", "--tenant", "north", "--name", "main")
    assert "is a backup" in pair.refused("pacs", "failback", "spare", "--tenant", "north")
    pair.ok("pacs", "update", "folder", "--tenant", "north", "--name", "spare", "--backup-for", "")
    pair.ok("pacs", "remove", "--tenant", "north", "--name", "main")


def test_a_backup_that_leaves_its_group_leaves_the_work_to_it(pair: Cli, images: Path) -> None:
    pair.ok("pacs", "failover", "main", "--tenant", "north")
    third = ("--name", "third", "--path", str(images), "--backup-for", "main")
    pair.ok("pacs", "add", "folder", "--tenant", "north", *third)
    pair.ok("pacs", "update", "folder", "--tenant", "north", "--name", "spare", "--backup-for", "")
    assert [found["name"] for found in pair.json("pacs", "list") if found["active"]] == ["main", "spare"]
    assert pair.ok("pacs", "failover", "main", "--tenant", "north").stderr.startswith("third does the work of main")


def test_the_list_reports_what_a_server_last_wrote_down(pair: Cli) -> None:
    operations = (
        OperationState("echo", BreakerState.CLOSED, 0),
        OperationState("find", BreakerState.OPEN, 5),
        OperationState("retrieve", BreakerState.HALF_OPEN, 5),
    )
    time = datetime.now(UTC) - timedelta(minutes=3)
    status = PacsStatus("north", "main", time, Health.DOWN, 2.5, "PACS_TIMEOUT", active=True, operations=operations)

    async def publish() -> None:
        database = Database(f"sqlite:///{pair.data_dir}/radgate.db")
        await SqlStatusBoard(database).publish([status])
        await database.close()

    asyncio.run(publish())
    row = pair.ok("pacs", "list").stdout.splitlines()[1]
    assert "down, PACS_TIMEOUT (3 min ago)" in row
    assert "find open, retrieve half-open" in row
    reported = pair.json("pacs", "list")[0]["status"]
    assert (reported["health"], reported["operations"][1]["breaker"]) == ("down", "open")


@pytest.mark.parametrize(
    "connection",
    [
        DimseConnection("pacs.example", 104, "OUR PACS", "RADGATE", retrieve_method=RetrieveMethod.MOVE),
        DicomWebConnection("https://pacs.example/rs", auth=HttpAuth(HttpAuthMethod.BASIC, "me")),
        DicomWebConnection("https://pacs.example/rs", wado_uri_url="https://pacs.example/wado"),
        OrthancConnection("http://pacs.example:8042", auth=HttpAuth(HttpAuthMethod.BEARER)),
        OrthancConnection("http://pacs.example:8042", HttpAuth(HttpAuthMethod.API_KEY, header="X-Key")),
    ],
    ids=lambda found: found.kind,
)
def test_the_command_that_is_suggested_adds_just_that(north: Cli, connection: PacsConnection) -> None:
    north.environment |= SECRETS
    program, *arguments = shlex.split(add_command("north", "found", connection))
    assert program == "radgate"
    north.ok(*arguments, "--no-validate")
    (found,) = north.json("pacs", "list")
    assert found["kind"] == connection.kind
    assert not isinstance(connection, FolderConnection)
    if isinstance(connection, DimseConnection):
        assert (found["called_aet"], found["retrieve_method"]) == ("OUR PACS", "move")
    else:
        assert (found["url"], found["auth"]["method"]) == (connection.url, connection.auth.method.value)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--bearer-env", "PACS_SECRET", "--username", "me"), 2, "are of different kinds"),
        (("--password-env", "PACS_SECRET"), 2, "--password-env needs --username"),
        (("--called-aet", "X" * 17), 1, "called_aets: an AE title has"),
        (("70000",), 2, "70000 is not in the range"),
    ],
)
def test_bad_options_of_a_detection_are_reported(
    north: Cli, options: tuple[str, ...], status: int, message: str
) -> None:
    north.environment |= SECRETS
    assert message in north.refused("pacs", "detect", "pacs.example", *options, status=status)
