"""The PACS of a tenant: set up, validated, switched over. Every change is recorded before it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from radgate_server.core.access.ports.directory import FailoverDirectory, PacsDirectory, StatusBoard
from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import (
    InvalidArgumentError,
    ResourceExistsError,
    ResourceNotFoundError,
    ValidationFailedError,
)
from radgate_server.core.pacs.connections import (
    PacsConfig,
    PacsConnection,
)
from radgate_server.core.pacs.detection import DetectionReport, check_target
from radgate_server.core.pacs.failover import (
    ActivePacs,
    Group,
    Transition,
    TransitionCause,
    active_of,
    check_has_no_backups,
    groups_of,
)
from radgate_server.core.pacs.health import PacsStatus
from radgate_server.core.pacs.kinds.kind import DetectTarget
from radgate_server.core.pacs.manual_switch import Choice, choose_backup, choose_primary
from radgate_server.core.pacs.ports import EchoReport
from radgate_server.core.pacs.setup import PacsSetup, check_setup, exposes_secret_again
from radgate_server.core.pacs.validation import CheckOutcome, ValidationReport
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import acting_tenant, insist_on_every_tenant
from radgate_server.services.administration.addresses import AddressPolicy
from radgate_server.services.administration.detection import Detector
from radgate_server.services.administration.validation import CheckListener, Validator
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.secrets.reference_policy import ReferencePolicy

type SetupChange = Callable[[PacsSetup], PacsSetup]
"""Makes of how a PACS is set up how it shall be."""


@dataclass(frozen=True, slots=True)
class PacsOverview:
    """A PACS, its last known status, and whether it is the one of its group (a primary and its backups) in use."""

    config: PacsConfig
    status: PacsStatus | None
    active: bool


@dataclass(frozen=True, slots=True)
class PacsRecords:
    """What is stored of PACS: how they are set up, which one of a group is in use, and how they do."""

    directory: PacsDirectory
    failover: FailoverDirectory
    statuses: StatusBoard


@dataclass(frozen=True, slots=True)
class SetupChecks:
    """What finds out how a PACS is to be set up, and what its setup has to pass."""

    detector: Detector
    validator: Validator
    addresses: AddressPolicy
    references: ReferencePolicy


class PacsAdmin:
    """What operators and administrators do with PACS. Methods act on the caller's tenant."""

    def __init__(
        self,
        records: PacsRecords,
        checks: SetupChecks,
        *,
        clients: PacsClients,
        caches: SharedInvalidation,
        follower: ChangeFollower,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._directory = records.directory
        self._failover = records.failover
        self._statuses = records.statuses
        self._validator = checks.validator
        self._detector = checks.detector
        self._addresses = checks.addresses
        self._references = checks.references
        self._clients = clients
        self._caches = caches
        self._follower = follower
        self._auditor = auditor
        self._clock = clock

    async def create(
        self,
        caller: Caller,
        name: str,
        setup: PacsSetup,
        *,
        skip_validation: bool = False,
        on_check: CheckListener | None = None,
    ) -> PacsOverview:
        """Add a PACS once it has passed its validation; unvalidated, a typing error is noticed by its users only.

        Raises:
            InvalidArgumentError, ResourceExistsError, RoleNotAllowedError, AddressNotAllowedError: it may not be added.
            ValidationFailedError: it is not fit for use; nothing was saved.
        """
        tenant_id = acting_tenant(caller)
        others = await self._directory.list_pacs(tenant_id)
        setup = check_setup(parse_slug(name, "name"), setup, others)
        if any(config.name == name for config in others):
            raise ResourceExistsError("the tenant has a PACS of that name already")
        self._references.check(caller, setup.connection.secret)
        self._references.check(caller, setup.connection.certificate)
        await self._allow(caller, setup.connection)
        await self._record(caller, f"create pacs {name}", name)
        now = self._clock.now()
        confined = not caller.principal.may_use_every_tenant
        config = PacsConfig(tenant_id, name, setup.connection, now, setup.backup_for, setup.failover, confined=confined)
        if not skip_validation:
            config = await self._validated(config, on_check)
        await self._directory.create_pacs(config)
        await self._follower.catch_up()
        return PacsOverview(config, None, active=not config.backup_for)

    async def update(
        self,
        caller: Caller,
        name: str,
        change: SetupChange,
        *,
        skip_validation: bool = False,
        on_check: CheckListener | None = None,
    ) -> PacsOverview:
        """Change how a PACS is set up; when it is reached in another way, it has to pass its validation.

        Raises:
            ResourceNotFoundError: there is none of that name.
            InvalidArgumentError, RoleNotAllowedError, AddressNotAllowedError: it may not be set up so.
            ValidationFailedError: it would not be fit for use; nothing was changed.
        """
        tenant_id = acting_tenant(caller)
        await self._record(caller, f"update pacs {parse_slug(name, 'name')}", name)
        while True:
            configs = await self._directory.list_pacs(tenant_id)
            old = _find(configs, name)
            config = _changed(old, change, configs)
            if config.connection != old.connection:
                if exposes_secret_again(old.connection, config.connection):
                    self._references.check(caller, config.connection.secret)
                if old.connection.certificate != config.connection.certificate:
                    self._references.check(caller, config.connection.certificate)
                await self._allow(caller, config.connection)
                config = replace(config, confined=_is_confined(old, config, caller))
                config = (
                    replace(config, validation=None) if skip_validation else await self._validated(config, on_check)
                )
            if _find(await self._directory.list_pacs(tenant_id), name) == old:
                break  # else somebody changed it while it was validated, and the change is to be made to that
        await self._directory.update_pacs(config)
        await self._follower.catch_up()
        if config.connection.place != old.connection.place:
            await self._caches.drop(tenant_id)  # it may come from what is another archive now
        return await self.get(caller, name)

    async def get(self, caller: Caller, name: str) -> PacsOverview:
        """One PACS. Raises ResourceNotFoundError."""
        for overview in await self.list_all(caller):
            if overview.config.name == name:
                return overview
        raise _no_such_pacs()

    async def list_all(self, caller: Caller) -> Sequence[PacsOverview]:
        """The tenant's PACS in order of precedence."""
        tenant_id = acting_tenant(caller)
        configs = await self._directory.list_pacs(tenant_id)
        statuses = {status.name: status for status in await self._statuses.list_statuses(tenant_id)}
        chosen = {active.primary: active for active in await self._failover.list_active(tenant_id)}
        active = {active_of(group, chosen.get(group.primary)) for group in groups_of(configs)}
        return tuple(
            PacsOverview(config, statuses.get(config.name), active=config.name in active) for config in configs
        )

    async def delete(self, caller: Caller, name: str) -> None:
        """Remove a PACS and what is cached for the tenant, which may come from it.

        Raises:
            ResourceNotFoundError: there is none of that name.
            InvalidArgumentError: it has backups, which would stand in for nobody.
        """
        tenant_id = acting_tenant(caller)
        parse_slug(name, "name")
        configs = await self._directory.list_pacs(tenant_id)
        check_has_no_backups(name, {config.name: config.backup_for for config in configs})
        await self._record(caller, f"delete pacs {name}", name)
        await self._directory.delete_pacs(tenant_id, name)
        await self._caches.drop(tenant_id)

    async def test(self, caller: Caller, name: str) -> EchoReport:
        """Ask a PACS for a health check. Raises ResourceNotFoundError, PacsError."""
        client = await self._clients.named(acting_tenant(caller), name)
        return await client.echo.echo()

    async def validate(self, caller: Caller, name: str, *, on_check: CheckListener | None = None) -> ValidationReport:
        """Find out whether a PACS is fit for use, and keep the report. Raises ResourceNotFoundError."""
        tenant_id = acting_tenant(caller)
        config = _find(await self._directory.list_pacs(tenant_id), name)
        await self._record(caller, f"validate pacs {name}", name)
        report = await self._validator.validate(config, on_check)
        current = _find(await self._directory.list_pacs(tenant_id), name)
        if current.connection == config.connection:  # else the report is of what it was while that took its time
            await self._directory.update_pacs(replace(current, validation=report))
            await self._follower.catch_up()
        return report

    async def detect(self, caller: Caller, target: DetectTarget) -> DetectionReport:
        """Find out what a host speaks. Raises InvalidArgumentError, AddressNotAllowedError, RoleNotAllowedError."""
        target = check_target(target)
        self._references.check(caller, target.secret)
        await self._record(caller, f"detect pacs at {target.host}")
        return await self._detector.detect(target, unrestricted=caller.principal.may_use_every_tenant)

    async def fail_over(self, caller: Caller, name: str, target: str = "") -> Transition:
        """Send the work of the primary `name` to a backup: the target, or else the next in order of precedence.

        It stays there, whatever becomes of the primary, until it is given back or the backup fails.

        Raises:
            ResourceNotFoundError: there is no PACS of that name.
            InvalidArgumentError: it is no primary with backups, or the target is none of its idle ones.
        """

        def choose(group: Group, active: str) -> str:
            return choose_backup(group, active, target)

        return await self._switch(caller, name, choose, TransitionCause.MANUAL_FAILOVER)

    async def fail_back(self, caller: Caller, name: str) -> Transition:
        """Give the work back to the primary `name`.

        Raises:
            ResourceNotFoundError: there is no PACS of that name.
            InvalidArgumentError: it is a backup, or does the work already.
        """
        return await self._switch(caller, name, choose_primary, TransitionCause.MANUAL_FAILBACK)

    async def list_transitions(self, caller: Caller, name: str, limit: int) -> Sequence[Transition]:
        """The newest `limit` changes of the active PACS in the group of the PACS, the newest first."""
        tenant_id = acting_tenant(caller)
        config = _find(await self._directory.list_pacs(tenant_id), name)
        return await self._failover.list_transitions(tenant_id, config.backup_for or name, limit)

    async def _switch(self, caller: Caller, primary: str, choose: Choice, cause: TransitionCause) -> Transition:
        tenant_id = acting_tenant(caller)
        group = _find_group(await self._directory.list_pacs(tenant_id), primary)
        while True:  # until nobody else is faster
            chosen = await self._chosen(group)
            from_pacs = primary if chosen is None else chosen.active
            to_pacs = choose(group, active_of(group, chosen))
            await self._record(caller, f"{cause.value} of pacs {primary} from {from_pacs} to {to_pacs}", primary)
            now, by = self._clock.now(), caller.principal.key_id
            transition = Transition(now, tenant_id, primary, from_pacs, to_pacs, cause, by)
            if await self._failover.record_transition(transition):
                await self._follower.catch_up()
                return transition

    async def _chosen(self, group: Group) -> ActivePacs | None:
        groups = await self._failover.list_active(group.tenant_id)
        return next((chosen for chosen in groups if chosen.primary == group.primary), None)

    async def _allow(self, caller: Caller, connection: PacsConnection) -> None:
        if connection.reads_private_files:
            insist_on_every_tenant(caller, "name folders or keys of this machine")
        unrestricted = caller.principal.may_use_every_tenant
        await self._addresses.check_connection(connection, unrestricted=unrestricted)

    async def _validated(self, config: PacsConfig, on_check: CheckListener | None) -> PacsConfig:
        report = await self._validator.validate(config, on_check)
        for check in report.checks:
            if check.outcome is CheckOutcome.FAILED:
                raise ValidationFailedError(f"nothing was saved; {check.name}: {check.message}", check=check.name)
        return replace(config, validation=report)

    async def _record(self, caller: Caller, detail: str, pacs: str = "") -> None:
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=detail, pacs=pacs)


def _no_such_pacs() -> ResourceNotFoundError:
    return ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")


def _find(configs: Sequence[PacsConfig], name: str) -> PacsConfig:
    for config in configs:
        if config.name == name:
            return config
    raise _no_such_pacs()


def _changed(old: PacsConfig, change: SetupChange, configs: Sequence[PacsConfig]) -> PacsConfig:
    setup = check_setup(old.name, change(PacsSetup(old.connection, old.backup_for, old.failover)), configs)
    return replace(old, connection=setup.connection, backup_for=setup.backup_for, failover=setup.failover)


def _is_confined(old: PacsConfig, new: PacsConfig, caller: Caller) -> bool:
    """Whether the hosts are a tenant's choice: its administrator changed the connection, or chose one that stays."""
    if not caller.principal.may_use_every_tenant:
        return True
    return old.confined and not set(old.connection.hosts).isdisjoint(new.connection.hosts)


def _find_group(configs: Sequence[PacsConfig], name: str) -> Group:
    config = _find(configs, name)
    if config.backup_for:
        raise InvalidArgumentError("name", f"{name} is a backup; name its primary {config.backup_for}")
    return next(group for group in groups_of(configs) if group.primary == name)
