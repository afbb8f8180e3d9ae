"""Silences by hand: who may, what is recorded of them, and that nothing is silenced unrecorded."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.alerts.alert import Silence
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import (
    AuditUnavailableError,
    ConfigurationError,
    ResourceNotFoundError,
    RoleNotAllowedError,
)
from radgate_server.services.alerts.silencing import Silencing
from radgate_server.services.audit.recording import Auditor
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock

HOUR = timedelta(hours=1)
ABOUT = (("tenant", "east"), ("pacs", "main"))


def caller(tenant_id: str) -> Caller:
    return Caller(Principal("cli", (tenant_id,), Role.ADMIN), "", "local", "tests", "r-1")


OPERATOR = caller(ANY_TENANT)


class Register:
    """SilenceRegister in memory."""

    def __init__(self) -> None:
        self.kept: Sequence[Silence] = ()

    def silences(self) -> Sequence[Silence]:
        return self.kept

    def write(self, silences: Sequence[Silence]) -> None:
        self.kept = tuple(silences)


class Rig:
    def __init__(self) -> None:
        self.audit, self.clock, self.register = RecordingAuditSink(), FakeClock(), Register()
        self.silencing = Silencing(self.register, Auditor(self.audit, self.clock), self.clock)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_beginning_and_end_are_recorded_with_what_is_silenced(rig: Rig) -> None:
    made = await rig.silencing.begin(OPERATOR, "RadgatePacsDown", ABOUT, HOUR)
    assert rig.register.kept == (made,)
    await rig.silencing.end(OPERATOR, made.silence_id)
    assert rig.register.kept == ()
    what = f"silence {made.silence_id} of RadgatePacsDown, tenant east, pacs main"
    until = f"{rig.clock.now() + HOUR:%Y-%m-%d %H:%M}"
    assert [entry.detail for entry in rig.audit.entries] == [f"{what} until {until} UTC", f"end {what}"]
    assert set(rig.audit.actions) == {AuditAction.CONFIGURE}


async def test_what_cannot_be_recorded_is_not_silenced_and_stays_silenced(rig: Rig) -> None:
    made = await rig.silencing.begin(OPERATOR, "RadgatePacsDown", (), HOUR)
    rig.audit.broken = True
    with pytest.raises(AuditUnavailableError):
        await rig.silencing.begin(OPERATOR, "RadgatePacsDown", ABOUT, HOUR)
    with pytest.raises(AuditUnavailableError):
        await rig.silencing.end(OPERATOR, made.silence_id)
    assert rig.register.kept == (made,)


async def test_one_that_is_over_is_put_away_and_can_not_be_ended(rig: Rig) -> None:
    over = await rig.silencing.begin(OPERATOR, "RadgatePacsDown", (), HOUR)
    rig.clock.advance(HOUR.total_seconds())
    with pytest.raises(ResourceNotFoundError):
        await rig.silencing.end(OPERATOR, over.silence_id)
    new = await rig.silencing.begin(OPERATOR, "RadgatePacsDown", (), HOUR)
    assert rig.register.kept == (new,)


async def test_what_is_refused_leaves_nothing(rig: Rig) -> None:
    with pytest.raises(ConfigurationError):
        await rig.silencing.begin(OPERATOR, "RadgatePacsDwn", (), HOUR)
    with pytest.raises(RoleNotAllowedError):
        await rig.silencing.begin(caller("east"), "RadgatePacsDown", (), HOUR)
    assert (rig.register.kept, rig.audit.entries) == ((), [])
