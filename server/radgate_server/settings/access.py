"""Who may come in, and which studies: identity providers, client certificates, wrong guesses, restrictions."""

import ipaddress
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from radgate_server.core.access.restriction import StudyRestriction, make_restriction, parse_patient
from radgate_server.core.access.tenancy import ANY_TENANT
from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.settings.shared.table import Table, Texts


class RestrictionClaims(Table):
    """Claims of an identity provider that confine its users to some studies.

    A study must have one of the values of each claim that a user has.
    """

    patient_claim: Texts = Field(
        default=(), description="Path of the claim that names patients: a Patient ID, or `ID^^^ISSUER`."
    )
    referring_physician_claim: Texts = Field(
        default=(), description="Path of the claim that names referring physicians: `DOE^JANE`."
    )
    modality_claim: Texts = Field(default=(), description="Path of the claim that names modalities: `CT`.")
    study_date_claim: Texts = Field(
        default=(), description="Path of the claim that names study dates: `20260101-20260630`, `20260101-`, `90d`."
    )
    required: bool = Field(
        default=True, description="Don't admit a user with none of these claims; else such a user sees every study."
    )

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Where each attribute of a restriction is claimed, those alone that are claimed at all."""
        paths = {
            "patients": self.patient_claim,
            "referring_physicians": self.referring_physician_claim,
            "modalities": self.modality_claim,
            "study_dates": self.study_date_claim,
        }
        return {attribute: path for attribute, path in paths.items() if path}


class OnlyStudies(Table):
    """The studies that a client certificate may see: those that have one of the values of each line."""

    patients: Texts = Field(default=(), repr=False, description="Patients: a Patient ID, or `ID^^^ISSUER`.")
    referring_physicians: Texts = Field(default=(), repr=False, description="Referring physicians: `DOE^JANE`.")
    modalities: Texts = Field(default=(), description="Modalities of a series: `CT`.")
    study_dates: Texts = Field(
        default=(), description="Study dates: `20260101`, `20260101-20260630`, `20260101-`; `90d` is the last 90 days."
    )

    @property
    def restriction(self) -> StudyRestriction:
        """What it stands for. Raises InvalidArgumentError for values that no study could have, or none at all."""
        return make_restriction(
            patients=map(parse_patient, self.patients),
            referring_physicians=self.referring_physicians,
            modalities=self.modalities,
            study_dates=self.study_dates,
        )


type RoleName = Literal["viewer", "operator", "admin", "auditor"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]

_NAME_KINDS = ("URI:", "DNS:", "email:")


class TlsPaths(NamedTuple):
    """PEM files of one listening port; `client_ca_file` is None when clients are not asked for a certificate."""

    certificate_file: Path
    key_file: Path
    client_ca_file: Path | None


def tls_paths(certificate_file: str, key_file: str, client_ca_file: str) -> TlsPaths | None:
    """The files of a port, None for a port without TLS.

    Raises:
        ValueError: one file is named and another that it needs is not.
    """
    if bool(certificate_file) != bool(key_file):
        raise ValueError("a certificate file and a key file belong together: name both or neither")
    if client_ca_file and not certificate_file:
        raise ValueError("clients can be asked for a certificate over TLS alone: name a certificate file too")
    if not certificate_file:
        return None
    return TlsPaths(Path(certificate_file), Path(key_file), Path(client_ca_file) if client_ca_file else None)


def certificate_name(value: str) -> str:
    """A subject alternative name with its kind before it. Raises ValueError when it has none."""
    if not value.startswith(_NAME_KINDS):
        raise ValueError(f"must begin with one of {', '.join(_NAME_KINDS)}")
    return value


class OidcSettings(Table):
    """An identity provider (OpenID Connect) whose access tokens are accepted; any number of them."""

    name: str = Field(description="What the audit trail calls it: 1 to 63 of a-z, 0-9 and `-`.")
    issuer: str = Field(description="Its issuer identifier, as in the tokens' `iss`; https, or http on this machine.")
    audience: Texts = Field(min_length=1, description="Values of `aud` that mean Radgate; one of them must be there.")
    discovery_url: str = Field(
        default="", description="Where its metadata are; empty: `issuer` and `/.well-known/openid-configuration`."
    )
    ca_file: str = Field(default="", description="Authorities that vouch for it (PEM); empty: the system's.")
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256", "ES384", "EdDSA"),
        min_length=1,
        description="Signatures that are accepted; there are asymmetric ones only.",
    )
    clock_skew_s: float = Field(default=60, ge=0, le=300, description="How far its clock may differ from ours.")
    keys_refetch_s: float = Field(
        default=10, gt=0, description="Its keys are asked for at most this often, however many unknown ones are named."
    )
    keys_max_age_s: float = Field(default=3600, gt=0, description="Its keys are asked for again after this.")
    subject_claim: Texts = Field(
        default=("sub",), min_length=1, description="Path of the claim that names the user in the audit trail."
    )
    tenant_claim: Texts = Field(
        default=(), description="Path of the claim that names tenants; empty: `default_tenants` alone."
    )
    tenants: dict[str, Texts] = Field(
        default={}, description="Tenants by value of the claim; empty: the value is the tenant. `*` is every tenant."
    )
    default_tenants: Texts = Field(default=(), description="Tenants of a user without a value of `tenant_claim`.")
    role_claim: Texts = Field(default=(), description="Path of the claim that names roles.")
    roles: dict[str, RoleName] = Field(
        default={}, description="Role by value of the claim; of several that a user has, the first in this table."
    )
    default_role: Literal["", "viewer", "operator", "admin", "auditor"] = Field(
        default="", description="Role of a user with none of these values; empty: not admitted."
    )
    family_name_claim: Texts = Field(
        default=("family_name",),
        description="Path of the claim with the user's family name: accesses of patients who have the same one are "
        "marked in the audit trail. For a token without it the last word of `name` counts. Empty: none is compared.",
    )
    only: RestrictionClaims = Field(
        default=RestrictionClaims(), description="Claims that confine users to some studies: `[auth.oidc.only]`."
    )

    @field_validator("name")
    @classmethod
    def _is_slug(cls, value: str) -> str:
        try:
            return parse_slug(value, "name")
        except InvalidArgumentError as error:
            raise ValueError(error.description) from None

    @field_validator("issuer", "discovery_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if value and not is_safe_url(value):
            raise ValueError("must be an https URL (http on the loopback address only)")
        return value

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> "OidcSettings":
        if not self.tenant_claim and not self.default_tenants:
            raise ValueError("name tenant_claim or default_tenants")
        if not (self.role_claim and self.roles) and not self.default_role:
            raise ValueError("name role_claim with roles, or default_role")
        return self


class CertificateSettings(Table):
    """A client certificate that stands for a caller; any number of them. The gateway's client CA must vouch for it."""

    name: str = Field(
        description="Its subject alternative name: `URI:spiffe://example/viewer`, `DNS:host.example`, `email:a@b.ch`."
    )
    tenants: Texts = Field(min_length=1, description="Tenants that it may use, the first by default; `*` is every one.")
    role: RoleName = Field(description="What it may do; a viewer, if it is confined to some studies.")
    only: OnlyStudies | None = Field(
        default=None, description="The studies that it is confined to: `[auth.certificates.only]`."
    )

    @property
    def restriction(self) -> StudyRestriction | None:
        """The studies that it may see, None for all."""
        return None if self.only is None else self.only.restriction

    @field_validator("name")
    @classmethod
    def _has_a_kind(cls, value: str) -> str:
        return certificate_name(value)

    @field_validator("tenants")
    @classmethod
    def _every_tenant_stands_alone(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if ANY_TENANT in value and len(value) > 1:
            raise ValueError(f"{ANY_TENANT!r} stands for every tenant and stands alone")
        return value

    @model_validator(mode="after")
    def _confines_viewers(self) -> "CertificateSettings":
        """An `only` that names nothing confines to nothing, and is refused: it was meant to."""
        try:
            confined = self.restriction is not None
        except InvalidArgumentError as error:
            raise ValueError(f"only.{error.field}: {error.description}") from None
        if confined and self.role != "viewer":
            raise ValueError(
                "a certificate for some studies alone is a viewer's: set role to viewer, or leave out only"
            )
        return self


class AuthSettings(Table):
    """Who may come in, besides API keys. Tables `[[auth.oidc]]` and `[[auth.certificates]]` may be repeated."""

    oidc: tuple[OidcSettings, ...] = Field(default=(), description="Identity providers, see below.")
    certificates: tuple[CertificateSettings, ...] = Field(default=(), description="Client certificates, see below.")
    max_failures: int = Field(
        default=10, ge=1, description="Wrong credentials from one address before the next have to wait."
    )
    max_wait_s: float = Field(default=60, gt=0, description="Longest that they have to wait.")
    study_facts_ttl_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="How long it is remembered of a study whether credentials that are restricted to some may see it.",
    )

    @field_validator("oidc")
    @classmethod
    def _are_different(cls, value: tuple[OidcSettings, ...]) -> tuple[OidcSettings, ...]:
        for attribute in ("name", "issuer"):
            if len({getattr(provider, attribute) for provider in value}) < len(value):
                raise ValueError(f"two identity providers have the same {attribute}")
        return value


def is_safe_url(url: str) -> bool:
    """Whether what comes from the URL can be trusted to come from it: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
