"""The bare limit: a gRPC server that does nothing but give recorded messages, as fast as Python can.

    python -m tests.bench.bare PORT RECORDING [FOLDER]

With a folder, pixels are not in memory: each large message lies in a plain file there, which is read for each answer.
It answers DicomWebService and RetrieveService behind the same Envoy as Radgate. `record` asks a Radgate for its answers
and keeps the encoded messages, so that both servers send the very same bytes, and both send the last message of an HTTP
body together with the status (rpc/pipeline/composition.py says how and why).
"""

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import uvloop

type Recording = dict[tuple[str, bytes], list[bytes]]
"""By method and encoded request: the encoded messages of the answer."""

type Answers = Mapping[tuple[str, bytes], Sequence[bytes | Path]]
"""The same; of a path what the file holds is sent."""

LARGE_BYTES = 10_000
_HTTP_BODIES = "/radgate.dicomweb.v1.DicomWebService/"


def record(
    port: int, requests: Sequence[tuple[str, bytes]], metadata: Sequence[tuple[str, str]], recording: Path
) -> None:
    """Ask the server on `port` for each request and write its answers' messages to `recording`."""
    answers: Recording = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)]) as channel:
        for method, request in requests:  # an answer of one message is a stream of one on the wire
            answers[method, request] = list(channel.unary_stream(method)(request, metadata=metadata))
    recording.write_bytes(pickle.dumps(answers))


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, answers: Answers) -> None:
        by_method: dict[str, dict[bytes, Sequence[bytes | Path]]] = {}
        for (method, request), messages in answers.items():
            by_method.setdefault(method, {})[request] = messages
        self._handlers = {
            method: grpc.unary_unary_rpc_method_handler(_body(table))
            if method.startswith(_HTTP_BODIES)
            else grpc.unary_stream_rpc_method_handler(_stream(table))
            for method, table in by_method.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


def _body(table: Mapping[bytes, Sequence[bytes | Path]]) -> Callable[..., Any]:
    async def answer(request: bytes, context: Any) -> bytes:
        *before, last = table[request]
        for message in before:
            await context.write(await _read(message))
        return await _read(last)

    return answer


def _stream(table: Mapping[bytes, Sequence[bytes | Path]]) -> Callable[..., Any]:
    async def answer(request: bytes, _context: Any) -> AsyncIterator[bytes]:
        for message in table[request]:
            yield await _read(message)

    return answer


async def _read(message: bytes | Path) -> bytes:
    return message if isinstance(message, bytes) else await asyncio.to_thread(message.read_bytes)


def _in_files(answers: Recording, folder: Path) -> Answers:
    """The same answers with each large message in a file."""
    folder.mkdir(parents=True)
    numbers = count()

    def put(message: bytes) -> bytes | Path:
        if len(message) < LARGE_BYTES:
            return message
        path = folder / str(next(numbers))
        path.write_bytes(message)
        return path

    return {call: [put(message) for message in messages] for call, messages in answers.items()}


async def serve(port: int, recording: Path, folder: Path | None = None) -> None:
    """Serve the recording until killed; with a folder, from files in it."""
    recorded: Recording = pickle.loads(recording.read_bytes())
    answers = recorded if folder is None else _in_files(recorded, folder)
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((_Handlers(answers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), *map(Path, sys.argv[2:])))
