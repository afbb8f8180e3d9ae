"""What a call shows to say who it is, and what is found out from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from radgate_server.core.access.tenancy import Principal

REFUSED = "this credential is not accepted: it is unknown, it has ended, or it was revoked"
"""The text that every refused caller gets, whatever the reason: a hint would be one for those who guess."""


class Credentials(NamedTuple):
    """Of one call: the bearer token ("" for none), the names in the client's certificate, and where it comes from.

    Names are subject alternative names such as "URI:spiffe://example/viewer" (lib/tls/certificate_names.py), none when
    the client showed no certificate that the gateway or the server verified.
    """

    token: str
    certificate_names: tuple[str, ...] = ()
    address: str = ""


class Identified(NamedTuple):
    """Whose a credential is, and when it ends by itself (None: not at all)."""

    principal: Principal
    expire_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims of a token whose signature, issuer, audience and times are good; `provider` is the setting's name."""

    provider: str
    claims: Mapping[str, Any]
    expire_time: datetime
