from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from radgate_server.adapters.telemetry import aio_interceptors
from radgate_server.adapters.telemetry.spans import SpanInterceptor, tracer_provider
from radgate_server.telemetry_settings import TelemetrySettings

PATIENT = "Doe^Jane"
METADATA = (("authorization", "Bearer rg_secret"), ("x-tenant-id", "alpha"))


type Context = grpc.aio.ServicerContext[bytes, bytes]


async def ok(request: bytes, context: Context) -> bytes:
    return request


async def abort(_: bytes, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.NOT_FOUND, f"no study of {PATIENT}")
    raise AssertionError


async def break_down(_: bytes, context: Context) -> bytes:
    raise ValueError(f"can't read {PATIENT}")


async def write_three(request: bytes, context: Context) -> None:
    for _number in range(3):
        await context.write(request)


async def yield_three(request: bytes, context: Context) -> AsyncIterator[bytes]:
    for _ in range(3):
        yield request


async def write_and_abort(request: bytes, context: Context) -> None:
    await context.write(request)
    await context.abort(grpc.StatusCode.UNAVAILABLE, f"lost {PATIENT}")


HANDLERS: "dict[str, grpc.RpcMethodHandler[bytes, bytes]]" = {
    "Ok": grpc.unary_unary_rpc_method_handler(ok),
    "Abort": grpc.unary_unary_rpc_method_handler(abort),
    "Break": grpc.unary_unary_rpc_method_handler(break_down),
    "Write": grpc.unary_stream_rpc_method_handler(write_three),
    "Yield": grpc.unary_stream_rpc_method_handler(yield_three),
    "WriteAndAbort": grpc.unary_stream_rpc_method_handler(write_and_abort),
}


async def call(channel: grpc.aio.Channel, method: str) -> bytes:
    rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/radgate.test/{method}")
    return await rpc(b"x", metadata=METADATA)


async def stream(channel: grpc.aio.Channel, method: str) -> list[bytes]:
    rpc: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(f"/radgate.test/{method}")
    return [message async for message in rpc(b"x", metadata=METADATA)]


@pytest.fixture
async def spans() -> AsyncIterator[dict[str, ReadableSpan]]:
    """The spans of one call to each method, by its name."""
    exporter = InMemorySpanExporter()
    provider = tracer_provider(exporter)
    server = grpc.aio.server(interceptors=(SpanInterceptor(provider),))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("radgate.test", HANDLERS),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await call(channel, "Ok") == b"x"
        assert await stream(channel, "Write") == [b"x"] * 3
        assert await stream(channel, "Yield") == [b"x"] * 3
        for method, ask in (("Abort", call), ("Break", call), ("WriteAndAbort", stream)):
            with pytest.raises(grpc.aio.AioRpcError):
                await ask(channel, method)
    await server.stop(None)
    provider.force_flush()
    yield {span.name.rsplit("/", 1)[1]: span for span in exporter.get_finished_spans()}
    provider.shutdown()


def code_of(span: ReadableSpan) -> object:
    assert span.attributes is not None
    return span.attributes["rpc.grpc.status_code"]


async def test_every_call_is_a_span(spans: dict[str, ReadableSpan]) -> None:
    assert set(spans) == set(HANDLERS)
    attributes = spans["Ok"].attributes
    assert attributes is not None
    assert attributes["rpc.service"] == "radgate.test"
    assert attributes["rpc.method"] == "Ok"
    assert attributes["rpc.grpc.status_code"] == 0
    assert attributes["net.peer.ip"] == "127.0.0.1"
    assert spans["Ok"].resource.attributes["service.name"] == "radgate"


async def test_failures_show_but_do_not_speak(spans: dict[str, ReadableSpan]) -> None:
    assert code_of(spans["Abort"]) == grpc.StatusCode.NOT_FOUND.value[0]
    assert code_of(spans["WriteAndAbort"]) == grpc.StatusCode.UNAVAILABLE.value[0]
    assert code_of(spans["Write"]) == code_of(spans["Yield"]) == 0
    for span in spans.values():
        assert span.status.description is None
        assert not span.events


async def test_no_span_holds_patient_data_or_metadata(spans: dict[str, ReadableSpan]) -> None:
    for span in spans.values():
        text = span.to_json()
        for secret in (PATIENT, "rg_secret", "alpha"):
            assert secret not in text


async def test_without_the_setting_there_are_no_interceptors() -> None:
    assert list(aio_interceptors(TelemetrySettings())) == []


async def test_with_the_setting_there_is_one() -> None:
    settings = TelemetrySettings(tracing_enabled=True, otlp_endpoint="http://127.0.0.1:9")
    (interceptor,) = aio_interceptors(settings)
    assert isinstance(interceptor, grpc.aio.ServerInterceptor)


def test_status_codes_of_spans_are_kept() -> None:
    exporter = InMemorySpanExporter()
    provider = tracer_provider(exporter)
    with provider.get_tracer("test").start_as_current_span("broken") as span:
        span.set_status(StatusCode.ERROR, PATIENT)
        span.set_attribute("patient", PATIENT)
    provider.force_flush()
    (finished,) = exporter.get_finished_spans()
    assert finished.status.status_code is StatusCode.ERROR
    assert PATIENT not in finished.to_json()
    provider.shutdown()
