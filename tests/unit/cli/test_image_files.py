"""What `transcode` and `thumbnail` read and write, without doing anything to an image."""

from pathlib import Path

import pytest

from radgate_server.cli.imaging.batch import make_all
from radgate_server.cli.imaging.files import Pair, Plan, check_free, plan, write_output
from radgate_server.cli.imaging.options import ConversionRequest
from radgate_server.cli.imaging.thumbnail import SIZES
from radgate_server.cli.imaging.transcode import NAMES
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import (
    CodecFailedError,
    ConfigurationError,
    InstanceMalformedError,
    ResourceExistsError,
)
from radgate_server.services.imaging.pictures.thumbnails import KEPT_SIDES
from tests.fakes.instances import make_instance
from tests.unit.cli.command_line import Cli

CT = make_instance("1.2", "1.2.3", "1.2.3.4")


def conversion(source: Path, output: Path | None = None) -> ConversionRequest:
    return ConversionRequest(source, output, False, "-new", lambda name: f"new-{name}", str.upper)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two instances, one of them deeper, and two files that are none."""
    study = tmp_path / "study"
    (study / "series").mkdir(parents=True)
    (study / "b.dcm").write_bytes(CT)
    (study / "series" / "a").write_bytes(CT)
    (study / "notes.txt").write_text("no image")
    (study / "DICOMDIR").write_bytes(make_instance("1.2", "1.2.3", "1.2.3.5", SOPClassUID="1.2.840.10008.1.3.10"))
    return study


def test_a_file_is_made_beside_its_source_or_where_the_user_says(study: Path, tmp_path: Path) -> None:
    source = study / "b.dcm"
    assert plan(conversion(source)).pairs == (Pair(source, study / "new-b.dcm"),)
    assert plan(conversion(source, tmp_path)).output == tmp_path / "new-b.dcm"
    assert plan(conversion(source, tmp_path / "c.dcm")).output == tmp_path / "c.dcm"


def test_a_file_that_is_no_instance(study: Path, tmp_path: Path) -> None:
    for name in ("notes.txt", "DICOMDIR"):
        with pytest.raises(InstanceMalformedError, match=name):
            plan(conversion(study / name))
    with pytest.raises(ConfigurationError, match="No such file"):
        plan(conversion(tmp_path / "missing"))


def test_a_directory_is_made_again_beside_it(study: Path) -> None:
    planned = plan(conversion(study))
    new = study.with_name("study-new")
    assert (planned.output, planned.left_out) == (new, 2)
    assert planned.pairs == (
        Pair(study / "b.dcm", new / "B.DCM"),
        Pair(study / "series" / "a", new / "series" / "A"),
    )


def test_what_was_made_within_the_directory_is_not_read_again(study: Path) -> None:
    (study / "made").mkdir()
    (study / "made" / "b.dcm").write_bytes(CT)
    assert len(plan(conversion(study, study / "made")).pairs) == 2


def test_a_directory_is_not_made_into_a_file(study: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a file"):
        plan(conversion(study, study / "b.dcm"))


def test_a_directory_without_instances(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no DICOM instance"):
        plan(conversion(tmp_path))


def test_nothing_is_overwritten_unasked_and_no_source_ever(study: Path) -> None:
    source, there = study / "b.dcm", study / "series" / "a"
    check_free(Pair(source, study / "free"), overwrite=False)
    check_free(Pair(source, there), overwrite=True)
    with pytest.raises(ResourceExistsError, match="--overwrite"):
        check_free(Pair(source, there), overwrite=False)
    (study / "link").symlink_to(source)
    with pytest.raises(ResourceExistsError, match="place of its source"):
        check_free(Pair(source, study / "link"), overwrite=True)


def test_the_folders_of_a_file_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.dcm"
    write_output(path, (b"12", memoryview(b"34")))
    assert path.read_bytes() == b"1234"


async def test_what_fails_is_reported_by_file_and_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [Pair(tmp_path / name, tmp_path / f"{name}.new") for name in ("a", "b", "c", "d", "e")]
    for path in (pairs[3].source, pairs[3].output):
        path.write_bytes(b"there")
    failing = {"b": CodecFailedError("the codec crashed"), "c": PermissionError(13, "x"), "e": KeyError("Doe^John")}

    async def make(pair: Pair) -> None:
        if error := failing.get(pair.source.name):
            raise error

    failed = await make_all(Plan(tuple(pairs), tmp_path, left_out=2), make, overwrite=False, parallel=2)
    reported, reasons = capsys.readouterr(), "1 CODEC_FAILED, 1 FILE, 1 INTERNAL, 1 RESOURCE_EXISTS"
    assert (failed, reported.out) == (4, "")
    assert reported.err.splitlines() == [
        f"{tmp_path}/b: the codec crashed (CODEC_FAILED)",
        f"{tmp_path}/c: Permission denied (FILE)",
        f"{tmp_path}/d: the output exists already; --overwrite replaces it (RESOURCE_EXISTS)",
        f"{tmp_path}/e: an internal error (KeyError); please report it (INTERNAL)",
        f"1 done; 4 failed ({reasons}); 2 left out, being no DICOM instances",
    ]


async def test_one_file_that_is_made_needs_no_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def make(_pair: Pair) -> None:
        return

    plan_ = Plan((Pair(tmp_path / "a", tmp_path / "b"),), tmp_path / "b")
    assert await make_all(plan_, make, overwrite=False, parallel=1) == 0
    assert capsys.readouterr().err == ""


def test_names_stand_for_transfer_syntaxes_that_can_be_made() -> None:
    assert all(TRANSFER_SYNTAXES[uid].encodable for uid in NAMES.values())
    assert tuple(map(str, KEPT_SIDES)) == SIZES


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--to", "gif"), "'gif' is none of htj2k, htj2k-rpcl"),
        (("--to", "1.2.840.10008.1.2.4.100"), "no UID of a transfer syntax that can be made"),
        (("--to", "htj2k", "--quality", "80"), "--quality is for lossy transfer syntaxes"),
        (("--to", "jpeg", "--quality", "101"), "101 is not in the range"),
        ((), "Missing option '--to'"),
    ],
)
def test_a_transcoding_that_makes_no_sense(cli: Cli, study: Path, arguments: tuple[str, ...], why: str) -> None:
    assert why in cli.refused("transcode", str(study / "b.dcm"), *arguments, status=2)


def test_a_file_that_is_not_there(cli: Cli, study: Path) -> None:
    assert "does not exist" in cli.refused("transcode", str(study / "c.dcm"), "--to", "jpeg", status=2)
    assert "is no DICOM instance" in cli.refused("thumbnail", str(study / "notes.txt"))


@pytest.mark.parametrize("command", ["transcode", "thumbnail"])
def test_the_help_shows_examples(cli: Cli, command: str) -> None:
    assert cli.ok(command, "--help").stdout.count(f"\n    radgate {command} ") == 3
