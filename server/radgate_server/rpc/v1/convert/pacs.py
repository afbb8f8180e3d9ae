"""Between the message Pacs and the words of the core, and how an update changes one."""

from collections.abc import Sequence
from dataclasses import replace

from radgate.v1 import admin_service_pb2, pacs_pb2
from radgate_server.core.pacs.connections import FailoverPolicy
from radgate_server.core.pacs.setup import PacsSetup, keep_secret
from radgate_server.core.secrets.secret import NO_SECRET
from radgate_server.rpc.v1.convert.connections import CONNECTIONS, from_connection, message_field, put_connection
from radgate_server.rpc.v1.convert.field_mask import given, take_over
from radgate_server.rpc.v1.convert.pacs_reports import to_report, to_state
from radgate_server.rpc.v1.convert.times import from_duration, to_duration, to_timestamp
from radgate_server.services.administration.pacs import PacsOverview

CHANGEABLE = frozenset({*CONNECTIONS, "backup_for", "failover"})
"""Fields of Pacs that an update may change; all others are only returned."""

_DEFAULTS = FailoverPolicy()


def from_pacs(pacs: admin_service_pb2.Pacs) -> PacsSetup:
    """Read how a PACS is set up. Whether that is usable, `check_setup` says.

    Raises:
        InvalidArgumentError: there is no connection, or a value that this server does not know.
    """
    return PacsSetup(from_connection(pacs), pacs.backup_for, _from_failover(pacs.failover))


def to_pacs(overview: PacsOverview) -> admin_service_pb2.Pacs:
    """Render a PACS and how it is doing; its secret stays here."""
    config = overview.config
    pacs = _to_setup(PacsSetup(config.connection, config.backup_for, config.failover))
    pacs.name = config.name
    pacs.create_time.CopyFrom(to_timestamp(config.create_time))
    pacs.active = overview.active
    if overview.status:
        pacs.state.CopyFrom(to_state(overview.status))
    if config.validation:
        pacs.validation.CopyFrom(to_report(config.validation))
    return pacs


def change_setup(setup: PacsSetup, pacs: admin_service_pb2.Pacs, paths: Sequence[str]) -> PacsSetup:
    """Return `setup` with the fields of `pacs` that `paths` name ("dimse.port"); without paths, all that are given.

    The secret stays unless it is given, or named.

    Raises:
        InvalidArgumentError: for a path that names nothing that can be changed, for a value that this server does not
            know, and when the secret would go to another host.
    """
    # The secret, or where it is kept, is what it was only if it may be: keep_secret decides.
    message = _to_setup(replace(setup, connection=setup.connection.with_secret(NO_SECRET)))
    take_over(message, pacs, paths, CHANGEABLE, "PACS")
    changed, chosen = from_pacs(message), paths or given(pacs, CHANGEABLE)
    if not {f"{message_field(changed.connection)}.{name}" for name in ("password", "password_ref")}.isdisjoint(chosen):
        return changed
    return PacsSetup(keep_secret(setup.connection, changed.connection), changed.backup_for, changed.failover)


def _to_setup(setup: PacsSetup) -> admin_service_pb2.Pacs:
    pacs = admin_service_pb2.Pacs(backup_for=setup.backup_for, failover=_to_failover(setup.failover))
    put_connection(pacs, setup.connection)
    return pacs


def _from_failover(policy: pacs_pb2.FailoverPolicy) -> FailoverPolicy:
    return FailoverPolicy(
        enabled=policy.enabled if policy.HasField("enabled") else _DEFAULTS.enabled,
        threshold=policy.threshold or _DEFAULTS.threshold,
        failback_after_s=(
            from_duration(policy.failback_after) if policy.HasField("failback_after") else _DEFAULTS.failback_after_s
        ),
    )


def _to_failover(policy: FailoverPolicy) -> pacs_pb2.FailoverPolicy:
    return pacs_pb2.FailoverPolicy(
        enabled=policy.enabled, threshold=policy.threshold, failback_after=to_duration(policy.failback_after_s)
    )
