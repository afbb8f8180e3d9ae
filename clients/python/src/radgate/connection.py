"""How both clients reach the server, and when they try again."""

import random

import grpc

from radgate.errors import RadgateError

MIB = 1 << 20

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", 64 * MIB),  # headers of a large multi-frame instance are one message
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 500),  # a server that starts again is back within seconds
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
MAX_ATTEMPTS = 3
STUDY_HEADER = "study-instance-uid"
MAX_RETRY_DELAY_S = 30.0

type Tls = bool | grpc.ChannelCredentials
"""False is plain text, True trusts the system's certification authorities, credentials are grpc's own."""

type Metadata = tuple[tuple[str, str], ...]


def credentials_of(tls: Tls) -> grpc.ChannelCredentials | None:
    """The channel's credentials, None for plain text."""
    if tls is True:
        return grpc.ssl_channel_credentials()
    return tls or None


def metadata_of(api_key: str, tenant: str | None) -> Metadata:
    """What goes with every call: grpc's call credentials would refuse to work without TLS, as on one machine."""
    authorization = (("authorization", f"Bearer {api_key}"),)
    return (*authorization, ("x-tenant-id", tenant)) if tenant else authorization


def about_study(metadata: Metadata, request: object, study: str = "") -> Metadata:
    """`metadata`, and the study that `request` is about: itself, by its reference, or by what it opens; else `study`.

    Of several servers the gateway then asks the one that has the study; any other would have to fetch it first.
    """
    parts = (request, getattr(request, "ref", None), getattr(request, "open", None))
    named = study or next(filter(None, (getattr(part, "study_instance_uid", "") for part in parts)), "")
    return (*metadata, (STUDY_HEADER, named)) if named else metadata


def retry_delay_s(error: RadgateError, attempt: int, attempts: int = MAX_ATTEMPTS) -> float | None:
    """Seconds to wait before trying a unary call again, None to give up; `attempt` counts from 1 to `attempts`.

    Only what the server says will pass is retried, and a little later than it says, so that clients that failed
    together do not come back together.
    """
    if error.code is not grpc.StatusCode.UNAVAILABLE or error.retry_after_s is None or attempt >= attempts:
        return None
    if error.retry_after_s > MAX_RETRY_DELAY_S:
        return None
    return error.retry_after_s * random.uniform(1.0, 1.25)  # noqa: S311 (jitter, no secret)
