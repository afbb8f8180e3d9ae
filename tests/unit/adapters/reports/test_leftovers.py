"""What earlier versions left in the clear is removed, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from radgate_server.adapters.reports import remove_leftovers
from radgate_server.settings.reports import ReportSettings

NAME = "north-weekly-2026-01-04"


def left(data_dir: Path, folder: str = "report-a1b2_c3d", file: str = f"{NAME}.pdf") -> Path:
    """A folder as those versions made it, with a report."""
    path = data_dir / "reports" / folder
    path.mkdir(parents=True)
    (path / file).write_text("of a patient")
    return path


def test_what_was_left_is_removed_and_reported_without_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for format_ in ("csv", "json", "pdf"):
        left(tmp_path, f"report-abcdef_{format_[0]}", f"{NAME}.{format_}")
    (tmp_path / "reports/report-12345678").mkdir()  # killed before it wrote
    remove_leftovers(tmp_path, [tmp_path / "elsewhere"])
    assert list((tmp_path / "reports").iterdir()) == []
    reported = "a report that an earlier version left in the clear was removed from data_dir/reports"
    assert caplog.messages == [reported] * 4


def test_without_such_a_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    remove_leftovers(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def another_name(data_dir: Path) -> None:
    left(data_dir, "report-of-jane")


def another_file(data_dir: Path) -> None:
    left(data_dir, file="notes.txt")


def several_reports(data_dir: Path) -> None:
    (left(data_dir, "report-archives") / "north-weekly-2026-01-11.pdf").touch()


def a_folder_within(data_dir: Path) -> None:
    (data_dir / f"reports/report-a1b2_c3d/{NAME}.csv").mkdir(parents=True)


def a_link_within(data_dir: Path) -> None:
    (data_dir / "reports/report-a1b2_c3d").mkdir(parents=True)
    (data_dir / f"reports/report-a1b2_c3d/{NAME}.csv").symlink_to(data_dir / "elsewhere")


def a_link_to_elsewhere(data_dir: Path) -> None:
    left(data_dir).rename(data_dir / "elsewhere")
    (data_dir / "reports/report-a1b2_c3d").symlink_to(data_dir / "elsewhere")


def a_delivered_report(data_dir: Path) -> None:
    (data_dir / "reports").mkdir()
    (data_dir / "reports" / f"report-{NAME}.pdf").touch()


@pytest.mark.parametrize(
    "make",
    [
        another_name,
        another_file,
        several_reports,
        a_folder_within,
        a_link_within,
        a_link_to_elsewhere,
        a_delivered_report,
    ],
)
def test_what_may_be_anothers_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    remove_leftovers(tmp_path, [])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "receiver", ["reports/report-mailroom", "reports", ".", "reports/report-mailroom/north", "link", "link/north"]
)
def test_what_has_to_do_with_a_receiver_stays(tmp_path: Path, receiver: str) -> None:
    folder = left(tmp_path, "report-mailroom")
    (tmp_path / "link").symlink_to(folder)
    remove_leftovers(tmp_path, [tmp_path / receiver])
    assert [file.name for file in folder.iterdir()] == [f"{NAME}.pdf"]


def test_an_empty_folder_of_a_receiver_stays(tmp_path: Path) -> None:
    folder = tmp_path / "reports/report-mailroom"
    folder.mkdir(parents=True)
    archive = {"kind": "folder", "name": "archive", "folder": folder, "tenants": ["*"]}
    hook = {"kind": "webhook", "name": "hook", "url": "https://ops.example", "secret": "s", "tenants": ["*"]}
    settings = ReportSettings.model_validate({"receivers": [hook, archive]})
    remove_leftovers(tmp_path, settings.folders)
    assert folder.is_dir()


def test_what_can_not_be_removed_is_reported_and_the_server_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "a path that nobody should see")

    left(tmp_path)
    monkeypatch.setattr(Path, "unlink", refuse)
    remove_leftovers(tmp_path, [])
    (message,) = caplog.messages
    assert message.endswith("can't be removed from data_dir/reports: Permission denied; remove it")
