"""`radgate transcode` and `radgate thumbnail` on real files, with real workers."""

from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file

from radgate_server.cli import radgate
from radgate_server.cli.imaging.transcode import NAMES

LOSSLESS = sorted(set(NAMES) - {"jpeg", "j2k-lossy"})


def file_of(name: str) -> Path:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path)


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    path = tmp_path / "CT.dcm"
    path.write_bytes(file_of("CT_small.dcm").read_bytes())
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(radgate, [str(argument) for argument in arguments], prog_name="radgate")


def ok(*arguments: object) -> Path:
    """What the command says it has written, the only thing on stdout."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return Path(result.stdout.removesuffix("\n"))


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_transfer_syntax_keeps_every_pixel_and_can_be_undone(ct: Path, name: str) -> None:
    made = ok("transcode", ct, "--to", name)
    assert made == ct.with_name(f"CT.{name}.dcm")
    assert dcmread(made).file_meta.TransferSyntaxUID == NAMES[name]
    back = ok("transcode", made, "--to", "explicit", "--output", ct.with_name("back.dcm"))
    before, after = dcmread(ct), dcmread(back)
    assert numpy.array_equal(after.pixel_array, before.pixel_array)
    assert after.SOPInstanceUID == before.SOPInstanceUID
    assert after.PatientName == before.PatientName


def test_a_lossy_transfer_syntax_says_so_and_takes_a_quality(ct: Path) -> None:
    sizes = []
    for quality in (20, 90):
        output = ct.with_name(f"{quality}.dcm")
        made = dcmread(ok("transcode", ct, "--to", "j2k-lossy", "--quality", quality, "--output", output))
        assert made.file_meta.TransferSyntaxUID == NAMES["j2k-lossy"]
        assert made.LossyImageCompression == "01"
        assert made.SOPInstanceUID != dcmread(ct).SOPInstanceUID
        sizes.append(output.stat().st_size)
    assert sizes[0] < sizes[1]


def test_a_uid_names_a_transfer_syntax_too_and_what_is_so_already_is_copied(ct: Path) -> None:
    made = ok("transcode", ct, "--to", NAMES["explicit"])
    assert made.read_bytes() == ct.read_bytes()


def test_sixteen_bits_do_not_fit_into_a_baseline_jpeg(ct: Path) -> None:
    result = run("transcode", ct, "--to", "jpeg")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{ct}: ")
    assert line.endswith("(NOT_ACCEPTABLE)")
    assert list(ct.parent.iterdir()) == [ct]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Instances in several transfer syntaxes, one that is cut off, one without pixels, and a text."""
    study = tmp_path / "study"
    for name in ("CT_small.dcm", "JPEG2000.dcm", "series/MR_small_RLE.dcm", "series/SC_rgb_jpeg_dcmtk.dcm"):
        (study / name).parent.mkdir(parents=True, exist_ok=True)
        (study / name).write_bytes(file_of(Path(name).name).read_bytes())
    (study / "cut.dcm").write_bytes(file_of("MR_small.dcm").read_bytes()[:5000])
    (study / "report.dcm").write_bytes(file_of("reportsi.dcm").read_bytes())
    (study / "notes.txt").write_text("no image")
    return study


def test_a_directory_is_transcoded_and_what_fails_is_reported(study: Path) -> None:
    result = run("transcode", study, "--to", "jpeg-ls")
    made = study.with_name("study-jpeg-ls")
    assert (result.exit_code, result.stdout) == (1, f"{made}\n")
    *failures, summary = result.stderr.splitlines()
    assert [line.partition(": ")[0] for line in failures] == [str(study / "cut.dcm"), str(study / "report.dcm")]
    assert summary == (
        "4 done; 2 failed (1 INSTANCE_MALFORMED, 1 NOT_ACCEPTABLE); 1 left out, being no DICOM instances"
    )
    files = sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file())
    assert files == ["CT_small.dcm", "JPEG2000.dcm", "series/MR_small_RLE.dcm", "series/SC_rgb_jpeg_dcmtk.dcm"]
    for name in files:
        transcoded = dcmread(made / name)
        assert transcoded.file_meta.TransferSyntaxUID == NAMES["jpeg-ls"]
        assert transcoded.SOPInstanceUID == dcmread(study / name).SOPInstanceUID


def test_nothing_is_overwritten_unasked(study: Path) -> None:
    (study / "cut.dcm").unlink()
    assert ok("thumbnail", study, "--output", study / "small") == study / "small"
    before = {path: path.stat().st_mtime_ns for path in (study / "small").rglob("*.jpg")}
    assert len(before) == 5
    again = run("thumbnail", study, "--output", study / "small")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.splitlines()[-1].startswith("0 done; 5 failed (5 RESOURCE_EXISTS)")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert ok("thumbnail", study, "--output", study / "small", "--overwrite") == study / "small"
    assert all(path.stat().st_mtime_ns != before[path] for path in before)


@pytest.mark.parametrize(("size", "format_"), [(64, "jpeg"), (256, "png")])
def test_a_thumbnail_has_the_size_and_format_asked_for(ct: Path, size: int, format_: str) -> None:
    made = ok("thumbnail", ct, "--size", size, "--format", format_)
    assert made.name == f"CT.dcm.{'jpg' if format_ == 'jpeg' else 'png'}"
    with Image.open(made) as picture:
        assert (picture.size, picture.format) == ((size, size), format_.upper())
        assert len(picture.convert("L").getcolors() or ()) > 20  # an image, not a blank
