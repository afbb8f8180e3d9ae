"""From a service's descriptor, a servicer and the interceptors to the entries of its methods.

Interceptors of grpc.aio are looked up for each call; those here are composed once for each method. Servicer methods
look like `async def SearchStudies(self, request, call) -> response`, or like async generators for streams. They may
give messages already encoded, as bytes, which go out untouched.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.access.authorization import METHODS
from radgate_server.rpc.access.doubts import DoubtedStudies, warned
from radgate_server.rpc.access.field_paths import field_naming
from radgate_server.rpc.access.named_tenant import named_tenant
from radgate_server.rpc.access.required_fields import RequiredCheck, required_check
from radgate_server.rpc.access.rest_fields import FieldCheck, rest_field_check
from radgate_server.rpc.access.study_admission import (
    Admit,
    RejectionGate,
    StudyConfirmer,
    StudyGate,
    admission,
    left_out,
)
from radgate_server.rpc.dicomweb.answers.http_body import BREAK_OFF
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.interceptor import Interceptor, Method, Proceed, compose
from radgate_server.rpc.pipeline.method_table import MethodEntry

_BREAK_OFF_S = 0.5

_CREATES = "Create"
"""How the names of standard methods begin that make a resource (google.aip.dev/133)."""


@dataclass(frozen=True, slots=True)
class StudyGates:
    """What a request that names a study passes, by where it is in the table of access."""

    restrictions: StudyGate
    doubts: DoubtedStudies
    confirmer: StudyConfirmer
    rejections: RejectionGate


class Servicer(Protocol):
    """Implements the methods of one service, each under its own name."""


def build_method_entries(
    service: ServiceDescriptor,
    servicer: Servicer,
    interceptors: tuple[Interceptor, ...],
    gates: StudyGates,
) -> dict[str, MethodEntry]:
    """Make the entries of all methods of the service, by their full names.

    Raises:
        KeyError: a method has no row in the table of access, or its row says STUDY or FEED and no row of the table
            STUDIES_NAMED says how its messages name studies.
        AttributeError: the servicer lacks a method.
        ValueError: a method's row does not say what is recorded of its calls.
    """
    entries = (_build_entry(service, method, servicer, interceptors, gates) for method in service.methods)
    return {entry.full_name: entry for entry in entries}


def _build_entry(
    service: ServiceDescriptor,
    descriptor: MethodDescriptor,
    servicer: Servicer,
    interceptors: tuple[Interceptor, ...],
    gates: StudyGates,
) -> MethodEntry:
    access = METHODS[full_name := f"{service.full_name}/{descriptor.name}"]
    if access.audit is None:
        raise ValueError(f"the row of {full_name} does not say what the audit trail has of it")
    method = Method(full_name, access, named_tenant(descriptor, access), field_naming(descriptor))
    innermost = _innermost(descriptor, getattr(servicer, descriptor.name), method, gates)
    proceed = compose(method, interceptors, innermost)
    gives_stream = descriptor.server_streaming and not _is_body(descriptor)
    return MethodEntry(full_name, proceed, descriptor.client_streaming, gives_stream)


def _is_body(method: MethodDescriptor) -> bool:
    """Whether an answer is an HTTP body: its last message may leave together with the status, as `call.response`.

    grpc.aio sends them together for unary methods alone. A stream that answers as one is the same on the wire, and a
    send less is a way less through grpc's thread and back. When no response is set, an empty message comes last: it
    adds nothing to an HTTP body, but would be one too many in a stream of other messages.
    """
    return method.output_type.full_name == "google.api.HttpBody"


def _innermost(
    descriptor: MethodDescriptor,
    serve: Callable[..., Any],
    method: Method,
    gates: StudyGates,
) -> Proceed:
    """Check the fields that it names, decode the request, let pass who may have what it names, and answer."""
    answer = _answer(descriptor, serve, method, gates)
    check = rest_field_check(descriptor)
    if descriptor.name.startswith(_CREATES):
        answer = _answer_created(answer)
    return answer if check is None else _answer_checked(check, answer)


def _answer_created(answer: Proceed) -> Proceed:
    """Let REST say 201 of what was created; gRPC has no word for it."""

    async def answer_created(call: Call) -> None:
        await answer(call)
        if call.header("x-envoy-original-path"):
            await call.send_initial_metadata((("x-http-status", "201"),))

    return answer_created


def _answer_checked(check: FieldCheck, answer: Proceed) -> Proceed:
    async def answer_checked(call: Call) -> None:
        check(call)
        await answer(call)

    return answer_checked


def _answer(
    descriptor: MethodDescriptor,
    serve: Callable[..., Any],
    method: Method,
    gates: StudyGates,
) -> Proceed:
    decode_one = _decode(GetMessageClass(descriptor.input_type), required_check(descriptor))
    decode = _decode_stream(decode_one) if descriptor.client_streaming else decode_one
    reach = method.access.reach
    admit = admission(reach, descriptor, gates.restrictions, gates.confirmer, gates.rejections)
    admit = warned(admit, descriptor, gates.doubts)
    if descriptor.server_streaming:
        answer = _answer_stream(left_out(serve, reach, descriptor, gates.restrictions), decode, admit)
        return _break_off(answer) if _is_body(descriptor) else answer
    return _answer_unary(serve, decode, admit)


type _Decoder = Callable[[Any], Any]


def _decode(message_class: type[Message], check: RequiredCheck | None) -> _Decoder:
    parse = message_class.FromString

    def decode(payload: bytes) -> Message:
        try:
            request = parse(payload)
        except DecodeError:
            raise InvalidArgumentError("request", "the message can't be decoded") from None
        if check is not None:
            check(request)
        return request

    return decode


def _decode_stream(decode_one: _Decoder) -> _Decoder:
    async def decode(payloads: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        async for payload in payloads:
            yield decode_one(payload)

    return decode


def _encode(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


def _answer_unary(serve: Callable[..., Any], decode: _Decoder, admit: Admit | None) -> Proceed:
    async def answer(call: Call) -> None:
        request = decode(call.payload)
        if admit is not None:
            request = await admit(request, call)
        call.response = _encode(await serve(request, call))
        call.require_unwithheld()
        await call.send_doubts()

    return answer


def _answer_stream(serve: Callable[..., Any], decode: _Decoder, admit: Admit | None) -> Proceed:
    async def answer(call: Call) -> None:
        request = decode(call.payload)
        if admit is not None:
            request = await admit(request, call)
        async with aclosing(serve(request, call)) as messages:
            async for message in messages:
                await call.write(_encode(message))
        call.require_unwithheld()
        await call.send_doubts()

    return answer


def _break_off(answer: Proceed) -> Proceed:
    """Let a body that fails after its first message end as a broken one. Who speaks gRPC is reported by the status."""

    async def answer_or_break_off(call: Call) -> None:
        try:
            await answer(call)
        except asyncio.CancelledError:
            if (
                _is_rest(call) and not call.client_disconnected
            ):  # not by its client: a deadline passed, or the server stops
                await _write_break_off(call, _BREAK_OFF_S)
            raise
        except Exception:
            if _is_rest(call):
                await _write_break_off(call, None)
            raise

    return answer_or_break_off


def _is_rest(call: Call) -> bool:
    """Whether the gateway has begun to send the body."""
    return bool(call.sent_bytes and call.header("x-envoy-original-path"))


async def _write_break_off(call: Call, timeout_s: float | None) -> None:
    """Why the call failed is what counts: nothing is raised. With `timeout_s`, a message may still be unsent."""
    call.withhold = None  # it says nothing of the study
    try:
        async with asyncio.timeout(timeout_s):
            await call.write(BREAK_OFF)
    except Exception:  # noqa: BLE001 - grpc has no class of its own for a write beside another
        call.cut = True
