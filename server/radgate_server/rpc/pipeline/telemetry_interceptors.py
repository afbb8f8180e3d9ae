"""The interceptors that let logs, metrics and traces know of a call."""

import time
from collections.abc import Awaitable

from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.request_context import request_id, trace_id
from radgate_server.core.telemetry.tracing import Part, Span, Tracer, parse_traceparent
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.interceptor import Interceptor, Method, Proceed

_RETRIEVES = ("Retrieve", "Stream")
"""How the methods begin whose first byte somebody waits for."""


def name_request(_method: Method, proceed: Proceed) -> Proceed:
    """Let the log know which call it writes about. Each call has a task of its own, so nothing is to be put back."""

    def interceptor(call: Call) -> Awaitable[None]:
        request_id.set(call.request_id)
        return proceed(call)

    return interceptor


def name_trace(_method: Method, proceed: Proceed) -> Proceed:
    """Let log and audit trail know which trace the client says that the call is a part of."""

    def interceptor(call: Call) -> Awaitable[None]:
        if (given := parse_traceparent(call.header("traceparent"))) is not None:
            trace_id.set(given.trace_id)
        return proceed(call)

    return interceptor


def record_trace(tracer: Tracer) -> Interceptor:
    """Make the call a part of its client's trace, or of one of its own, and record what it consists of."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        def interceptor(call: Call) -> Awaitable[None]:
            trace, recorded = tracer.begin(method.full_name, call.header)
            trace_id.set(trace)
            # What is not recorded, as most is, needs no coroutine of its own.
            return proceed(call) if recorded is None else _proceed_recorded(recorded, call, proceed)

        return interceptor

    return wrap


async def _proceed_recorded(recorded: Span, call: Call, proceed: Proceed) -> None:
    with Part(recorded) as part:
        await proceed(call)
        part.note(code=call.failure.code.name if call.failure else "OK")


def count_calls(telemetry: Telemetry) -> Interceptor:
    """Report each call's method, code and duration, and of retrieves how long their first byte took.

    Also that the call is no more in progress: each has its end here, and needs no other interceptor to see it.
    """

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        name, retrieves = method.full_name, method.name.startswith(_RETRIEVES)

        async def interceptor(call: Call) -> None:
            start_s = time.perf_counter()
            code = "CANCELLED"  # unless the call comes back: cancelling passes through as an exception
            try:
                await proceed(call)
                code = call.failure.code.name if call.failure else "OK"
            finally:
                end_s = time.perf_counter()
                tenant_id = call.caller.tenant_id if call.authenticated else ""
                if call.in_progress:
                    telemetry.call_ended(tenant_id, call.in_progress)
                # What is answered in one piece goes out when the call is over.
                first_s = call.first_write_s or (end_s if code == "OK" else None)
                first_byte_s = first_s - start_s if retrieves and first_s else None
                telemetry.rpc_finished(name, code, end_s - start_s, tenant_id=tenant_id, first_byte_s=first_byte_s)

        return interceptor

    return wrap


def count_in_progress(telemetry: Telemetry) -> Interceptor:
    """Report which tenant's calls are in progress, over which connections; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        def interceptor(call: Call) -> Awaitable[None]:
            call.in_progress = call.connection
            telemetry.call_began(call.caller.tenant_id, call.in_progress)
            return proceed(call)

        return interceptor

    return wrap
