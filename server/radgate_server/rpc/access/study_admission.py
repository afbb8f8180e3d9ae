"""What a request that names a study passes between the decoded message and the servicer.

Restricted credentials are kept to their studies, and what is cached of the study is confirmed with its PACS once it
is older than it may be, and single instances that a rejection note rejects are withheld. Every method says in its row
of the table of access how far it reaches; what follows from that is done here and nowhere else, before any servicer
or cache sees the request.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor

from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import ObjectNotFoundError
from radgate_server.rpc.access.authorization import Reach
from radgate_server.rpc.access.studies_named import STUDIES_NAMED
from radgate_server.rpc.dicomweb.answers.warnings import doubt_text
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.access.restrictions import LoneInstance
from radgate_server.services.cache.revalidation import UnconfirmedStudy

type Admit = Callable[[Any, Call], Awaitable[Any]]
"""Gives a decoded request, or stream of requests, back once the caller may have what it asks for."""

type ServeStream = Callable[[Any, Call], AsyncGenerator[Any]]


class StudyGate(Protocol):
    """Reports which studies lie within a restriction (services.restrictions.Restrictions)."""

    async def require(
        self, caller: Caller, restriction: StudyRestriction, asked: RetrieveScope | LoneInstance, method: str
    ) -> None:
        """Pass, or answer as if there were no such study."""
        ...

    async def admits(self, tenant_id: str, restriction: StudyRestriction, study_instance_uid: str) -> bool:
        """Whether the study lies within."""
        ...

    def is_doubtful(self, tenant_id: str, restriction: StudyRestriction, study_instance_uid: str) -> bool:
        """Whether the study lies outside because its instances name different patients."""
        ...


class StudyConfirmer(Protocol):
    """Confirms with the PACS what is cached of a study (services.revalidation.Revalidator)."""

    async def study_of(self, tenant_id: str, asked: RetrieveScope | LoneInstance) -> str:
        """The study that is asked for. Raises ObjectNotFoundError, PacsError."""
        ...

    def is_trusted(self, tenant_id: str, study_instance_uid: str) -> bool:
        """Whether the study may be served at once."""
        ...

    async def confirm(self, tenant_id: str, study_instance_uid: str) -> UnconfirmedStudy | None:
        """Have what is cached dropped if it changed; the doubt that is left."""
        ...


class RejectionGate(Protocol):
    """Knows which instances are hidden because a rejection note rejects them (services.rejections.Rejections)."""

    def hides(self, tenant_id: str) -> bool:
        """Whether the tenant wants that."""
        ...

    async def require(self, tenant_id: str, asked: RetrieveScope | LoneInstance) -> str:
        """Pass, or answer that the instance was rejected; a warning, "" for none."""
        ...


def admission(
    reach: Reach, method: MethodDescriptor, gate: StudyGate, confirmer: StudyConfirmer, rejections: RejectionGate
) -> Admit | None:
    """What requests have to pass; None when they name no study.

    Each message of a stream is looked at before the servicer reads it.

    Raises:
        KeyError: the method reaches studies and nothing says how its requests name them.
    """
    if reach is not Reach.STUDY:
        return None
    study_of = STUDIES_NAMED[method.input_type.full_name]
    full_name = f"{method.containing_service.full_name}/{method.name}"

    async def admit(request: Any, call: Call) -> Any:
        if (asked := study_of(request, call)) is None:
            return request
        caller = call.caller
        if (restriction := caller.principal.restriction) is not None:
            await gate.require(caller, restriction, asked, full_name)
        study = await confirmer.study_of(caller.tenant_id, asked)
        if not confirmer.is_trusted(caller.tenant_id, study):
            await _confirm(confirmer, study, call)
            if restriction is not None:  # whose study it is may have changed just now
                await gate.require(caller, restriction, asked, full_name)
        if rejections.hides(caller.tenant_id):
            await _require_shown(rejections, asked, call)
        if restriction is not None and restriction.patients:
            withhold = _withholding(gate, caller.tenant_id, restriction, study)
            call.withhold = {**(call.withhold or {}), study: withhold}
        return request

    async def admit_each(requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        return (await admit(request, call) async for request in requests)

    return admit_each if method.client_streaming else admit


async def _confirm(confirmer: StudyConfirmer, study: str, call: Call) -> None:
    if (doubt := await confirmer.confirm(call.caller.tenant_id, study)) is not None:
        call.warn(doubt_text(doubt))


async def _require_shown(rejections: RejectionGate, asked: RetrieveScope | LoneInstance, call: Call) -> None:
    if text := await rejections.require(call.caller.tenant_id, asked):
        call.warn(text)


def _withholding(gate: StudyGate, tenant_id: str, restriction: StudyRestriction, study: str) -> Callable[[], None]:
    """Instances arrive after the call was admitted: what names another patient is known before it can be sent."""

    def withhold() -> None:
        if gate.is_doubtful(tenant_id, restriction, study):
            raise ObjectNotFoundError("no PACS of the tenant has this study", kind="study")

    return withhold


def left_out(serve: ServeStream, reach: Reach, method: MethodDescriptor, gate: StudyGate) -> ServeStream:
    """The servicer's method without those answers, of a feed, that name a study outside.

    Raises:
        KeyError: the method is a feed and nothing says how its answers name studies.
    """
    if reach is not Reach.FEED:
        return serve
    study_of = STUDIES_NAMED[method.output_type.full_name]

    async def filtered(request: Any, call: Call, restriction: StudyRestriction) -> AsyncGenerator[Any]:
        async with aclosing(serve(request, call)) as answers:
            async for answer in answers:
                named = study_of(answer, call)
                if not isinstance(named, RetrieveScope) or await gate.admits(
                    call.caller.tenant_id, restriction, named.study_instance_uid
                ):
                    yield answer

    def choose(request: Any, call: Call) -> AsyncGenerator[Any]:
        restriction = call.caller.principal.restriction
        return serve(request, call) if restriction is None else filtered(request, call, restriction)

    return choose
