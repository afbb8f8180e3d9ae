"""Who calls the rpc tests' server: keys, tokens and certificates of two tenants, and of all."""

from urllib.parse import quote

from radgate_server.core.access.tenancy import Role
from radgate_server.settings.access import (
    AuthSettings,
    CertificateSettings,
    OidcSettings,
    OnlyStudies,
    RestrictionClaims,
)
from tests.fakes.authority import Authority
from tests.fakes.token_verifier import PROVIDER

GATEWAY_SECRET = "only the gateway knows"
KINDS = ("key", "token", "certificate")

_ROLES = {role.name.lower(): role.name.lower() for role in Role}
NAMES = {
    (tenant_id, role): f"URI:spiffe://test/{tenant_id.replace('*', 'all')}/{role.name.lower()}"
    for tenant_id in ("east", "west", "*")
    for role in Role
}
_AUTHORITY = Authority()
CERTIFICATES = {whose: _AUTHORITY.sign(name).certificate for whose, name in NAMES.items()}
_OF_PATIENT = "URI:spiffe://test/east/patient"
CERTIFICATE_OF_PATIENT = _AUTHORITY.sign(_OF_PATIENT).certificate
"""For the studies of patient "P-1" alone."""
AUTH = AuthSettings(
    oidc=(
        OidcSettings(
            name=PROVIDER,
            issuer="https://login.example",
            audience=("radgate",),
            tenant_claim=("tenant",),
            tenants={"east": ("east",), "west": ("west",), "*": ("*",)},
            role_claim=("role",),
            roles=_ROLES,  # type: ignore[arg-type]
            only=RestrictionClaims(patient_claim=("patient",), required=False),
        ),
    ),
    certificates=(
        *(
            CertificateSettings(name=name, tenants=(tenant_id,), role=role.name.lower())  # type: ignore[arg-type]
            for (tenant_id, role), name in NAMES.items()
        ),
        CertificateSettings(name=_OF_PATIENT, tenants=("east",), role="viewer", only=OnlyStudies(patients=("P-1",))),
    ),
)


def bearer(token: str) -> dict[str, str]:
    """How a token is sent."""
    return {"authorization": f"Bearer {token}"}


def seen_by_gateway(
    *, certificate: bytes = b"", address: str = "10.9.8.7", secret: str = GATEWAY_SECRET
) -> dict[str, str]:
    """The headers in which the gateway says what it saw of a client."""
    headers = {"x_radgate_client": f"7 {address} {secret}"}
    if certificate:
        headers["x_forwarded_client_cert"] = f'Hash={"0" * 64};Cert="{quote(certificate.decode(), safe="")}"'
    return headers
