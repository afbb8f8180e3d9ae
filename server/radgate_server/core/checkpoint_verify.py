"""Whether signed checkpoints of the audit trail are good, whole, and those that were kept elsewhere: pure."""

from collections.abc import Sequence

from radgate_server.core.audit_chain import START
from radgate_server.core.audit_checkpoint import Check, Checkpoint, time_text
from radgate_server.core.audit_verify import Fault


def verify_checkpoints(checkpoints: Sequence[Checkpoint], check: Check) -> tuple[Fault, ...]:
    """Check the signatures; the first fault of each tenant. They come in the order in which they were made."""
    faults: dict[str, Fault] = {}
    for checkpoint in checkpoints:
        good = check(checkpoint.key_id, checkpoint.signed_form, checkpoint.signature)
        if not good and checkpoint.tenant_id not in faults:
            what = "is not good" if good is False else f"is by a key that is not known ({checkpoint.key_id})"
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
