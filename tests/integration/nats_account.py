"""An account of a NATS that admits by JWT and nkey: what `nsc` would make."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nkeys

_ALL = -1
_LIMITS = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), _ALL)
_WITH_JETSTREAM = _LIMITS | dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), _ALL)
_KINDS = {
    "operator": nkeys.PREFIX_BYTE_OPERATOR,
    "account": nkeys.PREFIX_BYTE_ACCOUNT,
    "user": nkeys.PREFIX_BYTE_USER,
}


@dataclass(frozen=True)
class NatsAccount:
    """The options of a NATS that has it, and the credentials file of its one user."""

    options: Sequence[str]
    credentials_file: Path


def make_account(folder: Path, *, publishes: Sequence[str], subscribes: Sequence[str]) -> NatsAccount:
    """An account whose user may do that and no more."""
    operator, system, account, user = (_new_pair(kind) for kind in ("operator", "account", "account", "user"))
    accounts = [
        (pair, _token(operator, pair, {"type": "account", "limits": limits}))
        for pair, limits in ((system, _LIMITS), (account, _WITH_JETSTREAM))
    ]
    configuration = {
        "operator": _token(operator, operator, {"type": "operator"}),
        "system_account": _public(system),
        "resolver": "MEMORY",
        "resolver_preload": {_public(pair): token for pair, token in accounts},
    }
    (folder / "nats.json").write_text(json.dumps(configuration))
    rights = {"pub": {"allow": publishes}, "sub": {"allow": subscribes}}
    credentials = folder / "user.creds"
    credentials.write_text(
        "-----BEGIN NATS USER JWT-----\n"
        f"{_token(account, user, {'type': 'user', 'subs': _ALL, 'data': _ALL, 'payload': _ALL, **rights})}\n"
        "------END NATS USER JWT------\n\n"
        "-----BEGIN USER NKEY SEED-----\n"
        f"{user.seed.decode()}\n"
        "------END USER NKEY SEED------\n"
    )
    return NatsAccount(("-c", str(folder / "nats.json")), credentials)


def _new_pair(kind: str) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), prefix=_KINDS[kind])))


def _public(pair: nkeys.KeyPair) -> str:
    return str(pair.public_key.decode())


def _token(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, rights: Mapping[str, object]) -> str:
    """What the issuer says of the subject, as a JWT of NATS."""
    claims = {"jti": "1", "iat": 1, "iss": _public(issuer), "sub": _public(subject), "nats": {**rights, "version": 2}}
    parts = (json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
    text = ".".join(map(_encoded, parts))
    return f"{text}.{_encoded(issuer.sign(text.encode()))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
