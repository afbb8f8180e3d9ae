"""Which writer stands for which format."""

from functools import partial

from radgate_server.adapters.reports.pdf import PdfWriter
from radgate_server.core.reports.csv_text import CsvWriter
from radgate_server.core.reports.json_text import JsonWriter
from radgate_server.core.reports.ports.delivery import ReportWriters
from radgate_server.core.reports.spec import ReportFormat


def report_writers(*, pdf_rows: int) -> ReportWriters:
    """How to make a writer of each format; a PDF has so many rows at most."""
    return {
        ReportFormat.JSON: JsonWriter,
        ReportFormat.CSV: CsvWriter,
        ReportFormat.PDF: partial(PdfWriter, max_rows=pdf_rows),
    }
