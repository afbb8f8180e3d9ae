"""Opening an association to a PACS (PS3.8 7.1), and what its failure means."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cryptography import x509
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation, UserIdentityNegotiation
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.transport import AddressInformation

from radgate_server.adapters.pacs.destinations import ANYWHERE, REFUSED, AddressRefusedError, Destinations
from radgate_server.adapters.pacs.dimse.association.credentials import PresentedCredentials
from radgate_server.adapters.pacs.dimse.transport.sockets import QuickSocket
from radgate_server.adapters.pacs.dimse.transport.tls import ClientTls
from radgate_server.adapters.pacs.dimse.transport.tls_failures import explain_tls
from radgate_server.adapters.pacs.dimse.transport.upper_layer import QuickAssociation
from radgate_server.core.dicom.dataset.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from radgate_server.core.errors import (
    ConfigurationError,
    PacsAbortedError,
    PacsBusyError,
    PacsError,
    PacsNoContextError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsTlsFailedError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.secrets.secret import Secret
from radgate_server.core.telemetry.certificates import Use
from radgate_server.settings.pacs import DimseSettings

_REJECTIONS = {
    # (source, reason): PS3.8 table 9-21
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given by its ACSE",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
_REJECTED_TRANSIENT = 2
_ACSE_WITHOUT_REASON = (2, 1)
_UNRECOGNISED = {(1, 3): "calling-aet", (1, 7): "called-aet"}


type ExpiryListener = Callable[[Use, datetime], None]
"""Receives until when a certificate is good that the PACS has shown, or that it is shown; in any thread."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context to propose: an abstract syntax, transfer syntaxes, and whether we are its SCP too."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    as_scp: bool = False


class Associator:
    """Opens associations to one PACS. Blocks: call it from a thread."""

    def __init__(
        self,
        pacs: str,
        connection: DimseConnection,
        settings: DimseSettings,
        on_certificate: ExpiryListener,
        destinations: Destinations = ANYWHERE,
    ) -> None:
        self._pacs = pacs
        self._on_certificate = on_certificate
        self._destinations = destinations
        self._connection = connection
        self._settings = settings
        self._ae = AE(connection.calling_aet)
        self._ae.acse_timeout = settings.connect_timeout_s
        self._ae.connection_timeout = settings.connect_timeout_s
        self._ae.network_timeout = None
        self._tls = ClientTls(connection.tls, partial(on_certificate, Use.PACS_CLIENT)) if connection.tls else None

    def open(self, proposals: Sequence[Proposal], shown: PresentedCredentials) -> QuickAssociation:
        """Open an association with at least one accepted context; the pass code goes with the user name.

        Raises:
            PacsError: unreachable, rejected, aborted, silent, or without a context.
        """
        association = self._prepare(proposals, shown)
        try:
            association.request()
            self._report_certificate(association)
            if not association.is_established:
                raise self._failure(association)
        except BaseException:
            association.cut()
            raise
        return association

    def _prepare(self, proposals: Sequence[Proposal], shown: PresentedCredentials) -> QuickAssociation:
        connection, settings = self._connection, self._settings
        tls_args = self._secure_by(shown.identity)  # before there is a socket, which a failure would leave open
        association = QuickAssociation(self._ae, "requestor", max_data_set_bytes=settings.max_instance_bytes)
        association.acceptor.ae_title = connection.called_aet
        association.acceptor.address_info = remote = self._resolve()
        local = AddressInformation("0.0.0.0" if remote.is_ipv4 else "::", 0)  # noqa: S104 - any outgoing address
        requestor = association.requestor
        requestor.address_info = local
        requestor.ae_title = connection.calling_aet
        requestor.maximum_length = settings.max_pdu_bytes
        requestor.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        requestor.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        for item in self._negotiation(proposals, shown.passcode):
            requestor.add_negotiation_item(item)
        requestor.requested_contexts = [_context(number, item) for number, item in enumerate(proposals)]
        sock = QuickSocket(association, address=local)
        sock.tls_args = tls_args
        association.set_socket(sock)
        return association

    def _secure_by(self, identity: Secret) -> tuple[ssl.SSLContext, str] | None:
        """The context, and the name that the PACS's certificate must have."""
        if self._tls is None or self._connection.tls is None:
            return None
        try:
            return self._tls.current(identity), self._connection.tls.server_name or self._connection.host
        except ConfigurationError as error:
            raise PacsTlsFailedError(error.message, pacs=self._pacs) from None

    def _report_certificate(self, association: QuickAssociation) -> None:
        """Report until when the certificate is good that the PACS has shown, and that has been verified."""
        sock = association.dul.socket
        if isinstance(sock, QuickSocket) and sock.certificate:
            self._on_certificate(Use.PACS_SERVER, x509.load_der_x509_certificate(sock.certificate).not_valid_after_utc)

    def _resolve(self) -> AddressInformation:
        host, port = self._connection.host, self._connection.port
        try:
            address = host if self._destinations.is_any else self._destinations.resolve(host, port)[0]
            return AddressInformation(address, port)  # holds the address, which is then dialled, and not the name
        except AddressRefusedError:
            raise PacsUnreachableError(REFUSED, pacs=self._pacs) from None
        except (OSError, UnicodeError):
            raise PacsUnreachableError("the PACS's host name can't be resolved", pacs=self._pacs) from None

    def _negotiation(
        self, proposals: Sequence[Proposal], passcode: Secret
    ) -> list[SCP_SCU_RoleSelectionNegotiation | UserIdentityNegotiation]:
        items: list[SCP_SCU_RoleSelectionNegotiation | UserIdentityNegotiation] = []
        for abstract_syntax in dict.fromkeys(item.abstract_syntax for item in proposals if item.as_scp):
            role = SCP_SCU_RoleSelectionNegotiation()
            role.sop_class_uid, role.scu_role, role.scp_role = abstract_syntax, False, True
            items.append(role)
        if self._connection.username:
            items.append(_user_identity(self._connection.username, passcode))
        return items

    def _failure(self, association: QuickAssociation) -> PacsError:
        pacs, answer, sock = self._pacs, _answer(association), association.dul.socket
        if isinstance(sock, QuickSocket):
            tls_error = sock.tls_error or sock.connect_error
            if isinstance(tls_error, ssl.SSLError):
                return PacsTlsFailedError(explain_tls(tls_error), pacs=pacs)
            if sock.connect_error is not None:
                return PacsUnreachableError(_unreachable(sock.connect_error), pacs=pacs)
        if isinstance(answer, A_ASSOCIATE) and answer.result == 0:
            return PacsNoContextError("the PACS accepts none of the presentation contexts that are needed", pacs=pacs)
        if isinstance(answer, A_ASSOCIATE):
            return _rejection(answer, pacs, by_user=bool(self._connection.username))
        if association.gave_up:
            return PacsTimeoutError("the PACS did not answer the association request in time", pacs=pacs)
        return PacsAbortedError("the PACS broke the connection instead of answering the association request", pacs=pacs)


def _answer(association: QuickAssociation) -> object:
    """The answer to the request; a rejection also when it was faster than pynetdicom, which then did not look at it."""
    waiting = list(association.dul.to_user_queue.queue)
    rejections = (each for each in waiting if isinstance(each, A_ASSOCIATE) and each.result != 0)
    return association.acceptor.primitive or next(rejections, None)


def _context(number: int, proposal: Proposal) -> PresentationContext:
    context = build_context(proposal.abstract_syntax, list(proposal.transfer_syntaxes))
    context.context_id = 2 * number + 1  # odd, from 1 to 255 (PS3.8 9.3.2.2)
    return context


def _user_identity(username: str, passcode: Secret) -> UserIdentityNegotiation:
    """User Identity Negotiation (PS3.7 D.3.3.7): type 1 is a user name, type 2 has a passcode too."""
    item = UserIdentityNegotiation()
    item.user_identity_type = 2 if passcode else 1
    item.primary_field = username.encode()
    if passcode:
        item.secondary_field = passcode.reveal().encode()
    return item


def _rejection(answer: A_ASSOCIATE, pacs: str, *, by_user: bool) -> PacsError:
    """A transient rejection (PS3.8 9.3.4, result 2) is a PACS that has no room now, unless it is about who asks.

    That is an AE title or, where a user name was sent, an ACSE that gives no reason (PS3.7 D.3.3.7 has no code for it).
    """
    code = (answer.result_source or 0, answer.diagnostic or 0)
    permanence = "permanently" if answer.result == 1 else "for now"
    text = f"the PACS rejected the association {permanence}: {_REJECTIONS.get(code, 'no known reason')}"
    culprit = _UNRECOGNISED.get(code)
    is_about_user = by_user and code == _ACSE_WITHOUT_REASON
    if answer.result == _REJECTED_TRANSIENT and not (culprit or is_about_user):
        return PacsBusyError(text, pacs=pacs)
    return PacsRejectedError(text, pacs=pacs, **({"rejection": culprit} if culprit else {}))


def _unreachable(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "the PACS did not answer at its address in time"
    if isinstance(error, ConnectionRefusedError):
        return "the PACS's machine refused the connection: nothing listens on the port"
    return "the PACS can't be reached at its address"
