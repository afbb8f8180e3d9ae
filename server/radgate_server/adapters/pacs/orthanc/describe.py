"""The PacsEcho and PacsDescriber roles: /system and /plugins."""

import re
import time
from collections.abc import Collection
from typing import Any

from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.ports import EchoReport

_SERVICES = {
    # plug-in: what it adds (empty: Orthanc itself)
    "": ("changes",),
    "dicom-web": ("QIDO-RS", "WADO-RS", "WADO-URI", "STOW-RS"),
}
_UTF_8 = "ISO_IR 192"
_VERSION = re.compile(r"[A-Za-z0-9.+_-]{1,32}")
"""People see it, on terminals too: no other text of a server passes."""


class OrthancDescriber:
    """PacsEcho and PacsDescriber."""

    def __init__(self, http: PacsHttp) -> None:
        self._http = http

    async def echo(self) -> EchoReport:
        """Ask over a new connection who it is."""
        http = self._http.fresh()
        try:
            started_s = time.perf_counter()
            version = await self._version(OrthancRest(http))
            latency_ms = (time.perf_counter() - started_s) * 1000
        finally:
            await http.close()
        return EchoReport(latency_ms, f"Orthanc {version}")

    async def describe(self) -> Capabilities:
        """Ask for version, plug-ins and whether it is read-only."""
        http = self._http.fresh()
        try:
            rest = OrthancRest(http)
            system, plugins = await rest.get("/system"), await rest.get("/plugins")
        finally:
            await http.close()
        with readable(self._http.pacs):
            return Capabilities(
                vendor="Orthanc",
                version=_version_of(system),
                query_levels=tuple(QueryLevel),
                services=_services(frozenset(map(str, plugins))),
                charset=_UTF_8,
                can_store=not system.get("ReadOnly", False),
            )

    async def _version(self, rest: OrthancRest) -> str:
        system = await rest.get("/system")
        with readable(self._http.pacs):
            return _version_of(system)


def _version_of(system: Any) -> str:
    version = str(system["Version"])
    if not _VERSION.fullmatch(version):
        raise ValueError("not a version")
    return version


def _services(plugins: Collection[str]) -> tuple[str, ...]:
    found = (services for plugin, services in _SERVICES.items() if not plugin or plugin in plugins)
    return tuple(service for services in found for service in services)
