"""What is counted of accesses, and that it reaches the history once."""

from datetime import timedelta
from hashlib import sha256

import pytest

from radgate_server.core.cache.accesses import PACS, AccessCounts, AccessKind, AccessPlace, ObservedAccess, hour_of
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.cache import access_recorder
from radgate_server.services.cache.access_recorder import AccessRecorder, patient_digest
from radgate_server.services.query.known_studies import KnownStudy
from tests.fakes.accesses import MemoryAccessHistory
from tests.fakes.clock import FakeClock

STUDY = "2.25.1"
KNOWN = KnownStudy("P-1", modalities="CT")


class Box:
    def fingerprint(self, secret: str) -> bytes:
        return sha256(secret.encode()).digest()


class Telemetry:
    def __init__(self) -> None:
        self.accesses: list[tuple[str, int, float]] = []

    def study_access(self, tier: str, sent_bytes: int, first_byte_s: float) -> None:
        self.accesses.append((tier, sent_bytes, first_byte_s))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def history() -> MemoryAccessHistory:
    return MemoryAccessHistory()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def recorder(history: MemoryAccessHistory, clock: FakeClock, telemetry: Telemetry) -> AccessRecorder:
    return AccessRecorder(history, lambda *_: KNOWN, Box(), clock, telemetry, days=2, interval_s=10)


def access(*tiers: str, study: str = STUDY, kind: AccessKind = AccessKind.RETRIEVE) -> ObservedAccess:
    observed = ObservedAccess()
    observed.granted(kind, study)
    for tier in tiers:
        observed.found_in(tier)
    return observed


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        (("hot",), "hot"),
        (("warm", "hot"), "warm"),
        (("hot-instances", "derived", "warm", "states"), "warm"),
        (("states",), ""),
    ],
)
def test_an_access_is_of_the_farthest_tier_that_it_needed(tiers: tuple[str, ...], expected: str) -> None:
    assert access(*tiers).tier == expected


async def test_counts_by_study_hour_kind_and_tier(
    recorder: AccessRecorder, history: MemoryAccessHistory, clock: FakeClock
) -> None:
    cold = access("warm")
    cold.fetched(1000)
    cold.waited(0.5)
    hour = hour_of(clock.now())
    recorder.record("east", cold, 1000, 0.25)
    for size in (10, 20):
        recorder.record("east", access("hot", kind=AccessKind.FRAMES), size, 0.25)
    await recorder.write()
    recorder.record("east", access("hot", kind=AccessKind.FRAMES), 30, 0.25)
    await recorder.write()
    fetched, hot = (
        history.rows[AccessPlace(hour, "east", STUDY, kind, tier)]
        for kind, tier in ((AccessKind.RETRIEVE, PACS), (AccessKind.FRAMES, "hot"))
    )
    assert len(history.rows) == 2
    assert fetched.counts == AccessCounts(1, 1000, 1000, 500, 250_000)
    assert hot.counts == AccessCounts(3, 60, 0, 0, 750_000)
    assert (hot.modality, hot.patient) == ("CT", patient_digest(Box(), "east", "P-1"))
    assert (fetched.place.is_hit, hot.place.is_hit) == (False, True)


async def test_what_is_no_access_is_not_counted(recorder: AccessRecorder, history: MemoryAccessHistory) -> None:
    recorder.record("east", ObservedAccess(), 100, 0.25)
    ungranted = ObservedAccess()
    ungranted.found_in("hot")
    recorder.record("east", ungranted, 100, 0.25)
    recorder.record("east", access(), 100, 0.25)
    recorder.record("east", access("hot"), 0, 0.25)
    await recorder.write()
    assert history.rows == {}


async def test_waits_for_the_database(recorder: AccessRecorder, history: MemoryAccessHistory) -> None:
    recorder.record("east", access("hot"), 1, 0.25)
    history.away = True
    with pytest.raises(DatabaseUnavailableError):
        await recorder.write()
    recorder.record("east", access("hot"), 2, 0.25)
    history.away = False
    await recorder.close()
    (row,) = history.rows.values()
    assert row.counts == AccessCounts(2, 3, 0, 0, 500_000)


async def test_what_waits_is_bounded(
    recorder: AccessRecorder,
    history: MemoryAccessHistory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(access_recorder, "MAX_WAITING", 2)
    for study in ("1.1", "1.2", "1.3", "1.1"):
        recorder.record("east", access("hot", study=study), 1, 0.25)
    await recorder.write()
    assert {place.study_instance_uid: row.counts.accesses for place, row in history.rows.items()} == {
        "1.1": 2,
        "1.2": 1,
    }
    assert "accesses are missing in the history: too many waited" in caplog.messages
    recorder.record("east", access("hot", study="1.3"), 1, 0.25)
    await recorder.write()
    assert len(history.rows) == 3


async def test_removes_hours_that_are_too_old(
    recorder: AccessRecorder, history: MemoryAccessHistory, clock: FakeClock
) -> None:
    recorder.record("east", access("hot"), 1, 0.25)
    await recorder.write()
    clock.advance(timedelta(days=2).total_seconds())
    await recorder.write()
    assert len(history.rows) == 1
    clock.advance(3600)
    await recorder.write()
    assert history.rows == {}


async def test_what_is_erased_is_not_written(recorder: AccessRecorder, history: MemoryAccessHistory) -> None:
    for tenant, study in (("east", STUDY), ("east", "2.25.2"), ("west", STUDY)):
        recorder.record(tenant, access("hot", study=study), 1, 0.25)
    recorder.forget("east", STUDY)
    await recorder.write()
    assert {place[1:3] for place in history.rows} == {("east", "2.25.2"), ("west", STUDY)}


def test_a_patient_has_one_digest_a_tenant() -> None:
    one = patient_digest(Box(), "east", "P-1")
    assert len(one) == 32
    assert one == patient_digest(Box(), "east", "P-1")
    assert len({one, patient_digest(Box(), "west", "P-1"), patient_digest(Box(), "east", "P-2")}) == 3
    assert patient_digest(Box(), "east", "") == ""


async def test_without_days_accesses_are_measured_and_not_written(
    history: MemoryAccessHistory, clock: FakeClock, telemetry: Telemetry
) -> None:
    recorder = AccessRecorder(history, lambda *_: KNOWN, Box(), clock, telemetry, days=0, interval_s=10)
    recorder.start()
    recorder.record("east", access("hot"), 10, 0.25)
    recorder.record("east", access(), 10, 0.25)
    await recorder.close()
    assert telemetry.accesses == [("hot", 10, 0.25)]
    assert history.rows == {}
