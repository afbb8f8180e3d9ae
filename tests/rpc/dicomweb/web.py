"""A browser's view of the in-process server: URLs in, answers out, by the google.api.http options of the protos."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

import grpc
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from radgate_server.rpc.dicomweb.answers.http_body import BREAK_OFF
from radgate_server.rpc.server.grpc_server import DICOMWEB


def _routes() -> list[tuple[re.Pattern[str], MethodDescriptor]]:
    routes = []
    for method in DICOMWEB.methods:
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        for binding in (rule, *rule.additional_bindings):
            pattern = re.sub(r"\{(\w+)=\*\*\}", r"(?P<\1>.+)", binding.get)
            routes.append((re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)), method))
    return routes


ROUTES = _routes()


@dataclass
class Answer:
    """What came: `error` is the failure that ended the call, before (`body` is empty) or amidst the body."""

    headers: list[tuple[str, str]]
    content_type: str
    body: bytes
    messages: int
    error: grpc.aio.AioRpcError | None

    @property
    def parts(self) -> list[tuple[str, bytes]]:
        """Content type and data of each part of a whole multipart body."""
        match = re.search(r"boundary=([^;]+)", self.content_type)
        assert match
        first, *parts, last = self.body.split(f"--{match[1]}".encode())
        assert (first, last) == (b"", b"--\r\n")
        split = [part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for part in parts]
        heads = (head.decode().partition("\r\n")[0] for head, _, _ in split)
        return [(head.removeprefix("Content-Type: "), data) for head, (_, _, data) in zip(heads, split, strict=True)]

    @property
    def locations(self) -> list[str]:
        """What the parts of a multipart body say of where they are found by themselves."""
        return re.findall(r"\r\nContent-Location: ([^\r]*)\r\n\r\n", self.body.decode("latin-1"))

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Web:
    """One client with its key."""

    channel: grpc.aio.Channel
    token: str

    async def get(self, url: str, accept: str | tuple[str, ...] = "", **headers: str) -> Answer:
        """GET below /dicom-web; several `accept` are as many headers."""
        path = f"/dicom-web{url}".partition("?")[0]
        match, method = next((match, method) for pattern, method in ROUTES if (match := pattern.fullmatch(path)))
        fields = {name: unquote(value) for name, value in match.groupdict().items()}
        request = GetMessageClass(method.input_type)(**fields).SerializeToString()
        metadata = [
            ("authorization", f"Bearer {self.token}"),
            ("x-envoy-original-path", f"/dicom-web{url}"),
            ("x-forwarded-host", "pacs.example"),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        accepts = (accept,) if isinstance(accept, str) else accept
        metadata += [("accept", value) for value in accepts if value]
        return await _call(self.channel, method, request, metadata)


async def _call(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: bytes, metadata: list[tuple[str, str]]
) -> Answer:
    # A unary method answers with the same bytes on the wire as a stream of one message.
    call = channel.unary_stream(f"/{DICOMWEB.full_name}/{method.name}")(request, metadata=metadata, timeout=30)
    received: list[bytes] = []
    error = None
    try:
        async for message in call:
            received.append(message)  # noqa: PERF401 # what came before a failure stays
    except grpc.aio.AioRpcError as raised:
        error = raised
    if error and received:
        assert received.pop() == BREAK_OFF, "HTTP has no other sign that the body is not whole"
    messages = [HttpBody.FromString(message) for message in received]
    headers = [(name, value) for name, value in await call.initial_metadata() if isinstance(value, str)]
    content_type, _, tag = (messages[0].content_type if messages else "").partition("; etag=")
    headers += [("etag", tag)] if tag else []  # as the gateway does
    return Answer(headers, content_type, b"".join(message.data for message in messages), len(messages), error)
