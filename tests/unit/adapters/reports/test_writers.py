"""Reports as CSV, JSON and PDF."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from radgate_server.adapters.reports import report_writers
from radgate_server.adapters.reports.pdf_page import MAX_CHARACTERS, MAX_LINES, wrapped
from radgate_server.core.audit.search import AuditRecord, IndexPosition
from radgate_server.core.reports.csv_text import defused
from radgate_server.core.reports.spec import Period, ReportFormat, ReportHead, ReportKind, ReportSpec
from radgate_server.core.reports.tables import (
    OTHERS,
    RECORD_COLUMNS,
    REMOVED,
    SUMMARY_COLUMNS,
    Summary,
    Table,
    record_row,
)
from radgate_server.core.reports.unusual import FINDING_COLUMNS
from tests.unit.core.reports.test_unusual import access

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 8, 10, tzinfo=UTC)
STUDY = "1.2.840.113619.2.5.1762583153.215519.978957063.78"


def made(format_: ReportFormat, records: Sequence[AuditRecord], kind: ReportKind = ReportKind.PATIENT_ACCESS) -> bytes:
    """The whole document, with at most 100 rows of a PDF."""
    spec = ReportSpec(kind, "P-1", format_)
    head = ReportHead(spec, "north", Period(None, NOON), BERLIN, NOON, IndexPosition(9, 9, 12))
    writer, summary = report_writers(pdf_rows=100)[format_](), Summary(BERLIN)
    document = writer.begin(head, RECORD_COLUMNS)
    for record in records:
        summary.take([record])
        document += writer.rows([record_row(record, BERLIN)])
    return document + writer.end(Table(SUMMARY_COLUMNS, summary.rows()), [head.complete])


def texts_of(document: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]


def test_csv_has_a_line_for_each_record() -> None:
    document = made(ReportFormat.CSV, [access(NOON, detail='says "hi", twice\nor so'), access(NOON, size_bytes=7)])
    header, first, second = csv.reader(io.StringIO(document.decode(), newline=""))
    assert tuple(header) == RECORD_COLUMNS
    assert (first[1], first[2], first[-3]) == ("2026-07-08 12:00:00+02:00", "jane", 'says "hi", twice\nor so')
    assert (first[12], second[12]) == ("", "7")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"])  # noqa: RUF001
def test_no_spreadsheet_calculates_what_a_caller_sent(text: str) -> None:
    document = made(ReportFormat.CSV, [access(NOON, user_agent=text)])
    (_, line) = csv.reader(io.StringIO(document.decode(), newline=""))
    assert line[14] == f"'{text}"


@pytest.mark.parametrize("cell", ["agent/1.0", "", None, -1, 5])
def test_what_is_no_formula_stays_as_it_is(cell: Any) -> None:
    assert defused(cell) == cell


def test_json_says_what_it_is_about_and_has_all() -> None:
    reported = json.loads(made(ReportFormat.JSON, [access(NOON), access(NOON + timedelta(hours=1), outcome="denied")]))
    assert reported["report"] == {
        "kind": "patient-access",
        "title": "Who saw this patient",
        "subject": "P-1",
        "tenant": "north",
        "since": None,
        "until": "2026-07-08 12:00:00+02:00",
        "timeZone": "Europe/Berlin",
        "made": "2026-07-08 12:00:00+02:00",
        "completeUpTo": 9,
        "newest": 12,
    }
    assert [row["outcome"] for row in reported["rows"]] == ["granted", "denied"]
    (line,) = reported["summary"]
    assert (line["user"], line["accesses"], line["refused"]) == ("jane", 1, 1)
    assert reported["notes"] == ["Complete up to record 9; the trail continues to record 12."]


def test_json_of_nothing_is_json() -> None:
    reported = json.loads(made(ReportFormat.JSON, []))
    assert (reported["rows"], reported["summary"]) == ([], [])


def test_pdf_can_be_read() -> None:
    (page,) = texts_of(made(ReportFormat.PDF, [access(NOON, user="Dr. Jörg Müller", study=STUDY)]))
    for text in ("Who saw this patient", "north", "P-1", "Dr. Jörg Müller", "2026-07-08 12:00:00+02:00", "All 1 rows."):
        assert text in page
    assert STUDY in page.replace("\n", "")
    assert "Complete up to record 9; the trail continues to record 12." in page


def test_pdf_says_where_it_is_cut_short_and_repeats_its_header() -> None:
    pages = texts_of(made(ReportFormat.PDF, [access(NOON, detail=f"frames {n}", study=STUDY) for n in range(250)]))
    assert len(pages) > 2
    assert "Cut short: the first 100 of 250 rows. CSV and JSON have all." in pages[0]
    assert all("Study Instance UID" in page and f"Page {n}" in page for n, page in enumerate(pages, 1))
    text = "".join(pages)
    assert "frames 99" in text
    assert "frames 100" not in text


def test_pdf_takes_any_text() -> None:
    odd = access(NOON, user="<b>&日本</b>", study="1" * 3000, detail="x" * 500 + "\x00\x07\n y")
    (page, *_) = texts_of(made(ReportFormat.PDF, [odd]))
    assert "<b>&??</b>" in page


def test_pdf_breaks_no_more_of_a_long_text_than_it_can_show() -> None:
    for text in ("i" * 1_000_000, "i " * 500_000, " " * 999_999 + "i"):
        lines = wrapped(text, 770.0).split("\n")
        assert len(lines) <= MAX_LINES + 1
        assert lines[-1] == "..."
        assert sum(map(len, lines)) <= MAX_CHARACTERS


def test_pdf_of_findings() -> None:
    spec = ReportSpec(ReportKind.UNUSUAL_ACCESS, "", ReportFormat.PDF)
    head = ReportHead(spec, "north", Period(NOON, NOON), BERLIN, NOON, IndexPosition(9, 9, 9))
    writer = report_writers(pdf_rows=100)[ReportFormat.PDF]()
    finding = ("at night", "jane", "viewer", "2026-07-08", "P-1", 2, "first", "last", "between 22:00 and 06:00")
    document = writer.begin(head, FINDING_COLUMNS) + writer.rows([finding]) + writer.end(None, [head.complete])
    (page,) = texts_of(document)
    assert "Unusual access" in page
    assert "between 22:00 and 06:00" in page
    assert "Complete up to record 9, the newest of the trail." in page


def test_summary_counts_an_access_once_and_its_bytes_when_they_are_known() -> None:
    summary = Summary(BERLIN)
    summary.take([access(NOON), access(NOON + timedelta(minutes=1), outcome="delivered", size_bytes=100)])
    (row,) = summary.rows()
    assert row == (
        "jane",
        "viewer",
        "P-1",
        "1.2",
        "retrieve-frames",
        1,
        0,
        100,
        "2026-07-08 12:00:00+02:00",
        "2026-07-08 12:01:00+02:00",
    )


def test_summary_is_bounded() -> None:
    summary = Summary(BERLIN, max_lines=2)
    summary.take([access(NOON, study=f"1.{number}") for number in range(5)])
    assert [(row[0], row[5]) for row in summary.rows()] == [("jane", 1), ("jane", 1), (OTHERS, 3)]


def test_what_was_removed_is_reported_as_removed() -> None:
    row = dict(zip(RECORD_COLUMNS, record_row(access(NOON, removed=True, detail=""), BERLIN), strict=True))
    assert row["detail"] == REMOVED
