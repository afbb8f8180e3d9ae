"""What every log line of one call has in common."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the call that is being served, "" outside of calls."""
