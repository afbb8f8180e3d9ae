"""TLS of DIMSE connections, both ways (PS3.15 B.12), from files or a secret that may be renewed at any time."""

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509

from radgate_server.adapters.pacs.dimse.transport.tls_profiles import use_profile
from radgate_server.adapters.pacs.tls_files import check_regular
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.connections import DimseTls
from radgate_server.core.secrets.secret import NO_SECRET, Secret
from radgate_server.lib.tls.identity import load_identity, no_password
from radgate_server.settings.pacs import DimseSettings

_log = logging.getLogger(__name__)

type _Look = tuple[tuple[int, int, int] | None, ...]


class RenewedContext:
    """A context that is made again when its files are others; what can't be used, as halfway through, changes nothing.

    Raises:
        ConfigurationError: they are not usable at the start.
    """

    def __init__(self, files: Sequence[str], make: Callable[[], ssl.SSLContext]) -> None:
        self._files = tuple(file for file in files if file)
        self._make = make
        self._lock = threading.Lock()
        self._seen = _look(self._files)
        self._context = make()

    def current(self) -> ssl.SSLContext:
        """The newest that was found good. Looks at the files, for a fraction of a millisecond; in any thread."""
        with self._lock:
            seen = _look(self._files)
            if seen != self._seen:
                self._seen = seen
                self._renew()
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._make()
        except ConfigurationError as error:
            _log.warning("renewed certificates of DIMSE are not usable, the former remain in use: %s", error.message)


class ClientTls:
    """The contexts for associations to one PACS. `on_identity` receives until when a certificate from a secret is good.

    Raises:
        ConfigurationError: its files are not usable at the start.
    """

    def __init__(self, tls: DimseTls, on_identity: Callable[[datetime], None]) -> None:
        self._tls = tls
        self._on_identity = on_identity
        self._lock = threading.Lock()
        self._identity = NO_SECRET
        self._renewed = None if tls.certificate_ref else self._follow(NO_SECRET)

    def current(self, identity: Secret) -> ssl.SSLContext:
        """The context with this certificate and key, PEM; NO_SECRET where they are in files. In any thread.

        Raises:
            ConfigurationError: they are not usable.
        """
        with self._lock:
            if self._renewed is None or identity != self._identity:
                self._renewed, self._identity = self._follow(identity), identity
            return self._renewed.current()

    def _follow(self, identity: Secret) -> RenewedContext:
        files = (self._tls.ca_file, self._tls.certificate_file, self._tls.private_key_file)
        followed = RenewedContext(files, partial(client_tls, self._tls, identity))
        if identity:
            chain = x509.load_pem_x509_certificates(identity.reveal().encode())
            self._on_identity(min(each.not_valid_after_utc for each in chain))
        return followed


def client_tls(tls: DimseTls, identity: Secret = NO_SECRET) -> ssl.SSLContext:
    """Make the context of an SCU. The PACS's certificate is verified against `ca_file`, or the system's roots.

    Raises:
        ConfigurationError: a file can't be read, is not PEM, or is no file but a pipe or device, which may block.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    use_profile(context, tls.profile)
    try:
        check_regular(tls.ca_file, tls.certificate_file, tls.private_key_file)
        if tls.ca_file:
            context.load_verify_locations(cafile=tls.ca_file)
        else:
            context.load_default_certs()
        context.check_hostname = tls.verify_host
        if identity:
            load_identity(context, identity.reveal().encode())
        elif tls.certificate_file:
            context.load_cert_chain(tls.certificate_file, tls.private_key_file or None, no_password)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of the PACS's TLS settings can't be used") from None
    return context


def server_tls(settings: DimseSettings) -> RenewedContext | None:
    """The contexts of the storage SCP, None without a certificate. Peers must show one that the CA vouches for.

    Raises:
        ConfigurationError: a file can't be read or is not PEM, or there is a certificate without a CA, or vice versa.
    """
    files = (settings.scp_certificate_file, settings.scp_private_key_file, settings.scp_ca_file)
    if bool(settings.scp_certificate_file) != bool(settings.scp_ca_file):
        raise ConfigurationError("dimse.scp_certificate_file and dimse.scp_ca_file go together")
    if not settings.scp_certificate_file:
        return None
    return RenewedContext(files, partial(_server_context, settings))


def _server_context(settings: DimseSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    use_profile(context, settings.scp_tls_profile)
    try:
        context.load_verify_locations(cafile=settings.scp_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(settings.scp_certificate_file, settings.scp_private_key_file or None, no_password)
    except (OSError, ValueError):
        raise ConfigurationError("a certificate or key file of dimse.scp_* can't be used") from None
    return context


def _look(files: Sequence[str]) -> _Look:
    return tuple(map(_state, files))


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
