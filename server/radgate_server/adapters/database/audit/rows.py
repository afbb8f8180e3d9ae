"""Rows of the audit trail, each chained to the tenant's one before it: pure."""

from collections.abc import Iterable, Sequence

from radgate_server.adapters.database.audit.dialects import Row
from radgate_server.core.audit.chain import WORDS, Content, record_hash
from radgate_server.core.audit.ports.spool import Attempt

type Head = tuple[int, bytes]
"""Number and hash of a chain's last record."""


def in_order(batch: list[Content]) -> list[str]:
    """Sort the batch by tenant, so that processes wait for one another's heads and don't block each other; the tenants.

    A tenant's records stay in their order.
    """
    tenant_ids = {content.tenant_id for content in batch}
    if len(tenant_ids) > 1:
        batch.sort(key=lambda content: content.tenant_id)
    return sorted(tenant_ids)


def first_of(rows: Sequence[Row]) -> Attempt:
    """By what it is seen later whether these rows were committed."""
    sequence, own_hash, _, _, tenant_id = rows[0][:5]
    return Attempt(tenant_id, sequence, own_hash)


def link(batch: Iterable[Content], heads: dict[str, Head]) -> tuple[list[Row], dict[str, Head]]:
    """The rows of the batch, each after the one before it of its tenant; and where the chains end then."""
    rows: list[Row] = []
    ends: dict[str, Head] = {}
    for time_us, size_bytes, words in batch:
        sequence, previous = ends.get(words[0]) or heads[words[0]]
        sequence += 1
        own_hash = record_hash(previous, sequence, time_us, size_bytes, words)
        ends[words[0]] = (sequence, own_hash)
        absent = (None,) * (len(WORDS) - len(words))  # what an older version spooled is in its form
        rows.append((sequence, own_hash, time_us, size_bytes, *words, *absent))
    return rows, ends
