"""Whether signed checkpoints of the audit trail are good, whole, and those that were kept elsewhere: pure."""

from collections.abc import Iterable, Sequence

from radgate_server.core.audit.chain import START, ChainHead
from radgate_server.core.audit.checkpoint import Check, Checkpoint, time_text
from radgate_server.core.audit.verification import Fault


def verify_checkpoints(checkpoints: Sequence[Checkpoint], check: Check) -> tuple[Fault, ...]:
    """Check the signatures; the first fault of each tenant. They come in the order in which they were made."""
    faults: dict[str, Fault] = {}
    for checkpoint in checkpoints:
        good = check(checkpoint.key_id, checkpoint.signed_form, checkpoint.signature)
        if not good and checkpoint.tenant_id not in faults:
            what = "is not good" if good is False else f"is by an unknown key ({checkpoint.key_id})"
            what = f"the signature of the checkpoint of {time_text(checkpoint.time_us)} {what}"
            faults[checkpoint.tenant_id] = Fault(checkpoint.tenant_id, checkpoint.sequence, what)
    return tuple(faults.values())


def verify_links(checkpoints: Sequence[Checkpoint]) -> tuple[Fault, ...]:
    """Check that all checkpoints of the database are there, from the first on; the first fault of each tenant."""
    faults: dict[str, Fault] = {}
    last: dict[str, bytes] = {}
    for checkpoint in checkpoints:
        if checkpoint.previous_hash != last.get(checkpoint.tenant_id, START):
            what = f"a checkpoint before the one of {time_text(checkpoint.time_us)} was changed or taken out"
            faults.setdefault(checkpoint.tenant_id, Fault(checkpoint.tenant_id, checkpoint.sequence, what))
        last[checkpoint.tenant_id] = checkpoint.own_hash
    return tuple(faults.values())


def verify_lost(own: Sequence[Checkpoint], kept: Sequence[Checkpoint]) -> tuple[Fault, ...]:
    """Check that the database still has the checkpoints that were kept elsewhere."""
    known = {checkpoint.own_hash for checkpoint in own}
    return tuple(
        Fault(lost.tenant_id, lost.sequence, f"the database has lost the checkpoint of {time_text(lost.time_us)}")
        for lost in kept
        if lost.own_hash not in known
    )


def not_excluded(heads: Iterable[ChainHead], kept: Sequence[Checkpoint]) -> str:
    """What a chain that verifies may hide all the same, as a sentence.

    Only a checkpoint that was kept elsewhere speaks against somebody who has the database and the signing key.
    """
    if not kept:
        return (
            "No checkpoint that was kept outside was given: who has the database and the signing key may have rewritten"
            " any record, or cut off the end of a chain, and that would not show."
        )
    vouched: dict[str, int] = {}
    for checkpoint in kept:
        vouched[checkpoint.tenant_id] = max(checkpoint.sequence, vouched.get(checkpoint.tenant_id, 0))
    without = sorted(head.tenant_id or "(none)" for head in heads if head.tenant_id not in vouched)
    after = ", ".join(f"{tenant or '(none)'} {sequence}" for tenant, sequence in sorted(vouched.items()))
    rest = f" Of {', '.join(without)} no outside checkpoint was given." if without else ""
    return (
        f"What came after the newest outside checkpoint (record of tenant: {after}) may have been rewritten or cut off"
        f" by who has the database and the signing key; that would not show.{rest}"
    )
