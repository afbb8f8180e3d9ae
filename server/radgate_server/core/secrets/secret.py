"""Secrets in transit: a type that does not print, and the three forms in which a PACS's credential is known."""

import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Never

from radgate_server.core.errors import InvalidArgumentError, SecretUnavailableError

_HIDDEN = "***"
_MAX_REFERENCE = 512
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9_.+=@:-]+(?:/[A-Za-z0-9_.+=@:-]+)*")
_KEY = re.compile(r"[A-Za-z0-9_.-]+")


class Secret:
    """A short text that must not be seen: printed, formatted or logged it is "***"; it can't be pickled or copied out.

    `reveal()` is the one way to it. Python's strings can't be overwritten, so the text stays in memory until its room
    is used again; what can be done is to release it early (docs/secrets.md).
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text; for the call that needs it, and no longer."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN!r})" if self else "Secret('')"

    def __str__(self) -> str:
        return _HIDDEN if self else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __deepcopy__(self, memo: object) -> "Secret":
        return self  # it never changes, and `dataclasses.asdict` copies

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not written anywhere in the clear")


NO_SECRET = Secret("")


@dataclass(frozen=True, slots=True)
class SecretContext:
    """What a sealed secret is bound to: moved to another tenant, PACS or field it does not open."""

    tenant_id: str
    pacs: str
    field: str = "password"

    @property
    def text(self) -> str:
        """The canonical form. Tenants and PACS are slugs, so that no two contexts share one."""
        return f"{self.tenant_id}/{self.pacs}/{self.field}"


CACHE_KEY = "cache-key"
"""The field of the key that a tenant's cached data is encrypted under; no PACS is called "-"."""


def cache_key_context(tenant_id: str) -> SecretContext:
    """What the tenant's key for cached data is bound to."""
    return SecretContext(tenant_id, "-", CACHE_KEY)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret as it is stored. Two of the same `identity` are one secret, also when its key was wrapped again."""

    context: SecretContext
    identity: bytes
    sealed: bytes = field(repr=False, compare=False)


class SecretScheme(StrEnum):
    """Where references lead."""

    ENV = "env"
    FILE = "file"
    AWS_SECRETS_MANAGER = "aws-secretsmanager"
    VAULT = "vault"


OF_THIS_MACHINE = frozenset({SecretScheme.ENV, SecretScheme.FILE})
"""They name what belongs to the server: its environment, its files."""


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is kept, to be read there whenever it is needed; `key` picks one of several kept together."""

    scheme: SecretScheme
    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}" + (f"#{self.key}" if self.key else "")


type SecretSource = Secret | SealedSecret | SecretReference
"""A credential as it was given, as it is stored, or where it is kept. `NO_SECRET` when there is none."""


class GivenSecrets:
    """SecretReader of secrets that were just given and are stored nowhere."""

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        """The secret itself."""
        if isinstance(source, Secret):
            return source
        raise SecretUnavailableError("the PACS's secret is stored, and nothing here can read it", pacs=pacs)


def parse_reference(text: str, field_name: str) -> SecretReference:
    """Read `env:NAME`, `file:/path`, `aws-secretsmanager:name-or-arn[#json-key]` or `vault:path#key`.

    Raises:
        InvalidArgumentError: naming `field_name`.
    """
    scheme_text, colon, rest = text.partition(":")
    if not colon or scheme_text not in SecretScheme or len(text) > _MAX_REFERENCE:
        known = ", ".join(f"{scheme}:" for scheme in SecretScheme)
        raise InvalidArgumentError(field_name, f"must begin with one of {known} and not be too long")
    scheme = SecretScheme(scheme_text)
    name, mark, key = (rest, "", "") if scheme in OF_THIS_MACHINE else rest.partition("#")
    if bool(mark) != bool(key) or not _is_usable(scheme, name, key):
        raise InvalidArgumentError(field_name, f"must look like {_FORMS[scheme]}")
    return SecretReference(scheme, name, key)


_FORMS = {
    SecretScheme.ENV: "env:NAME",
    SecretScheme.FILE: "file:/absolute/path",
    SecretScheme.AWS_SECRETS_MANAGER: "aws-secretsmanager:name-or-arn, or aws-secretsmanager:name-or-arn#json-key",
    SecretScheme.VAULT: "vault:path#key",
}


def _is_usable(scheme: SecretScheme, name: str, key: str) -> bool:
    match scheme:
        case SecretScheme.ENV:
            return bool(_VARIABLE.fullmatch(name))
        case SecretScheme.FILE:
            return name.startswith("/") and name.isprintable()
        case SecretScheme.AWS_SECRETS_MANAGER:
            return _is_name(name) and (not key or bool(_KEY.fullmatch(key)))
        case SecretScheme.VAULT:
            return _is_name(name) and bool(_KEY.fullmatch(key))


def _is_name(name: str) -> bool:
    """Whether it names one thing, and climbs out of no folder on the way."""
    return bool(_NAME.fullmatch(name)) and not {".", ".."} & set(name.split("/"))
