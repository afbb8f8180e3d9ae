"""Reports as PDF, the writers of all formats, and what earlier versions left."""

from radgate_server.adapters.reports.leftovers import remove_leftovers
from radgate_server.adapters.reports.writers import report_writers

__all__ = ["remove_leftovers", "report_writers"]
