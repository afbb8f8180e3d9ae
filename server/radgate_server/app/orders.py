"""The listener for orders by HL7 v2, which set rules of prefetching off."""

from radgate_server.adapters.prefetch.hl7.connection import ConnectionLimits
from radgate_server.adapters.prefetch.hl7.intake import OrderIntake
from radgate_server.adapters.prefetch.hl7.listener import ListenerConfig, OrderListener
from radgate_server.adapters.telemetry.metrics.orders import OrderMetrics
from radgate_server.adapters.tls.contexts import ServerContexts
from radgate_server.app.foundation import Foundation, open_tls
from radgate_server.core.networks import Address
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.priors import Trigger
from radgate_server.services.prefetch.events import PrefetchEvents


async def open_orders(base: Foundation, events: PrefetchEvents) -> None:
    """Take orders from now on.

    Raises:
        ConfigurationError: the port, or its certificate, is not usable.
    """
    settings = base.settings.prefetch.orders
    senders = tuple(configured.sender for configured in settings.senders)

    def offer(tenant_id: str, expected: ExpectedStudy) -> bool:
        return events.offer(tenant_id, Trigger.ORDER, expected)

    def admits(address: Address) -> bool:
        return any(sender.may_connect_from(address) for sender in senders)

    telemetry = OrderMetrics(base.telemetry.families)
    tls = open_tls(base, settings.tls)
    config = ListenerConfig(
        settings.host or base.settings.host,
        settings.port,
        admits,
        ConnectionLimits(settings.max_message_bytes, settings.message_timeout_s, settings.idle_timeout_s),
        settings.max_connections,
        ServerContexts(tls) if tls else None,
    )
    listener = OrderListener(config, OrderIntake(senders, offer, base.clock, telemetry), telemetry)
    await base.run_slow(listener)
    unknown = {sender.tenant_id for sender in senders}

    async def problem() -> str:
        if not listener.is_listening:
            return "orders are not received; the server's log says why"
        if unknown:
            unknown.difference_update(
                tenant.tenant_id for tenant in await base.installation.directories.tenants.list_tenants()
            )
        return (
            f"prefetch.orders.senders names tenants that do not exist: {', '.join(sorted(unknown))}" if unknown else ""
        )

    base.readiness.add("orders", problem, advisory=True)
