"""What a URL at the edge names, and what its grant says: plain values and their text."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from radgate_server.core.dicom.identifiers import InstanceRef

PREFIX = "/edge/"
_GRANT = "grant="


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may have which resource until when, given by the installation to itself by way of the edge.

    `resource` is path and query of the URL without the grant. `key_id`, `name` and `address` are those of the caller
    that the URL was signed for; `expire_s` is in seconds since 1970.
    """

    tenant_id: str
    key_id: str
    name: str
    address: str
    resource: str
    expire_s: float

    def encode(self) -> bytes:
        """The grant as bytes."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Grant":
        """Read what `encode` made. Raises ValueError or TypeError for anything else."""
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL at the edge, valid until `expire_time`."""

    url: str
    expire_time: datetime


def resource_of(tenant_id: str, ref: InstanceRef, version: str, part: str, query: str) -> str:
    """Path and query at the edge. `part` names what of the instance is meant, as "/frames/1" does; "" all of it.

    The version stands behind the UIDs, so that one wildcard covers a study, a series or an instance.
    """
    return f"{PREFIX}{tenant_id}/{path_of(ref)}/{version}{part}{'?' if query else ''}{query}"


def path_of(ref: InstanceRef) -> str:
    """The instance's path in DICOMweb, without the root (PS3.18 10.4.1)."""
    study, series, instance = ref
    return f"studies/{study}/series/{series}/instances/{instance}"


def ref_in(resource: str) -> InstanceRef:
    """The instance that the resource names."""
    _, study, _, series, _, instance = resource.removeprefix(PREFIX).split("/", 7)[1:7]
    return InstanceRef(study, series, instance)


def part_in(resource: str) -> str:
    """What of the instance the resource names, as `resource_of` was given it."""
    return "/".join(("", *resource.partition("?")[0].removeprefix(PREFIX).split("/", 8)[8:]))


def with_grant(resource: str, token: str) -> str:
    """The resource with its grant at the end of the query."""
    return f"{resource}{'&' if '?' in resource else '?'}{_GRANT}{token}"


def split_grant(path: str) -> tuple[str, str]:
    """The resource, and the token of its grant; ("", "") for what `with_grant` did not make."""
    resource, found, token = path.rpartition(_GRANT)
    if not found or resource[-1:] not in ("?", "&"):
        return "", ""
    return resource[:-1], token


def version_in(resource: str) -> str:
    """The version that the resource names."""
    return resource.partition("?")[0].removeprefix(PREFIX).split("/", 8)[7]


def version_of(size_bytes: int, crc32c: int) -> str:
    """The version of an instance's bytes."""
    return f"{size_bytes:x}-{crc32c:08x}"
