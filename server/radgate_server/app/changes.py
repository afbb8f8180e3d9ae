"""What a process does when somebody changes something, in this process or in another."""

from collections.abc import Mapping, Sequence

from radgate_server.app.use_cases import Services
from radgate_server.core.ports.directory import Change, ChangeKind
from radgate_server.core.ports.limits import LimitDirectory
from radgate_server.services.changes import ChangeHandler
from radgate_server.services.failover.tracker import FailoverTracker
from radgate_server.services.forgetting import Forgetting
from radgate_server.services.limiting import Limiter
from radgate_server.services.pacs_clients import PacsClients


def change_handlers(
    services: Services,
    forgetting: Forgetting,
    clients: PacsClients,
    tracker: FailoverTracker,
    limiter: Limiter,
    limits: LimitDirectory,
) -> Mapping[ChangeKind, Sequence[ChangeHandler]]:
    """What this process does when somebody changes something."""

    async def forget_keys(_: Change) -> None:
        services.authenticator.forget()

    async def reconnect(change: Change) -> None:
        await clients.refresh(change.tenant_id)

    async def switch_over(change: Change) -> None:
        await tracker.refresh(change.tenant_id)
        forgetting.places(change.tenant_id)

    async def forget_answers(change: Change) -> None:
        await forgetting.answers(change.tenant_id)

    async def drop_cached(change: Change) -> None:
        await forgetting.cached(change.tenant_id, change.subject or None)

    async def erase_cached(change: Change) -> None:
        await forgetting.erased(change.tenant_id, change.subject)

    async def load_limits(_: Change) -> None:
        limiter.load(await limits.list_limits())

    return {
        ChangeKind.KEY: (forget_keys,),
        ChangeKind.TENANT: (forget_keys, reconnect, forget_answers, load_limits),
        ChangeKind.PACS: (reconnect, forget_answers),
        ChangeKind.FAILOVER: (switch_over,),
        ChangeKind.CACHE: (drop_cached,),
        ChangeKind.ERASURE: (erase_cached,),
        ChangeKind.LIMITS: (load_limits,),
    }
