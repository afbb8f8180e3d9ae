"""Commits what a server that has ended left in its spool."""

import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Engine, select

from radgate_server.adapters.database.audit.writer import AuditWriter
from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.core.audit.chain import WORDS, Content, words_in_form
from radgate_server.core.audit.ports.spool import AuditSpool, Segment, SpooledBatch

_column = audit_entries.c


def commit_left(engine: Engine, spool: AuditSpool, *, seconds: float, compared: bool = False) -> int:
    """Commit segments, each once, for about so long; returns how many records were.

    The spool remembers what was committed. A copy of it does not: if it is `compared`, what the trail has is left out.

    Raises:
        Exception: whatever the driver or the spool raises.
    """
    writer, until_s, count = AuditWriter(engine), time.monotonic() + seconds, 0
    try:
        while time.monotonic() < until_s and (segment := spool.oldest()) is not None:
            lacking = _lacking(engine, segment) if compared else segment
            writer.commit_spooled(lacking, partial(spool.note_attempt, segment.number))
            spool.drop(segment.number)
            count += sum(len(batch.contents) for batch in lacking.batches)
    finally:
        writer.disconnect()
    return count


def _lacking(engine: Engine, segment: Segment) -> Segment:
    """The segment without the records that the trail has: of the same time and with the same texts."""
    everything = [content for batch in segment.batches for content in batch.contents]
    known = _known(engine, everything)
    batches = [
        SpooledBatch([content for content in batch.contents if (content.time_us, *content.words) not in known])
        for batch in segment.batches
    ]
    return segment._replace(batches=batches, attempt=None)


def _known(engine: Engine, contents: Sequence[Content]) -> set[tuple[int | str, ...]]:
    times = [content.time_us for content in contents]
    query = select(_column.time_us, *(_column[word] for word in WORDS)).where(
        _column.tenant_id.in_({content.tenant_id for content in contents}),
        _column.time_us.between(min(times), max(times)),
    )
    with engine.connect() as connection:
        return {(row[0], *words_in_form(row[1:])) for row in connection.execute(query)}
