"""Takes accesses from an edge's log into the audit trail, each once, in the name of whom its URL was signed for."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import batched
from urllib.parse import unquote

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.edge.access_log import FIELDS, EdgeAccess, fields_of, parse_cloudfront, parse_nginx
from radgate_server.core.edge.grant import PREFIX, Grant, part_in, ref_in, split_grant
from radgate_server.core.edge.ports import GrantCipher, ImportedRequests
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.urls import open_grant

KEPT = timedelta(days=400)
"""For so long it is known what was taken; what is older is not taken, since it might have been."""
_AT_ONCE = 200
_SIGNATURE = "&Expires="
_MOST_NAMED = 10


@dataclass
class ImportCounts:
    """What became of the lines. `malformed_lines` has the numbers of the first ones, from 1."""

    recorded: int = 0
    known: int = 0
    foreign: int = 0
    too_old: int = 0
    malformed: int = 0
    malformed_lines: list[int] = field(default_factory=list)

    def note_malformed(self, number: int) -> None:
        """The line with this number can't be read."""
        self.malformed += 1
        if len(self.malformed_lines) < _MOST_NAMED:
            self.malformed_lines.append(number)


class EdgeLogImport:
    """Reads one log after another. A kill repeats at most the last _AT_ONCE records when the log is read again."""

    def __init__(
        self, cipher: GrantCipher, imported: ImportedRequests, sink: AuditSink, auditor: Auditor, clock: Clock
    ) -> None:
        self._cipher = cipher
        self._imported = imported
        self._sink = sink
        self._auditor = auditor
        self._clock = clock

    async def run(self, lines: Iterable[str], caller_for: Callable[[str], Caller]) -> ImportCounts:
        """Record what the lines of one log have of our URLs, and for each tenant that it was done by the caller.

        Raises:
            AuditUnavailableError, DatabaseUnavailableError: to be run again; what was recorded stays known.
        """
        counts, tenants = ImportCounts(), Counter[str]()
        oldest = self._clock.now() - KEPT
        for some in batched(_accesses(lines, counts), _AT_ONCE):
            recent = {access.request_id: access for access in some if access.time >= oldest}
            counts.too_old += sum(access.time < oldest for access in some)
            entries = await self._new_entries(recent, counts)
            await asyncio.gather(*(self._sink.record(entry) for entry in entries.values()))
            await self._sink.settle()
            await self._imported.add({name: recent[name].time for name in entries}, oldest)
            counts.recorded += len(entries)
            counts.known += sum(access.time >= oldest for access in some) - len(recent)
            tenants.update(entry.tenant_id for entry in entries.values())
        for tenant_id, count in tenants.items():
            detail = f"import {count} accesses from the log of the edge"
            await self._auditor.record(caller_for(tenant_id), AuditAction.CONFIGURE, detail=detail)
        return counts

    async def _new_entries(self, accesses: dict[str, EdgeAccess], counts: ImportCounts) -> dict[str, AuditEntry]:
        """Of accesses by request id: the records of those that are ours and not in the trail."""
        granted = {name: grant for name, access in accesses.items() if (grant := self._grant(access))}
        counts.foreign += len(accesses) - len(granted)
        known = await self._imported.known(granted.keys())
        counts.known += len(known)
        return {name: _entry(accesses[name], grant) for name, grant in granted.items() if name not in known}

    def _grant(self, access: EdgeAccess) -> Grant | None:
        """The grant of the URL, None for what is not ours or was altered. CloudFront writes "%" as "%25"."""
        resource, token = split_grant(access.path.partition(_SIGNATURE)[0])
        try:
            grant = open_grant(self._cipher, token)
        except (TypeError, ValueError):
            return None
        return grant if grant.resource in (resource, unquote(resource)) else None


def _accesses(lines: Iterable[str], counts: ImportCounts) -> Iterable[EdgeAccess]:
    """What the lines say that is about the edge's paths; one format a log."""
    fields: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if text.startswith(FIELDS):
            fields = fields_of(text)
        if not text or text.startswith("#"):
            continue
        try:
            access = parse_cloudfront(text, fields) if fields else parse_nginx(text)
        except ValueError:
            counts.note_malformed(number)
            continue
        if access.path.startswith(PREFIX):
            yield access
        else:
            counts.foreign += 1


def _entry(access: EdgeAccess, grant: Grant) -> AuditEntry:
    study, series, instance = ref_in(grant.resource)
    part = part_in(grant.resource)
    frames = part.removeprefix("/frames/").removesuffix("/rendered") if part.startswith("/frames/") else ""
    return AuditEntry(
        time=access.time,
        tenant_id=grant.tenant_id,
        key_id=grant.key_id,
        role="viewer",
        action=_action(part),
        study_instance_uid=study,
        series_instance_uid=series,
        sop_instance_uid=instance,
        address=access.address,
        user_agent=access.user_agent,
        request_id=access.request_id,
        detail=f"{frames[:100]} at the edge: {access.result} {access.status:03}".strip(),
        outcome=_outcome(access.status),
        principal=grant.name,
        size_bytes=access.size_bytes,
    )


def _action(part: str) -> AuditAction:
    if part.endswith("/rendered"):
        return AuditAction.RENDER
    return AuditAction.RETRIEVE_FRAMES if part.startswith("/frames/") else AuditAction.RETRIEVE


def _outcome(status: int) -> AuditOutcome:
    if status == 0:
        return AuditOutcome.INTERRUPTED
    if 200 <= status < 400:
        return AuditOutcome.DELIVERED
    return AuditOutcome.DENIED if status in (401, 403) else AuditOutcome.FAILED
