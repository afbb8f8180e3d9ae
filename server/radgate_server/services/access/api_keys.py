"""API keys: how they look, and how one is made."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime

from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import ApiKey, Role
from radgate_server.core.secrets.ports import Fingerprints

_KEY_ID = re.compile(r"[0-9a-f]{12}")
_PREFIX = "rg_"
_TOKEN = re.compile(r"rg_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


def split_token(token: str) -> tuple[str, str] | None:
    """The key id and the secret of a token "rg_<key id>_<secret>", None when it does not look like one."""
    match = _TOKEN.fullmatch(token)
    return (match[1], match[2]) if match else None


def looks_like_key(token: str) -> bool:
    """Whether the token means to be an API key, good or not."""
    return token.startswith(_PREFIX)


def is_key_id(text: str) -> bool:
    """Whether this can be the id of a key."""
    return _KEY_ID.fullmatch(text) is not None


def make_key(
    box: Fingerprints,
    tenant_ids: Sequence[str],
    role: Role,
    label: str,
    create_time: datetime,
    expire_time: datetime | None = None,
    restriction: StudyRestriction | None = None,
) -> tuple[ApiKey, str]:
    """A new key's record and its token; 48 random bits of id, 256 of secret."""
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    fingerprint = box.fingerprint(secret)
    key = ApiKey(
        key_id,
        tuple(tenant_ids),
        role,
        label,
        create_time,
        None,
        fingerprint,
        expire_time,
        restriction=restriction,
    )
    return key, f"rg_{key_id}_{secret}"
