"""Every rpc with every kind of caller, and with names of things that the caller may not know of."""

from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import grpc

from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.access.tenancy import Role
from radgate_server.rpc.access.authorization import METHODS, Access, Reach, TenantNeed
from tests.rpc.callers import CERTIFICATE_OF_PATIENT, bearer, seen_by_gateway
from tests.rpc.calls import RPCS
from tests.rpc.named_requests import REQUESTS, Ids, path_of
from tests.rpc.rig import EAST_STUDY, Rig

NEVER_STUDY = "2.25.9000"
OF_A_VIEW = frozenset({"radgate.v1.RetrieveService/PrioritizeFrames"})
"""They work on a view that the caller has open (tests/rpc/test_view_frames.py), and on no study that is named alone."""
STATUS = {
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "TENANT_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "ROLE_NOT_ALLOWED": grpc.StatusCode.PERMISSION_DENIED,
    "RESTRICTED_CREDENTIAL": grpc.StatusCode.PERMISSION_DENIED,
    "INVALID_ARGUMENT": grpc.StatusCode.INVALID_ARGUMENT,
}
MINE = make_restriction(patients=[RestrictedPatient("P-1")])


@dataclass(frozen=True)
class Visitor:
    """A caller. `role` is None for one whom nobody knows; `tenants` are those that it may use."""

    name: str
    headers: Mapping[str, str] = field(repr=False)
    role: Role | None = None
    tenants: frozenset[str] = frozenset()
    default: str = ""
    restricted: bool = False

    @property
    def tenants_tried(self) -> tuple[str, ...]:
        """The tenants that it chooses ("": none); for one whom nobody knows they make no difference."""
        return ("", "east", "west", "nowhere") if self.role else ("", "west")

    def refusal(self, access: Access, tenant: str) -> str:
        """The reason why it may not call at all, whatever it asks for; "" when it may. `tenant` is the one chosen."""
        acting = tenant or self.default
        if self.role is None:
            return "UNAUTHENTICATED"
        if tenant and tenant not in self.tenants:
            return "TENANT_NOT_ALLOWED"
        if self.role not in access.roles:
            return "ROLE_NOT_ALLOWED"
        if self.restricted and access.reach is Reach.CLOSED:
            return "RESTRICTED_CREDENTIAL"
        if access.tenant is TenantNeed.EVERY_TENANT and self.default:
            return "TENANT_NOT_ALLOWED"
        return "" if acting or access.tenant is not TenantNeed.TENANT else "INVALID_ARGUMENT"


async def visitors(rig: Rig) -> list[Visitor]:
    """Each role of tenant east by key, all that stand outside, and those who may see one patient's studies alone."""
    east, every = frozenset({"east"}), frozenset({"east", "west"})
    found = [
        Visitor(f"{role.name.lower()} of east", bearer(await rig.key("east", role=role)), role, east, "east")
        for role in Role
    ]
    found.append(Visitor("admin of all", bearer(await rig.key("*", role=Role.ADMIN)), Role.ADMIN, every))
    key = await rig.key("east", restriction=MINE)
    token = rig.tokens.issue(tenant="east", role="viewer", patient="P-1")
    certified = seen_by_gateway(certificate=CERTIFICATE_OF_PATIENT)
    boss = rig.tokens.issue(tenant="east", role="admin", patient=["P-1"])
    found += [
        Visitor("restricted key", bearer(key), Role.VIEWER, east, "east", restricted=True),
        Visitor("restricted token", bearer(token), Role.VIEWER, east, "east", restricted=True),
        Visitor("restricted certificate", certified, Role.VIEWER, east, "east", restricted=True),
        Visitor("restricted admin", bearer(boss), Role.ADMIN, east, "east", restricted=True),
        Visitor("nobody", {}),
        Visitor("bad key", bearer(f"rg_0123456789ab_{'x' * 43}")),
        Visitor("bad token", bearer("a.b.c")),
    ]
    return found


class Answer(NamedTuple):
    """Everything that a caller gets to see, names of things replaced: it may not report whether they exist."""

    code: grpc.StatusCode
    details: str
    headers: tuple[tuple[str, str | bytes], ...]
    trailers: tuple[tuple[str, str | bytes], ...]
    messages: tuple[bytes, ...]


_OF_THE_WAY = frozenset({"date", "server", "x-envoy-upstream-service-time", "x-request-id"})
"""Headers that report the moment and of the gateway."""


class Matrix:
    """Calls, and counts them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.count = 0

    async def ask(self, name: str, visitor: Visitor, tenant: str, ids: Ids) -> Answer:
        """Call, from an address of its own each time, so that wrong credentials don't add up."""
        self.count += 1
        make = REQUESTS.get(name)
        request = make(ids).SerializeToString() if make else b""
        address = f"10.{self.count >> 16 & 255}.{self.count >> 8 & 255}.{self.count & 255}"
        headers = {**seen_by_gateway(address=address), **visitor.headers, "x_request_id": "r-1", "accept": "*/*"}
        headers["x_envoy_original_path"] = path_of(name, ids)
        if tenant:
            headers["x_tenant_id"] = tenant
        metadata = [(key.replace("_", "-"), value) for key, value in headers.items()]
        return _replaced(await self._call(name, request, metadata), ids)

    async def _call(self, name: str, request: bytes, metadata: list[tuple[str, str]]) -> Answer:
        method = RPCS[name]
        requests, answers = method.client_streaming, method.server_streaming
        kind = f"{'stream' if requests else 'unary'}_{'stream' if answers or requests else 'unary'}"
        call = getattr(self._channel, kind)(f"/{name}")(
            iter([request]) if requests else request, metadata=metadata, timeout=20
        )
        messages: list[bytes] = []
        try:
            messages = [message async for message in call] if isinstance(call, AsyncIterable) else [await call]
        except grpc.aio.AioRpcError as error:
            return Answer(error.code(), error.details() or "", *_seen(error), tuple(messages))
        seen = (tuple(await call.initial_metadata()), tuple(await call.trailing_metadata()))
        return Answer(await call.code(), await call.details() or "", *seen, tuple(messages))


def _seen(error: grpc.aio.AioRpcError) -> Iterator[tuple[tuple[str, str | bytes], ...]]:
    yield tuple(error.initial_metadata())
    yield tuple(error.trailing_metadata())


def _replaced(answer: Answer, ids: Ids) -> Answer:
    names = sorted({name for name in ids if name}, key=len, reverse=True)

    def plain[Text: (str, bytes)](text: Text) -> Text:
        for name in names:
            if isinstance(text, bytes):
                text = text.replace(name.encode(), b"#" * len(name))
            else:
                text = text.replace(name, "#" * len(name))
        return text

    def pairs(metadata: tuple[tuple[str, str | bytes], ...]) -> tuple[tuple[str, str | bytes], ...]:
        return tuple(sorted((key, plain(value)) for key, value in metadata if key not in _OF_THE_WAY))

    messages = tuple(map(plain, answer.messages))
    return Answer(answer.code, plain(answer.details), pairs(answer.headers), pairs(answer.trailers), messages)


async def walk(
    matrix: Matrix, callers: Sequence[Visitor], methods: Mapping[str, Access], outside: str, of_west: Ids
) -> None:
    """Every method with every caller, tenant and name: refused, or answered as if there were no such thing.

    `outside` is a study of tenant east that restricted callers may not see, `of_west` are things of tenant west.
    """
    never = Ids(NEVER_STUDY, "0" * 12, "nowhere", "0" * len(of_west.job), "f" * 32)
    await warm(matrix, next(caller for caller in callers if caller.name == "viewer of east"), methods, outside)
    for name, access in methods.items():
        for visitor in callers:
            for tenant in visitor.tenants_tried:
                if reason := visitor.refusal(access, tenant):
                    names = (of_west, never) if tenant in ("", "west") else (never,)
                    await refused(matrix, name, visitor, tenant, reason, names)
            if not visitor.refusal(access, "east") and name in REQUESTS:
                others = [of_west, *([never._replace(study=outside)] if visitor.restricted else [])]
                await hidden(matrix, name, visitor, others, never)


async def warm(matrix: Matrix, viewer: Visitor, methods: Mapping[str, Access], outside: str) -> None:
    """Let somebody who may see it have everything of the study that others may not: every cache holds its answer."""
    for name, access in methods.items():
        if access.reach in (Reach.STUDY, Reach.SEARCH) and name not in OF_A_VIEW:
            answer = await matrix.ask(name, viewer, "east", Ids(outside))
            assert (answer.code, bool(answer.messages)) == (grpc.StatusCode.OK, True), (name, answer)


def reported(answer: Answer, reason: str) -> bool:
    """Whether the answer is this refusal, and holds nothing else."""
    status = dict(answer.trailers).get("grpc-status-details-bin", b"")
    return answer.code is STATUS[reason] and isinstance(status, bytes) and reason.encode() in status


async def refused(matrix: Matrix, name: str, visitor: Visitor, tenant: str, reason: str, owners: Sequence[Ids]) -> None:
    """A caller who may not call is notified, whatever is named."""
    answers = [await matrix.ask(name, visitor, tenant, ids) for ids in (owners if name in REQUESTS else owners[:1])]
    assert reported(answers[0], reason), (name, visitor, tenant, reason, answers[0])
    assert len(set(answers)) == 1, (name, visitor, tenant)
    assert not any(answer.messages for answer in answers)


async def hidden(matrix: Matrix, name: str, visitor: Visitor, others: Sequence[Ids], never: Ids) -> None:
    """A caller who may call is notified of what it may not see what is notified of what was never there."""
    expected = await matrix.ask(name, visitor, "east", never)
    for ids in (*others, *others):  # twice: what is remembered of the first time reports no more
        answer = await matrix.ask(name, visitor, "east", ids)
        assert answer == expected, (name, visitor, ids, answer, expected)
    mine = never._replace(study=EAST_STUDY)
    if METHODS[name].reach is Reach.STUDY:
        assert expected.code is grpc.StatusCode.NOT_FOUND, (name, visitor, expected)
        shown = await matrix.ask(name, visitor, "east", mine)
        assert (shown.code, bool(shown.messages)) == (grpc.StatusCode.OK, True), (name, visitor, shown)
    if METHODS[name].reach is Reach.SEARCH:
        assert await matrix.ask(name, visitor, "east", mine) != expected
