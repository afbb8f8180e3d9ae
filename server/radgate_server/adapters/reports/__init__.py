"""Reports as PDF, and the writers of all formats."""

from radgate_server.adapters.reports.writers import report_writers

__all__ = ["report_writers"]
