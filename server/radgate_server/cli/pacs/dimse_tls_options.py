"""The options that say how the connection to a DIMSE PACS is secured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.shared.options import together
from radgate_server.core.pacs.connections import DimseTls, TlsProfile

FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)

dimse_tls_options = together(
    click.option("--tls/--no-tls", "tls", default=None, help="Use TLS, as any other --tls option does, or none."),
    click.option("--tls-ca", metavar="FILE", type=FILE, help="Trust these authorities (PEM), not the system's."),
    click.option("--tls-cert", metavar="FILE", type=FILE, help="Radgate's certificate, for mutual TLS (PEM)."),
    click.option("--tls-key", metavar="FILE", type=FILE, help="The certificate's private key (PEM)."),
    click.option(
        "--tls-cert-ref",
        metavar="REF",
        help="Reference to certificate, chain and key (PEM), in place of files; the same form as for passwords.",
    ),
    click.option("--tls-server-name", metavar="NAME", help="Name that the PACS's certificate has, if not the host's."),
    click.option(
        "--tls-verify-host/--tls-no-verify-host",
        "tls_verify_host",
        default=None,
        help="Take a certificate only when it names the host; that is so by default.",
    ),
    click.option(
        "--tls-profile",
        type=click.Choice([profile.value for profile in TlsProfile]),
        help="What TLS may be spoken (PS3.15 annex B); bcp195 by default.",
    ),
)


def changed_tls(old: DimseTls | None, options: dict[str, Any]) -> DimseTls | None:
    """The TLS settings with what the options say; None: no TLS.

    Raises:
        click.UsageError: options that do not go together.
    """
    if (options["tls_cert"] is None) != (options["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    given = _given(options)
    if options["tls"] is False:
        if given:
            raise click.UsageError("--no-tls goes with no other option of TLS")
        return None
    if not given and options["tls"] is None:
        return old
    return replace(old or DimseTls(""), **given)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    files = {"ca_file": "tls_ca", "certificate_file": "tls_cert", "private_key_file": "tls_key"}
    given: dict[str, Any] = {name: str(options[key]) for name, key in files.items() if options[key] is not None}
    others = {"certificate_ref": "tls_cert_ref", "server_name": "tls_server_name", "verify_host": "tls_verify_host"}
    given |= {name: options[key] for name, key in others.items() if options[key] is not None}
    if options["tls_profile"] is not None:
        given["profile"] = TlsProfile(options["tls_profile"])
    # The certificate is in files or behind a reference: what is given takes the other's place.
    if "certificate_file" in given:
        given.setdefault("certificate_ref", "")
    elif given.get("certificate_ref"):
        given |= {"certificate_file": "", "private_key_file": ""}
    return given
