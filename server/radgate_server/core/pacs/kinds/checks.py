"""Checks of fields that several kinds of PACS have."""

import re
from urllib.parse import urlsplit

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.minimum_rate import MAX_MIN_BYTES_PER_SECOND

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::1?")
_URL = re.compile(r"[\x21-\x7e]+")


def parse_ae_title(value: str, field_name: str) -> str:
    """Return the AE title without its padding (PS3.5 6.2, VR AE: 1 to 16 characters, no backslash, not all spaces).

    Raises:
        InvalidArgumentError: naming `field_name`.
    """
    stripped = value.strip(" ")
    if not _AE_TITLE.fullmatch(stripped):
        raise InvalidArgumentError(field_name, "an AE title has 1 to 16 printable ASCII characters, no backslash")
    return stripped


def check_host(host: str, field_name: str) -> None:
    """Refuse what is no host. Raises InvalidArgumentError, naming `field_name`."""
    if not _HOST.fullmatch(host):
        raise InvalidArgumentError(field_name, "must be a host name or an IP address")


def check_range(value: int, least: int, most: int, field_name: str) -> None:
    """Refuse a number out of its range, both ends included. Raises InvalidArgumentError, naming `field_name`."""
    if not least <= value <= most:
        raise InvalidArgumentError(field_name, f"must be from {least} to {most}")


def check_rate(bytes_per_s: int, field_name: str) -> None:
    """Refuse a least rate that is none. Raises InvalidArgumentError, naming `field_name`."""
    check_range(bytes_per_s, 0, MAX_MIN_BYTES_PER_SECOND, field_name)


def check_url(url: str, field_name: str) -> None:
    """Refuse what is no http or https URL. Raises InvalidArgumentError, naming `field_name`."""
    try:
        parts = urlsplit(url)
        names_host = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
        usable = names_host and parts.scheme in ("http", "https") and bool(_URL.fullmatch(url))
    except ValueError:
        usable = False
    if not usable:
        raise InvalidArgumentError(field_name, "must be an http or https URL such as https://pacs.example/dicom-web")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidArgumentError(field_name, "must hold no user, query or fragment; credentials have their own field")


def check_networks(networks: tuple[str, ...], most: int, field_name: str) -> None:
    """Refuse what are no networks (CIDR), or too many. Raises InvalidArgumentError, naming `field_name`."""
    if len(networks) > most:
        raise InvalidArgumentError(field_name, f"can't be more than {most}")
    try:
        parse_networks(networks)
    except ValueError as error:
        raise InvalidArgumentError(field_name, str(error)) from None
