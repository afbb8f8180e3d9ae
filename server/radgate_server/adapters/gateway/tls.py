"""The gateway's TLS in Envoy's words. Pure, but for writing the files that Envoy follows."""

from pathlib import Path
from typing import Any

import yaml

from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.lib.files import write_whole

type Node = dict[str, Any]

_TYPES = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_CERTIFICATE, _CLIENT_CA = "certificate", "client-ca"

# TLS 1.2 with forward secrecy and authenticated encryption alone (BCP 195); those of TLS 1.3 are all like that.
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)


def transport_socket(folder: Path, *, with_client_ca: bool) -> Node:
    """What makes a filter chain speak TLS, its certificates read again when a file in `folder` is replaced (SDS)."""
    common: Node = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "cipher_suites": list(_CIPHERS)},
        "tls_certificate_sds_secret_configs": [_followed(_CERTIFICATE, folder)],
    }
    if with_client_ca:
        common["validation_context_sds_secret_config"] = _followed(_CLIENT_CA, folder)
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}.DownstreamTlsContext",
            "common_tls_context": common,
            "require_client_certificate": False,  # who shows none may have a token
        },
    }


def secrets_of(material: TlsMaterial) -> dict[str, str]:
    """The files that Envoy follows, by name; a certificate and its key in one, so that neither is read alone."""
    certificate = {
        "certificate_chain": {"inline_string": _text(material.certificate_chain)},
        "private_key": {"inline_string": _text(material.private_key)},
    }
    made = {_file_of(_CERTIFICATE): _secret(_CERTIFICATE, {"tls_certificate": certificate})}
    if material.client_ca:
        trusted = {"trusted_ca": {"inline_string": _text(material.client_ca)}}
        made[_file_of(_CLIENT_CA)] = _secret(_CLIENT_CA, {"validation_context": trusted})
    return made


def write_secrets(folder: Path, material: TlsMaterial) -> None:
    """Put new files, readable by this user alone, in the old ones' places, each in one step, which Envoy notices."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in secrets_of(material).items():
        write_whole(folder / name, (text.encode(),))


def _followed(name: str, folder: Path) -> Node:
    source = {"path": str(folder / _file_of(name)), "watched_directory": {"path": str(folder)}}
    return {"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}}


def _secret(name: str, value: Node) -> str:
    return yaml.safe_dump({"resources": [{"@type": f"{_TYPES}.Secret", "name": name, **value}]}, sort_keys=False)


def _file_of(name: str) -> str:
    return f"{name}.yaml"


def _text(pem: bytes) -> str:
    return pem.decode("ascii", "replace")  # what stands around the certificates may be in any language
