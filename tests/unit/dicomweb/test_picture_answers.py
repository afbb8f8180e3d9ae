from radgate_server.adapters.cache.memory import MemoryHotCache
from radgate_server.core.ports.cache import CacheKey
from radgate_server.rpc.dicomweb.picture_answers import PictureAnswers
from radgate_server.services.auditing import Auditor
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry


async def test_only_what_lasts_is_kept() -> None:
    clock = FakeClock()
    hot = MemoryHotCache(limit_bytes=1 << 20, entry_limit_bytes=1 << 20, clock=clock, telemetry=RecordingTelemetry())
    answers = PictureAnswers(Auditor(RecordingAuditSink(), clock), hot, chunk_bytes=1000, max_kept_bytes=1000)
    for lasting in (False, True):
        key = CacheKey("east", "2.25.1", "rendered", str(lasting))

        async def render(lasting: bool = lasting) -> tuple[str, bytes, bool]:
            return "image/png", b"picture", lasting

        made = await answers.make(key, render)
        assert b"picture" in made
        assert await answers.kept(key) == (made if lasting else None)
