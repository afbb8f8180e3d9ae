"""How a PACS is reached: one tagged union, told apart by `kind`."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Literal

from radgate_server.core.errors import InvalidArgumentError

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::1?")
MAX_ASSOCIATIONS = 64


class RetrieveMethod(StrEnum):
    """How a DIMSE PACS hands over instances: on the same association (C-GET) or on one of its own (C-MOVE)."""

    GET = "get"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class DimseTls:
    """TLS of a DIMSE connection (PS3.15 B.12); paths are PEM files on this machine, "" when not used."""

    ca_file: str
    certificate_file: str = ""
    private_key_file: str = ""
    verify_host: bool = True


@dataclass(frozen=True, slots=True)
class DimseConnection:
    """A PACS that speaks DIMSE. `password` is in the clear here and sealed wherever it is stored."""

    host: str
    port: int
    called_aet: str
    calling_aet: str
    retrieve_method: RetrieveMethod = RetrieveMethod.GET
    max_associations: int = 4
    tls: DimseTls | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    kind: Literal["dimse"] = "dimse"


@dataclass(frozen=True, slots=True)
class FolderConnection:
    """A directory of DICOM files on this machine, read-only."""

    path: str
    kind: Literal["folder"] = "folder"


type PacsConnection = DimseConnection | FolderConnection


@dataclass(frozen=True, slots=True)
class PacsConfig:
    """One PACS of one tenant. PACS added earlier take precedence."""

    tenant_id: str
    name: str
    connection: PacsConnection
    create_time: datetime


def parse_ae_title(value: str, field_name: str) -> str:
    """Return the AE title without its padding (PS3.5 6.2, VR AE: 1 to 16 characters, no backslash, not all spaces).

    Raises:
        InvalidArgumentError: naming `field_name`.
    """
    stripped = value.strip(" ")
    if not _AE_TITLE.fullmatch(stripped):
        raise InvalidArgumentError(field_name, "an AE title has 1 to 16 printable ASCII characters, no backslash")
    return stripped


def check_connection(connection: PacsConnection) -> PacsConnection:
    """Return the connection with its AE titles stripped if every field is usable.

    Raises:
        InvalidArgumentError: naming the first field that is not.
    """
    match connection:
        case DimseConnection():
            return _check_dimse(connection)
        case FolderConnection(path=path):
            if not PurePath(path).is_absolute():
                raise InvalidArgumentError("folder.path", "must be an absolute path on the server's machine")
            return connection


def names_private_files(connection: PacsConnection) -> bool:
    """Whether it reads from this machine what may be another tenant's: a folder of images, a client's key."""
    match connection:
        case FolderConnection():
            return True
        case DimseConnection(tls=tls):
            return tls is not None and bool(tls.certificate_file or tls.private_key_file)


def _check_dimse(connection: DimseConnection) -> DimseConnection:
    if not _HOST.fullmatch(connection.host):
        raise InvalidArgumentError("dimse.host", "must be a host name or an IP address")
    if not 1 <= connection.port <= 65535:
        raise InvalidArgumentError("dimse.port", "must be from 1 to 65535")
    if not 1 <= connection.max_associations <= MAX_ASSOCIATIONS:
        raise InvalidArgumentError("dimse.max_associations", f"must be from 1 to {MAX_ASSOCIATIONS}")
    if connection.password and not connection.username:
        raise InvalidArgumentError("dimse.username", "must be given with a password")
    return DimseConnection(
        host=connection.host,
        port=connection.port,
        called_aet=parse_ae_title(connection.called_aet, "dimse.called_aet"),
        calling_aet=parse_ae_title(connection.calling_aet, "dimse.calling_aet"),
        retrieve_method=connection.retrieve_method,
        max_associations=connection.max_associations,
        tls=connection.tls,
        username=connection.username,
        password=connection.password,
    )
