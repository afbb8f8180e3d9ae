"""Which references a caller may give: the server reads them with its own rights, which are more than a tenant's."""

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.errors import RoleNotAllowedError
from radgate_server.core.secrets.secret import OF_THIS_MACHINE, SecretReference, SecretSource
from radgate_server.services.acting import insist_on_every_tenant


class ReferencePolicy:
    """Keys of a tenant may name secrets in AWS and Vault below `tenant_prefix`, "{tenant}" being theirs."""

    def __init__(self, tenant_prefix: str) -> None:
        self._tenant_prefix = tenant_prefix

    def check(self, caller: Caller, source: SecretSource) -> None:
        """Let pass what is no reference, and those that the caller may give. Raises RoleNotAllowedError."""
        if not isinstance(source, SecretReference) or caller.principal.may_use_every_tenant:
            return
        if source.scheme in OF_THIS_MACHINE or not self._tenant_prefix:
            insist_on_every_tenant(caller, f"refer to secrets by {source.scheme}:")
        prefix = self._tenant_prefix.replace("{tenant}", caller.tenant_id)
        if not source.name.startswith(prefix):
            raise RoleNotAllowedError(
                f"keys of this tenant may refer to secrets below {prefix} alone", needs="admin of every tenant"
            )
