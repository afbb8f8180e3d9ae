from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from radgate_server.adapters.telemetry import aio_interceptors
from radgate_server.adapters.telemetry.spans import span_interceptor, tracer_provider
from radgate_server.config import TelemetrySettings

PATIENT = "Doe^Jane"
METADATA = (("authorization", "Bearer rg_secret"), ("x-tenant-id", "alpha"))


class Answering(grpc.GenericRpcHandler):
    """Answers /radgate.test/Ok, aborts /radgate.test/Abort and breaks in /radgate.test/Break."""

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        behaviours = {"/radgate.test/Ok": ok, "/radgate.test/Abort": abort, "/radgate.test/Break": break_down}
        return grpc.unary_unary_rpc_method_handler(behaviours[call.method])


async def ok(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return request


async def abort(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    await context.abort(grpc.StatusCode.NOT_FOUND, f"no study of {PATIENT}")
    raise AssertionError


async def break_down(_: bytes, __: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    raise ValueError(f"can't read {PATIENT}")


async def call(channel: grpc.aio.Channel, method: str) -> bytes:
    rpc: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/radgate.test/{method}")
    return await rpc(b"x", metadata=METADATA)


@pytest.fixture
async def spans() -> AsyncIterator[dict[str, ReadableSpan]]:
    """The spans of one call to each method, by its name."""
    exporter = InMemorySpanExporter()
    provider = tracer_provider(exporter)
    server = grpc.aio.server(interceptors=(span_interceptor(provider),))
    server.add_generic_rpc_handlers((Answering(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await call(channel, "Ok") == b"x"
        for method in ("Abort", "Break"):
            with pytest.raises(grpc.aio.AioRpcError):
                await call(channel, method)
    await server.stop(None)
    provider.force_flush()
    yield {span.name.rsplit("/", 1)[1]: span for span in exporter.get_finished_spans()}
    provider.shutdown()


async def test_every_call_is_a_span(spans: dict[str, ReadableSpan]) -> None:
    assert set(spans) == {"Ok", "Abort", "Break"}
    attributes = spans["Ok"].attributes
    assert attributes is not None
    assert attributes["rpc.service"] == "radgate.test"
    assert attributes["rpc.method"] == "Ok"
    assert attributes["rpc.grpc.status_code"] == 0
    assert attributes["net.peer.ip"] == "127.0.0.1"
    assert spans["Ok"].resource.attributes["service.name"] == "radgate"


async def test_failures_show_but_do_not_speak(spans: dict[str, ReadableSpan]) -> None:
    attributes = spans["Abort"].attributes
    assert attributes is not None
    assert attributes["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
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
