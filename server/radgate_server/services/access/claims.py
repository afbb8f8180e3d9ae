"""From what an identity provider says of a user to what the user may do here. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from radgate_server.core.access.credentials import REFUSED, Identified, VerifiedToken
from radgate_server.core.access.tenancy import ANY_TENANT, Principal, Role
from radgate_server.core.dicom.family_name import FamilyName, family_name, last_name_of
from radgate_server.core.errors import RoleNotAllowedError, UnauthenticatedError
from radgate_server.services.access.claimed_restriction import restriction_of
from radgate_server.settings.access import OidcSettings

_MAX_SUBJECT = 255  # OpenID Connect Core 1.0 section 2
_FULL_NAME = ("name",)  # section 5.1: in full, for display


def identify(token: VerifiedToken, settings: OidcSettings) -> Identified:
    """Return the principal that the claims stand for.

    Raises:
        RoleNotAllowedError: they name no role.
        UnauthenticatedError: they name no user or no tenant, or restrict in a way that is not understood.
    """
    subject = next(iter(values_at(token.claims, settings.subject_claim)), "")
    tenant_ids, role = _tenants(token.claims, settings), _role(token.claims, settings)
    if not is_subject(subject):
        raise UnauthenticatedError(REFUSED, why=f"token: its claim {_named(settings.subject_claim)} names no user")
    if not tenant_ids:
        raise UnauthenticatedError(REFUSED, why=f"token: its claim {_named(settings.tenant_claim)} names no tenant")
    if role is None:
        raise RoleNotAllowedError(
            "the identity provider gives you no role here; ask the administrator",
            why=f"token: its claim {_named(settings.role_claim)} names no role of the settings",
        )
    restriction = restriction_of(token.claims, settings.only)
    principal = Principal(
        f"oidc:{token.provider}:{subject}",
        tenant_ids,
        role,
        restriction=restriction,
        family_name=_family_name(token.claims, settings),
    )
    return Identified(principal, token.expire_time)


def values_at(claims: Mapping[str, Any], path: Sequence[str]) -> tuple[str, ...]:
    """The texts at a path into the claims: one text, or those of a list; none when nothing is there."""
    if not path:
        return ()
    found: Any = claims
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    values = found if isinstance(found, list) else [found]
    return tuple(value for value in values if isinstance(value, str) and value)


def _tenants(claims: Mapping[str, Any], settings: OidcSettings) -> tuple[str, ...]:
    values = values_at(claims, settings.tenant_claim)
    if settings.tenants:
        named = [tenant_id for value in values for tenant_id in settings.tenants.get(value, ())]
    else:
        named = [value for value in values if value != ANY_TENANT]  # every tenant is the operator's to give
    found = tuple(dict.fromkeys(named or settings.default_tenants))
    return (ANY_TENANT,) if ANY_TENANT in found else found


def _role(claims: Mapping[str, Any], settings: OidcSettings) -> Role | None:
    values = values_at(claims, settings.role_claim)
    name = next((role for value, role in settings.roles.items() if value in values), settings.default_role)
    return Role[name.upper()] if name else None


def _family_name(claims: Mapping[str, Any], settings: OidcSettings) -> FamilyName:
    if not settings.family_name_claim:
        return FamilyName()
    names = values_at(claims, settings.family_name_claim)
    return family_name(*(names or map(last_name_of, values_at(claims, _FULL_NAME))))


def is_subject(subject: str) -> bool:
    """Whether a user can be called so in the audit trail."""
    return 0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()


def rules_matched(token: VerifiedToken, settings: OidcSettings) -> tuple[str, str]:
    """How the claims came to stand for tenants and a role, for whoever looks after the settings."""
    tenants = values_at(token.claims, settings.tenant_claim)
    roles = values_at(token.claims, settings.role_claim)
    matched = next((f"{value!r} is role {role}" for value, role in settings.roles.items() if value in roles), "")
    mapped = [value for value in tenants if value in settings.tenants] if settings.tenants else [*tenants]
    by_default = "nothing matched, so the default holds"
    return (
        f"claim {_named(settings.tenant_claim)}: {', '.join(map(repr, mapped)) or by_default}",
        f"claim {_named(settings.role_claim)}: {matched or by_default}",
    )


def _named(path: Sequence[str]) -> str:
    return ".".join(path) or "(not set)"
