"""Between the fields of messages that hold a secret, or where it is kept, and the words of the core."""

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.secrets.secret import Secret, SecretReference, SecretSource, parse_reference


def from_secret(given: str, reference: str, field_name: str) -> SecretSource:
    """Read a secret, or where it is kept. Raises InvalidArgumentError for both, or a reference that can't be one."""
    if given and reference:
        raise InvalidArgumentError(field_name, "can't be given together with the secret itself")
    return parse_reference(reference, field_name) if reference else Secret(given)


def reference_of(source: SecretSource) -> str:
    """Where the secret is kept, "" when it is stored; all of it that may leave."""
    return str(source) if isinstance(source, SecretReference) else ""
