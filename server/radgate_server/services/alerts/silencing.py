"""Telling nobody of an alert for a while: each beginning and each end by hand is recorded first."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.alerts.alert import Labels, Silence, that_hold
from radgate_server.core.alerts.ports import SilenceRegister
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import ConfigurationError, ResourceNotFoundError
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import insist_on_every_tenant
from radgate_server.services.alerts.rules.table import rules_of
from radgate_server.services.audit.recording import Auditor
from radgate_server.settings.alerts import AlertsSettings


class Silencing:
    """What operators ask for; alerts are the installation's, so are their silences and the records of these."""

    def __init__(self, register: SilenceRegister, auditor: Auditor, clock: Clock) -> None:
        self._register = register
        self._auditor = auditor
        self._clock = clock

    async def begin(self, caller: Caller, alert: str, labels: Labels, lasting: timedelta) -> Silence:
        """Notify nobody of alerts of that name that have all the labels.

        Raises:
            ConfigurationError: there is no alert of that name, or the silence can't be written down.
            RoleNotAllowedError: the caller does not run the installation.
            AuditUnavailableError: it can't be recorded; everything is notified as before.
        """
        insist_on_every_tenant(caller, "silence alerts")
        known = [rule.name for rule in rules_of(AlertsSettings())]
        if alert not in known:
            raise ConfigurationError(f"there is no alert of this name; there are {', '.join(known)}")
        new = Silence(secrets.token_hex(4), alert, labels, self._clock.now() + lasting)
        await self._record(caller, f"{_described(new)} until {new.until:%Y-%m-%d %H:%M} UTC")
        self._register.write([*self._current(), new])
        return new

    async def end(self, caller: Caller, silence_id: str) -> None:
        """End it before its time.

        Raises:
            ResourceNotFoundError: there is none of that id, or it is over.
            RoleNotAllowedError, ConfigurationError, AuditUnavailableError: as `begin`.
        """
        insist_on_every_tenant(caller, "silence alerts")
        ended = next((each for each in self._current() if each.silence_id == silence_id), None)
        if ended is None:
            raise ResourceNotFoundError("there is no such silence, or it is over", kind="silence")
        await self._record(caller, f"end {_described(ended)}")
        self._register.write([each for each in self._current() if each.silence_id != silence_id])

    def _current(self) -> Sequence[Silence]:
        return that_hold(self._register.silences(), self._clock.now())

    async def _record(self, caller: Caller, detail: str) -> None:
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=detail)


def _described(silence: Silence) -> str:
    about = "".join(f", {name} {value}" for name, value in silence.labels)
    return f"silence {silence.silence_id} of {silence.name}{about}"
