"""What an administrator chooses of a PACS, and what a change of it may not do."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import FailoverPolicy, PacsConfig, PacsConnection
from radgate_server.core.pacs.failover import check_backup_for, check_failover


@dataclass(frozen=True, slots=True)
class PacsSetup:
    """How a PACS is reached and whom it stands in for, as in PacsConfig."""

    connection: PacsConnection
    backup_for: str = ""
    failover: FailoverPolicy = field(default_factory=FailoverPolicy)


def check_setup(name: str, setup: PacsSetup, configs: Sequence[PacsConfig]) -> PacsSetup:
    """Return the setup, tidied, if the PACS `name` can have it beside the tenant's others.

    Raises:
        InvalidArgumentError: naming the first field that is not usable.
    """
    checked = PacsSetup(setup.connection.checked(), setup.backup_for, check_failover(setup.failover))
    others = {config.name: config.backup_for for config in configs if config.name != name}
    check_backup_for(name, setup.backup_for, others)
    return checked


def keep_secret[Connection: PacsConnection](old: PacsConnection, new: Connection) -> Connection:
    """Return `new` with the secret of `old`, which must go where it was given for and nowhere else.

    It is dropped where `new` has a secret of its own, or no use for one, or `old` does not say for whom it was.

    Raises:
        InvalidArgumentError: it would go elsewhere, so it has to be given again.
    """
    secret = old.secret
    if not secret or new.secret or old.kind != new.kind or old.unusable or not new.uses_secret:
        return new
    after = new.secret_recipient
    for place, value in old.secret_recipient.items():
        if after[place] != value:
            raise InvalidArgumentError(
                f"{new.kind}.password", f"must be given again when {new.kind}.{place} changes: the old one stays secret"
            )
    return new.with_secret(secret)


def exposes_secret_again(old: PacsConnection, new: PacsConnection) -> bool:
    """Whether `new` shows another secret than `old`, or shows it elsewhere."""
    return (old.kind, old.secret, old.secret_recipient) != (new.kind, new.secret, new.secret_recipient)
