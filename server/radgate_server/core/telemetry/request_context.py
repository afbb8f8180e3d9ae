"""What every log line and audit record of one call has in common."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the call that is being served, "" outside of calls."""

trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""The trace that the call is a part of (32 hexadecimal digits, W3C Trace Context 3.2.2.3), "" when it is of none."""

tenant_id: ContextVar[str] = ContextVar("tenant_id", default="")
"""The tenant that work is done for, so that tenants share what there is of it; "" where that is unknown."""
