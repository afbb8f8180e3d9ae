"""Every way in which Radgate fails, as exceptions. `rpc/errors.py` has the one table that turns them into status.

Messages are for the caller: they say what went wrong and what to do, and hold no patient data, no text of a PACS
and no path of this machine.
"""


class GatewayError(Exception):
    """Root of all failures that Radgate foresees. `details` become the metadata of the error's ErrorInfo."""

    def __init__(self, message: str, **details: str) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidArgumentError(GatewayError):
    """A field of the request is malformed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", field=field)
        self.field = field
        self.description = message


class NotAcceptableError(GatewayError):
    """None of the media types or transfer syntaxes that the client accepts can be made."""


class UnsupportedMediaTypeError(GatewayError):
    """What the client sends, or a part of it, is of a media type that can't be taken."""


class RangeNotSatisfiableError(GatewayError):
    """A byte range lies outside of the object; `size_bytes` is the object's size."""

    def __init__(self, message: str, *, size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class UnauthenticatedError(GatewayError):
    """There is no credential, or it is not good. `why` is for log and audit trail alone, never for the caller."""

    def __init__(self, message: str, *, why: str = "") -> None:
        super().__init__(message)
        self.why = why


class TooManyFailuresError(GatewayError):
    """Too many wrong credentials came from the caller's address; `retry_after_s` says when the next may be tried.

    `why` says for log and audit trail what was wrong with this one.
    """

    def __init__(self, message: str, *, retry_after_s: float, why: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.why = why


class IdentityProviderUnreachableError(GatewayError):
    """The identity provider's keys are unavailable, so no token of it can be checked."""


class ClientAddressNotAllowedError(GatewayError):
    """The tenant, or the key, is not to be used from the client's address. Nothing is said of what is allowed."""


class LimitError(GatewayError):
    """A limit of the caller's tenant or key is reached. Never raised itself.

    `quota` is what the limit allows in `window_s` seconds (None: at the same time). `retry_after_s` says when there is
    room again, None when that is unknown.
    """

    def __init__(
        self, message: str, *, quota: int, window_s: float | None, retry_after_s: float | None = None, **details: str
    ) -> None:
        super().__init__(message, **details)
        self.quota = quota
        self.window_s = window_s
        self.retry_after_s = retry_after_s


class RateExceededError(LimitError):
    """Requests come faster than the tenant or the key may send them."""


class ConcurrencyExceededError(LimitError):
    """As many requests of the tenant or the key run as may run at the same time."""


class QuotaExceededError(LimitError):
    """The tenant or the key has used up what it may use in a day."""


class RoleNotAllowedError(GatewayError):
    """The credential's role may not do this, or it has none. `why` is for log and audit trail alone."""

    def __init__(self, message: str, *, why: str = "", **details: str) -> None:
        super().__init__(message, **details)
        self.why = why


class RestrictedCredentialError(GatewayError):
    """The credential is for some studies alone, and this is not done study by study."""


class TenantNotAllowedError(GatewayError):
    """The credential may not use this tenant (or there is no such tenant; the two look alike)."""


class ObjectNotFoundError(GatewayError):
    """No PACS of the tenant has the study, series, instance, frame or bulk data."""


class ObjectRejectedError(GatewayError):
    """A rejection note hides the study, series or instance, as the tenant wants it."""


class ResourceNotFoundError(GatewayError):
    """No tenant, key or PACS of that name."""


class ViewElsewhereError(GatewayError):
    """The view of frames was opened at another server, which may still be sending it."""


class ResourceExistsError(GatewayError):
    """A tenant, key or PACS of that name exists already."""


class NoPacsConfiguredError(GatewayError):
    """The tenant has no PACS to ask."""


class PacsError(GatewayError):
    """A PACS failed; `details["pacs"]` names it. Never raised itself."""

    def __init__(self, message: str, *, pacs: str, **details: str) -> None:
        super().__init__(message, pacs=pacs, **details)
        self.pacs = pacs


class PacsUnreachableError(PacsError):
    """No connection: refused, unreachable, name not found."""


class PacsTlsFailedError(PacsError):
    """The TLS handshake failed: a certificate, an authority, a name, a suite; the message says which and what to do."""


class PacsRejectedError(PacsError):
    """The PACS rejected the association (PS3.8 9.3.4): AE title, policy, or a limit of its own.

    `details["rejection"]` is "called-aet" or "calling-aet" when that is the AE title that it does not recognise.
    """


class PacsNoContextError(PacsError):
    """The PACS accepts no presentation context that the operation needs."""


class PacsTimeoutError(PacsError):
    """The PACS fell silent for longer than its idle time-out."""


class PacsAbortedError(PacsError):
    """The PACS broke the connection in the middle of an operation.

    `over_instance`: it did so over an instance that it had received whole, and may do with every other one as asked.
    """

    def __init__(self, message: str, *, pacs: str, over_instance: bool = False, **details: str) -> None:
        super().__init__(message, pacs=pacs, **details)
        self.over_instance = over_instance


class PacsFailedError(PacsError):
    """The PACS answered with a failure status, or with something that breaks the standard."""


class PacsBusyError(PacsError):
    """All associations to the PACS are in use for longer than the caller can wait, or it has no room for one now."""


class PacsCannotError(PacsError):
    """The PACS can't do this at all, such as storing into a read-only folder."""


class PacsCredentialsError(PacsError):
    """The PACS refuses the credentials that it was configured with."""


class PacsCircuitOpenError(PacsError):
    """The PACS failed too often recently and is not asked for now; the circuit breaker will try it again soon.

    `retry_after_s` says when, None when that is unknown.
    """

    def __init__(self, message: str, *, pacs: str, retry_after_s: float | None = None, **details: str) -> None:
        super().__init__(message, pacs=pacs, **details)
        self.retry_after_s = retry_after_s


class SecretUnavailableError(PacsError):
    """The PACS's credential can't be read: its reference leads nowhere, or the key that it is sealed under is gone."""


class InstanceNotSentError(PacsError):
    """The PACS lists the instance but did not send it."""


class InstanceMismatchError(PacsError):
    """The PACS sent another instance in place of the one that it lists: other UIDs stand in the data set."""


class AddressNotAllowedError(GatewayError):
    """The host lies in a private network that the operator has not opened (setting `pacs.allowed_networks`)."""


class ValidationFailedError(GatewayError):
    """The PACS did not pass its validation and was not saved; the message says what failed and what to do."""


class ResumeTokenStaleError(GatewayError):
    """The study has changed since the stream that is to be resumed; begin it again."""


class InstanceMalformedError(GatewayError):
    """The instance's bytes can't be read as a DICOM object: truncated, too deep, absurd lengths."""


class InstanceTooLargeError(GatewayError):
    """An instance that a client sends is larger than the operator allows (setting `store.max_instance_bytes`)."""


class ImageTooLargeError(GatewayError):
    """A frame, or the picture that is asked for, is larger than the operator allows (section `imaging`)."""


class CodecFailedError(GatewayError):
    """The codec crashed on this image, or took too long or too much memory; other images are served on."""


class ImageWorkersBusyError(GatewayError):
    """More images wait for a worker than the operator allows (setting `imaging.max_waiting`)."""


class JobQueueFullError(GatewayError):
    """More jobs of the tenant wait than the operator allows (setting `imaging.max_waiting_jobs`)."""


class SpoolFullError(GatewayError):
    """There is no room to hold an instance in transit to the PACS."""


class StorageFullError(GatewayError):
    """A cache tier can't take more; the caller continues without it. Never leaves the services."""


class CorruptEntryError(GatewayError):
    """A cache tier's bytes fail their checksum; the entry is gone, fetch again. Never leaves the services."""


class AuditUnavailableError(GatewayError):
    """The access could not be recorded, so nothing may be served."""


class RetentionTooShortError(GatewayError):
    """A rule would keep records of the audit trail for a shorter time than the installation does at least."""


class LegalHoldError(GatewayError):
    """A legal hold keeps what is to be erased, or the tenant that is to be deleted; it has to be released before."""


class DatabaseUnavailableError(GatewayError):
    """The database can't be reached."""


class NotDeliveredError(GatewayError):
    """A receiver of alerts, records or the edge did not take something; `passing` if it may take it later.

    Never leaves the services.
    """

    def __init__(self, message: str, *, passing: bool = True) -> None:
        super().__init__(message)
        self.passing = passing


class KeyProviderUnavailableError(GatewayError):
    """The provider of keys or secrets (AWS, Vault) does not answer, or refuses this server."""


class ServerOverloadedError(GatewayError):
    """As many calls are in flight as may be (setting `limits.max_calls`); `retry_after_s` says when fewer will be."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerStoppingError(GatewayError):
    """The server is about to stop: it takes no new call, and ends those that last longer than `drain_s`."""


class ConfigurationError(GatewayError):
    """A setting, a key file or a folder is not usable; stops the start with one clear line."""


_OTHER_REASONS: dict[type[GatewayError], str] = {
    PacsCredentialsError: "PACS_CREDENTIALS_REFUSED",
    ValidationFailedError: "PACS_VALIDATION_FAILED",
}


def reason_of(error: GatewayError) -> str:
    """The error's name in the catalogue (error_reason.proto): PacsUnreachableError is PACS_UNREACHABLE."""
    return reason_of_kind(type(error))


def reason_of_kind(kind: type[GatewayError]) -> str:
    """The name in the catalogue of all errors of this kind."""
    if reason := _OTHER_REASONS.get(kind):
        return reason
    name = kind.__name__.removesuffix("Error")
    return "".join("_" + letter if letter.isupper() else letter for letter in name).lstrip("_").upper()
