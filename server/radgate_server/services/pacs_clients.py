"""The connected PACS of every tenant, made when first needed and kept until their configuration changes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from radgate_server.core.errors import NoPacsConfiguredError, ResourceNotFoundError
from radgate_server.core.pacs import PacsConfig
from radgate_server.core.ports.directory import PacsDirectory
from radgate_server.core.ports.pacs import PacsClient, PacsFactory


@dataclass(frozen=True, slots=True)
class _Connected:
    config: PacsConfig
    client: PacsClient


class PacsClients:
    """Hands out PACS by tenant. `factories` has one for each kind of connection."""

    def __init__(self, directory: PacsDirectory, factories: Mapping[str, PacsFactory]) -> None:
        self._directory = directory
        self._factories = factories
        self._tenants: dict[str, tuple[_Connected, ...]] = {}
        self._lock = asyncio.Lock()

    async def of_tenant(self, tenant_id: str) -> tuple[PacsClient, ...]:
        """The tenant's PACS in order of precedence, at least one.

        Raises:
            NoPacsConfiguredError: there is none.
        """
        connected = self._tenants.get(tenant_id)
        if connected is None:
            await self.refresh(tenant_id)
            connected = self._tenants.get(tenant_id, ())
        if not connected:
            raise NoPacsConfiguredError("the tenant has no PACS; an administrator can add one")
        return tuple(entry.client for entry in connected)

    async def named(self, tenant_id: str, name: str) -> PacsClient:
        """One PACS of the tenant.

        Raises:
            ResourceNotFoundError: it has none of that name.
        """
        await self.refresh(tenant_id)
        for entry in self._tenants.get(tenant_id, ()):
            if entry.config.name == name:
                return entry.client
        raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")

    async def refresh(self, tenant_id: str) -> None:
        """Read the tenant's configuration anew; what did not change stays connected, what is gone is closed."""
        async with self._lock:
            old = {entry.config: entry for entry in self._tenants.get(tenant_id, ())}
            configs = await self._directory.list_pacs(tenant_id)
            self._tenants[tenant_id] = tuple(
                old.pop(config) if config in old else self._connect(config) for config in configs
            )
            for entry in old.values():
                await entry.client.close()

    def _connect(self, config: PacsConfig) -> _Connected:
        return _Connected(config, self._factories[config.connection.kind](config))

    async def close(self) -> None:
        """Close every connection."""
        async with self._lock:
            tenants, self._tenants = self._tenants, {}
            for connected in tenants.values():
                for entry in connected:
                    await entry.client.close()
