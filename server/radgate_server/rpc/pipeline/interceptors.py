"""What every call goes through before its servicer; composed once for each method when the server is built."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from radgate_server.core.access.credentials import Credentials
from radgate_server.core.access.tenancy import Caller, Principal
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.cache.accesses import ObservedAccess, current_access
from radgate_server.core.edge.grant import Grant
from radgate_server.core.errors import (
    ClientAddressNotAllowedError,
    GatewayError,
    LimitError,
    RestrictedCredentialError,
    RoleNotAllowedError,
    TenantNotAllowedError,
    TooManyFailuresError,
    UnauthenticatedError,
    reason_of,
)
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.request_context import tenant_id as tenant_in_context
from radgate_server.core.telemetry.tracing import Tracer, current_span
from radgate_server.lib.deadline import expect_within
from radgate_server.rpc.access.authorization import check_access
from radgate_server.rpc.access.caller_identity import CallerIdentities
from radgate_server.rpc.errors import failure_of
from radgate_server.rpc.pipeline.call import EDGE_HEADER, Call
from radgate_server.rpc.pipeline.calls_in_flight import CallsInFlight
from radgate_server.rpc.pipeline.interceptor import Interceptor, Method, Proceed
from radgate_server.rpc.pipeline.telemetry_interceptors import (
    count_calls,
    count_in_progress,
    name_request,
    name_trace,
    record_trace,
)
from radgate_server.services.access.refusals import Refused
from radgate_server.services.audit.streams import AuditedStream
from radgate_server.services.edge.urls import caller_of
from radgate_server.services.limits.limiter import Lease, NotReservedError


class CredentialChecker(Protocol):
    """Determines whose credentials are (services.authenticate.Authenticator)."""

    async def authenticate(self, credentials: Credentials, tenant_id: str) -> tuple[Principal, str]:
        """The principal and the tenant that it acts for, or an error that says why not."""
        ...


class LimitGate(Protocol):
    """Lets requests in within the limits of who calls (services.limiting.Limiter)."""

    def enter(self, caller: Caller) -> Lease | None:
        """Let one in, or raise an error that says why not; None stands for one without any limit."""
        ...

    async def enter_when_reserved(self, caller: Caller) -> Lease | None:
        """Likewise, after `enter` raised NotReservedError."""
        ...


class EdgeGate(Protocol):
    """Knows the edge, and the grants in what it asks for (services.edge.urls.EdgeUrls)."""

    def open(self, path: str, secret: str) -> Grant:
        """The grant of a request by the edge, or an error that says why not."""
        ...


class RefusalNotes(Protocol):
    """Writes refusals into the audit trail (services.refusals.RefusalLog)."""

    async def note(self, refused: Refused) -> None:
        """Record it; never fails."""
        ...


class StreamNotes(Protocol):
    """Writes into the audit trail how much was sent (services.audited_streams.StreamLog)."""

    def ended(self, caller: Caller, stream: AuditedStream, size_bytes: int, *, whole: bool) -> None:
        """Record it, beside the call; never fails."""
        ...


class AccessNotes(Protocol):
    """Counts accesses to studies (services.cache.access_recorder.AccessRecorder)."""

    def record(self, tenant_id: str, access: ObservedAccess, sent_bytes: int, first_byte_s: float) -> None:
        """A call ended, whose first byte left so many seconds after it was admitted; never fails."""
        ...


@dataclass(frozen=True, slots=True)
class CallChecks:
    """What every call passes: who calls, how much they may, and who records that they were refused or what was sent.

    `edge` is None where no edge is configured.
    """

    authenticator: CredentialChecker
    limiter: LimitGate
    refusals: RefusalNotes
    sent: StreamNotes
    accesses: AccessNotes
    edge: EdgeGate | None = None


def standard_interceptors(
    gates: CallChecks,
    caller_identities: CallerIdentities,
    calls: CallsInFlight,
    telemetry: Telemetry,
    tracer: Tracer | None = None,
) -> tuple[Interceptor, ...]:
    """The interceptors from the outermost to the innermost."""
    return (
        name_request,  # first, so that every line of log below carries the request id
        name_trace if tracer is None else record_trace(tracer),  # outside of the counting, which names examples
        count_calls(telemetry),  # outside of the errors, to see the code that they become, and every end
        answer_errors,  # outside of all that fails on purpose
        calls.count,  # a server that stops or is overloaded refuses before it does anything else
        keep_deadline,  # before the database is asked for the key: a late call costs nothing
        record_refusals(gates.refusals, caller_identities),  # outside of all that refuses
        # Nothing of the request is parsed for a stranger.
        authenticate(gates.authenticator, caller_identities, gates.edge),
        calls.count_of_tenant,  # needs the principal
        keep_limits(gates.limiter),  # needs the principal; whoever tries what is not allowed uses up its limits too
        count_in_progress(telemetry),  # needs the tenant
        authorise,  # needs the principal
        record_streams(gates.sent),  # sees how the servicer itself ended, also when it is cancelled
        observe_accesses(gates.accesses),  # likewise
    )


def answer_errors(method: Method, proceed: Proceed) -> Proceed:
    """Turn whatever fails into a status of the table, which names a field by its path in the request."""
    name_fields = method.name_fields

    async def interceptor(call: Call) -> None:
        try:
            await proceed(call)
        except Exception as error:  # the one place where everything unforeseen ends
            if call.client_disconnected or call.cut:  # sending to nobody fails in many ways; none of them is news
                raise asyncio.CancelledError from error
            call.failure = failure_of(name_fields(error, call) if name_fields else error)

    return interceptor


def keep_deadline(_method: Method, proceed: Proceed) -> Proceed:
    """Cancel the work when the client's deadline passes, whether or not its cancellation arrives."""

    def interceptor(call: Call) -> Awaitable[None]:
        remaining_s = call.remaining_s
        # None, as for all calls through the gateway's REST, needs no coroutine of its own.
        return proceed(call) if remaining_s is None else _proceed_for(remaining_s, call, proceed)

    return interceptor


async def _proceed_for(remaining_s: float, call: Call, proceed: Proceed) -> None:
    expect_within(remaining_s)
    async with asyncio.timeout(remaining_s):
        await proceed(call)


REFUSALS: dict[type[GatewayError], tuple[AuditAction, AuditOutcome]] = {
    UnauthenticatedError: (AuditAction.AUTHENTICATE, AuditOutcome.FAILED),
    TooManyFailuresError: (AuditAction.AUTHENTICATE, AuditOutcome.FAILED),
    TenantNotAllowedError: (AuditAction.AUTHORISE, AuditOutcome.DENIED),
    RoleNotAllowedError: (AuditAction.AUTHORISE, AuditOutcome.DENIED),
    RestrictedCredentialError: (AuditAction.AUTHORISE, AuditOutcome.DENIED),
    ClientAddressNotAllowedError: (AuditAction.AUTHORISE, AuditOutcome.DENIED),
    LimitError: (AuditAction.AUTHORISE, AuditOutcome.DENIED),
}


def record_refusals(refusals: RefusalNotes, caller_identities: CallerIdentities) -> Interceptor:
    """Let the audit trail know who was refused; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        async def interceptor(call: Call) -> None:
            try:
                await proceed(call)
            except tuple(REFUSALS) as error:
                await refusals.note(_refused(method, call, caller_identities.address_of(call), error))
                raise

        return interceptor

    return wrap


def _refused(method: Method, call: Call, address: str, error: GatewayError) -> Refused:
    action, outcome = next(row for kind, row in REFUSALS.items() if isinstance(error, kind))
    caller = call.caller if call.authenticated else None
    return Refused(
        action=action,
        outcome=outcome,
        tenant_id=caller.tenant_id if caller else "",
        asked_tenant=call.header("x-tenant-id"),
        key_id=caller.principal.key_id if caller else "",
        role=caller.principal.role.name.lower() if caller else "",
        address=address,
        user_agent=call.user_agent,
        request_id=call.request_id,
        method=method.full_name,
        reason=reason_of(error),
        why=getattr(error, "why", ""),
    )


def authenticate(
    authenticator: CredentialChecker, caller_identities: CallerIdentities, edge: EdgeGate | None = None
) -> Interceptor:
    """Find out who calls, and for which tenant; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        async def interceptor(call: Call) -> None:
            if call.header(EDGE_HEADER):
                call.caller = _edge_caller(call, caller_identities, edge)
                tenant_in_context.set(call.caller.tenant_id)
                await proceed(call)
                return
            credentials = caller_identities.read(call)
            asked = call.header("x-tenant-id")
            principal, tenant_id = await authenticator.authenticate(credentials, asked)
            if method.named_tenant and (named := method.named_tenant(call.payload, asked)) not in ("", tenant_id):
                call.ask_for_tenant(named)
                principal, tenant_id = await authenticator.authenticate(credentials, named)
            if (recorded := current_span.get()) is not None:
                recorded.note({"tenant": tenant_id})
            call.caller = Caller(
                principal, tenant_id, credentials.address, call.user_agent, call.request_id, call.break_glass
            )
            tenant_in_context.set(tenant_id)
            await proceed(call)

        return interceptor

    return wrap


_NO_EDGE = "there is no edge, or it did not come by the gateway"


def _edge_caller(call: Call, caller_identities: CallerIdentities, edge: EdgeGate | None) -> Caller:
    """For whom the edge asks. What it asks for is what the gateway made of the path that the grant names."""
    if edge is None or not caller_identities.came_by_gateway(call):
        raise UnauthenticatedError(
            "the edge may not have this", why="there is no edge, or it did not come by the gateway"
        )
    grant = edge.open(call.header(EDGE_HEADER), call.header("x-edge-secret"))
    return caller_of(grant, call.user_agent, call.request_id)


def keep_limits(limiter: LimitGate) -> Interceptor:
    """Let in what the limits of the caller allow, and its bytes as fast as they do; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        def interceptor(call: Call) -> Awaitable[None]:
            try:
                lease = limiter.enter(call.caller)
            except NotReservedError:
                return _proceed_when_reserved(limiter, call, proceed)
            return proceed(call) if lease is None else _proceed_within(lease, call, proceed)

        return interceptor

    return wrap


async def _proceed_when_reserved(limiter: LimitGate, call: Call, proceed: Proceed) -> None:
    lease = await limiter.enter_when_reserved(call.caller)
    await (proceed(call) if lease is None else _proceed_within(lease, call, proceed))


async def _proceed_within(lease: Lease, call: Call, proceed: Proceed) -> None:
    call.lease = lease
    if not isinstance(call.payload, bytes):
        call.payload = lease.pass_through(call.payload)
    try:
        await proceed(call)
        if (wait := lease.pass_bytes(len(call.response))) is not None:
            await wait
    finally:
        lease.leave()


def authorise(method: Method, proceed: Proceed) -> Proceed:
    """Compare the caller with the method's row; skipped for public methods."""
    if method.access.is_public:
        return proceed
    access = method.access

    def interceptor(call: Call) -> Awaitable[None]:
        check_access(access, call.caller.principal, call.caller.tenant_id)
        return proceed(call)

    return interceptor


def record_streams(sent: StreamNotes) -> Interceptor:
    """Let the audit trail know how much was sent, where that was unknown beforehand; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        async def interceptor(call: Call) -> None:
            whole = False
            try:
                await proceed(call)
                whole = True
            finally:
                if call.stream is not None:
                    sent.ended(call.caller, call.stream, call.sent_bytes + len(call.response), whole=whole)

        return interceptor

    return wrap


def observe_accesses(accesses: AccessNotes) -> Interceptor:
    """Observe which study is accessed, and which tiers have it; skipped for public methods."""

    def wrap(method: Method, proceed: Proceed) -> Proceed:
        if method.access.is_public:
            return proceed

        async def interceptor(call: Call) -> None:
            access = ObservedAccess()
            token, begun_s = current_access.set(access), time.perf_counter()
            try:
                await proceed(call)
            finally:
                current_access.reset(token)
                # What is answered in one piece goes out when the call is over.
                first_byte_s = (call.first_write_s or time.perf_counter()) - begun_s
                accesses.record(call.caller.tenant_id, access, call.sent_bytes + len(call.response), first_byte_s)

        return interceptor

    return wrap
