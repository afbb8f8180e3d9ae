"""Reading chains of the audit trail while records are written and erased."""

from radgate_server.core.audit.checkpoint import Check
from radgate_server.core.audit.ports.trail import AuditTrail, CheckpointSigner, Visit
from radgate_server.core.audit.verification import ChainVerifier


async def follow_chains(
    trail: AuditTrail,
    verifier: ChainVerifier,
    *,
    tenant_id: str | None = None,
    after: int = 0,
    upto: int,
    visit: Visit | None = None,
) -> None:
    """Show the verifier all records (of the tenant) with numbers above `after` up to `upto`, through `visit` if given.

    Records that are erased meanwhile name a statement that lies further on; so far it goes then.
    """
    await trail.scan(visit or verifier.take, tenant_id=tenant_id, after=after, upto=upto)
    if verifier.pending:
        verifier.believe_statements()
        await trail.scan(verifier.take, tenant_id=tenant_id, after=upto, upto=await trail.last_number())


def own_check(signer: CheckpointSigner) -> Check:
    """Knows the signer's own signatures; Ed25519 makes one of each message. Those of other keys, replaced ones, pass.

    Who wants to know more of them asks `radgate audit verify`, with the keys that he believes in.
    """

    def check(key_id: str, message: bytes, signature: bytes) -> bool:
        return key_id != signer.key_id or signature == signer.sign(message)

    return check
