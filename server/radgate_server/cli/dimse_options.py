"""The options that say how a DIMSE PACS is reached, and the connection that they make."""

from pathlib import Path

import click

from radgate_server.cli.options import together
from radgate_server.core.pacs import MAX_ASSOCIATIONS, DimseConnection, DimseTls, RetrieveMethod

_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)

connection_options = together(
    click.option("--host", metavar="HOST", required=True, help="Host name or IP address."),
    click.option("--port", metavar="PORT", type=click.IntRange(1, 65535), required=True, help="TCP port."),
    click.option("--called-aet", metavar="AET", required=True, help="AE title of the PACS."),
    click.option("--calling-aet", metavar="AET", required=True, help="AE title by which Radgate presents itself."),
    click.option(
        "--retrieve",
        type=click.Choice([method.value for method in RetrieveMethod]),
        default=RetrieveMethod.GET.value,
        show_default=True,
        help="Fetch with C-GET or C-MOVE.",
    ),
    click.option(
        "--max-associations",
        metavar="N",
        type=click.IntRange(1, MAX_ASSOCIATIONS),
        default=4,
        show_default=True,
        help="Associations open at the same time at most.",
    ),
    click.option(
        "--username", metavar="NAME", default="", help="User identity (PS3.7 D.3.3.7); its password is asked for."
    ),
    click.option("--password-file", metavar="FILE", type=_FILE, help="Take the password from this file's first line."),
    click.option("--tls-ca", metavar="FILE", type=_FILE, help="Use TLS and trust these authorities (PEM)."),
    click.option("--tls-cert", metavar="FILE", type=_FILE, help="Radgate's certificate, for mutual TLS (PEM)."),
    click.option("--tls-key", metavar="FILE", type=_FILE, help="The certificate's private key (PEM)."),
    click.option("--tls-no-verify-host", is_flag=True, help="Take a certificate that does not name the host."),
)


def make_connection(
    *,
    host: str,
    port: int,
    called_aet: str,
    calling_aet: str,
    retrieve: str,
    max_associations: int,
    username: str,
    password_file: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_no_verify_host: bool,
) -> DimseConnection:
    """Make the connection, asking for the password when there is a user without a password file.

    Raises:
        click.UsageError: options that do not go together.
    """
    return DimseConnection(
        host=host,
        port=port,
        called_aet=called_aet,
        calling_aet=calling_aet,
        retrieve_method=RetrieveMethod(retrieve),
        max_associations=max_associations,
        tls=_make_tls(tls_ca, tls_cert, tls_key, verify_host=not tls_no_verify_host),
        username=username,
        password=_read_password(username, password_file),
    )


def _make_tls(ca: Path | None, certificate: Path | None, key: Path | None, *, verify_host: bool) -> DimseTls | None:
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if ca is None:
        if certificate is not None or not verify_host:
            raise click.UsageError("--tls-ca must be given for TLS")
        return None
    return DimseTls(str(ca), str(certificate or ""), str(key or ""), verify_host)


def _read_password(username: str, file: Path | None) -> str:
    """The password never stands on the command line, where every user of the machine can read it."""
    if not username:
        if file is not None:
            raise click.UsageError("--password-file needs --username")
        return ""
    if file is None:
        answer: str = click.prompt(
            "Password (empty for none)", default="", show_default=False, hide_input=True, err=True
        )
        return answer
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError("the password file can't be read as text") from None
