"""A toy archive as a PACS: a line of secret, command and UID, and an answer with its length before it."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Self, override

from radgate_server.extension.pacs import (
    NO_SECRET,
    AdapterContext,
    Arrival,
    Capabilities,
    CertificateFiles,
    ConnectionKind,
    DetectTarget,
    EchoReport,
    FindResult,
    InstanceRef,
    Ladder,
    ListedInstance,
    MemoryContent,
    PacsAdapter,
    PacsClient,
    PacsConfig,
    PacsConnection,
    PacsCredentialsError,
    PacsFailedError,
    Query,
    QueryLevel,
    ReceivedInstance,
    RetrieveScope,
    SecretSource,
    check_host,
    check_range,
)

_PORT = 7077
_UIDS = {QueryLevel.STUDY: "0020000D", QueryLevel.SERIES: "0020000E", QueryLevel.IMAGE: "00080018"}
_SOP_CLASS = "00080016"


@dataclass(frozen=True, slots=True)
class ToyConnection(PacsConnection):
    """A toy archive at `host` and `port`; over TLS when `tls` says so."""

    host: str = field(metadata={"help": "Host name or IP address."})
    port: int = field(default=_PORT, metadata={"help": "TCP port; 7077 by default."})
    tls: bool = field(default=False, metadata={"help": "Connect over TLS."})
    ca_file: str = field(default="", metadata={"help": "Trust these authorities besides the system's (PEM)."})
    password: SecretSource = NO_SECRET
    kind: Literal["toy"] = "toy"

    @override
    def checked(self) -> Self:
        check_host(self.host, "toy.host")
        check_range(self.port, 1, 65535, "toy.port")
        return self

    @property
    @override
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.host, str(self.port))

    @property
    @override
    def summary(self) -> str:
        return self.endpoint

    @property
    @override
    def max_parallel(self) -> int:
        return 4

    @property
    @override
    def secret_recipient(self) -> Mapping[str, object]:
        return {"host": self.host, "port": self.port, "tls": self.tls, "ca_file": self.ca_file}

    @property
    @override
    def certificate_files(self) -> CertificateFiles:
        return CertificateFiles(authorities=self.ca_file)

    @property
    @override
    def over_tls(self) -> bool:
        return self.tls

    @property
    @override
    def reads_private_files(self) -> bool:
        return bool(self.ca_file)

    @property
    @override
    def hosts(self) -> tuple[str, ...]:
        return (self.host,)

    @property
    @override
    def target(self) -> str:
        return self.endpoint


class ToyPacs:
    """Echo, query, reader and describer of one toy archive."""

    def __init__(self, config: PacsConfig, connection: ToyConnection, context: AdapterContext) -> None:
        self._name = config.name
        self._connection = connection
        self._context = context

    async def echo(self) -> EchoReport:
        """Ask for the list and look at its length."""
        start = time.perf_counter()
        rows = await self._rows()
        return EchoReport((time.perf_counter() - start) * 1000, f"{len(rows)} instances")

    async def describe(self) -> Capabilities:
        """A toy has no words for it."""
        await self._rows()
        return Capabilities(vendor="Toys")

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        """One row of each entity with the UIDs that are asked for; Radgate matches the other keys."""
        asked = {tag: value.split("\\") for tag in _UIDS.values() if (value := query.value_of(tag))}
        rows = {
            row[_UIDS[query.level]]["Value"][0]: row
            for row in await self._rows()
            if all(row[tag]["Value"][0] in uids for tag, uids in asked.items())
        }
        found = tuple(rows.values())
        return FindResult(found[:max_results], truncated=len(found) > max_results)

    @asynccontextmanager
    async def retrieve(
        self, scope: RetrieveScope, listed: Sequence[ListedInstance]
    ) -> AsyncIterator[AsyncIterator[Arrival]]:
        """One after the other, as they are asked for."""
        async with aclosing(self._arrivals(scope, {item.ref for item in listed})) as arrivals:
            yield arrivals

    async def close(self) -> None:
        """Each connection is closed after its answer."""

    async def _arrivals(self, scope: RetrieveScope, listed: set[InstanceRef]) -> AsyncGenerator[Arrival]:
        for row in await self._rows():
            ref = InstanceRef(*(row[tag]["Value"][0] for tag in _UIDS.values()))
            wanted = (scope.study_instance_uid, scope.series_instance_uid, scope.sop_instance_uid)
            if (ref in listed or not listed) and all(uid in (None, own) for uid, own in zip(wanted, ref, strict=True)):
                file = await self._ask(f"GET {ref.sop_instance_uid}")
                yield ReceivedInstance(ref, row[_SOP_CLASS]["Value"][0], "1.2.840.10008.1.2.1", MemoryContent((file,)))

    async def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(await self._ask("LIST -"))
        return rows

    async def _ask(self, command: str) -> bytes:
        connection = self._connection
        secret = await self._context.secrets.read(self._name, connection.password)
        tls = self._context.tls(connection.ca_file) if connection.tls else None
        reader, writer = await self._context.connect(connection.host, connection.port, tls=tls)
        try:
            writer.write(f"{secret.reveal() or '-'} {command}\n".encode())
            status = (await reader.readline()).decode(errors="replace").split()
            if status[:1] == ["REFUSED"]:
                raise PacsCredentialsError("the toy archive refuses the secret", pacs=self._name)
            if status[:1] != ["OK"]:
                raise PacsFailedError("no toy archive answers there", pacs=self._name)
            return await reader.readexactly(int(status[1]))
        finally:
            writer.close()


def _open(config: PacsConfig, context: AdapterContext) -> PacsClient:
    if not isinstance(config.connection, ToyConnection):
        raise TypeError("not a toy")
    pacs = ToyPacs(config, config.connection, context)
    return PacsClient(config.name, pacs, pacs, pacs, None, pacs.close, describer=pacs)


def _candidates(target: DetectTarget, port: int) -> Mapping[str, Ladder]:
    return {"toy": (ToyConnection(target.host, port, password=target.secret),)}


ADAPTER = PacsAdapter(
    ConnectionKind(ToyConnection, "toy", "a toy archive", preference=50, ports=(_PORT,), candidates=_candidates),
    _open,
)
