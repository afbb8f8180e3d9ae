"""Who, besides API keys, can have limits of their own: by the settings, since nothing of them is stored. Pure."""

from collections.abc import Collection

from radgate_server.services.access.claims import is_subject
from radgate_server.settings.access import AuthSettings


def may_come(principal: str, tenant_ids: Collection[str], settings: AuthSettings) -> bool:
    """Whether a caller of that name ("oidc:PROVIDER:USER", "certificate:NAME") can have a credential for one of these.

    Which tenants a user may use is in the user's own token; so every user of a provider can.
    """
    kind, _, name = principal.partition(":")
    if kind == "oidc":
        provider, _, user = name.partition(":")
        return is_subject(user) and any(provider == known.name for known in settings.oidc)
    named = [known for known in settings.certificates if kind == "certificate" and known.name == name]
    return any(not set(known.tenants).isdisjoint(tenant_ids) for known in named)
