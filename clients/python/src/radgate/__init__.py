"""Python SDK of Radgate: search and stream medical images over gRPC.

`Client` is for ordinary code, `aio.Client` for asyncio. The generated messages are in `radgate.v1`.
"""

from radgate import aio
from radgate.assembly import Progress, RetrievedFrame, RetrievedInstance
from radgate.client import Client
from radgate.errors import (
    AlreadyExistsError,
    ClientClosedError,
    CorruptDataError,
    DeadlineExceededError,
    FieldViolation,
    ImageError,
    IncompleteStudyError,
    InvalidRequestError,
    LegalHoldError,
    MissingInstance,
    NotAcceptableError,
    NotFoundError,
    PacsError,
    PermissionDeniedError,
    RadgateError,
    ResumeTokenStaleError,
    ServerError,
    UnauthenticatedError,
    UnavailableError,
)
from radgate.requests import DoubtfulAnswerWarning, PartialAnswerWarning
from radgate.retrieval import AsyncRetrieval, Retrieval
from radgate.storing import StoreReport, StoreResult
from radgate.transcoding import TranscodedFrame, TranscodedInstance
from radgate.view_frames import AsyncServerStreamView, ServerStreamView
from radgate.viewing import AsyncView, View, ViewedFrame

__all__ = [
    "AlreadyExistsError",
    "AsyncRetrieval",
    "AsyncServerStreamView",
    "AsyncView",
    "Client",
    "ClientClosedError",
    "CorruptDataError",
    "DeadlineExceededError",
    "DoubtfulAnswerWarning",
    "FieldViolation",
    "ImageError",
    "IncompleteStudyError",
    "InvalidRequestError",
    "LegalHoldError",
    "MissingInstance",
    "NotAcceptableError",
    "NotFoundError",
    "PacsError",
    "PartialAnswerWarning",
    "PermissionDeniedError",
    "Progress",
    "RadgateError",
    "ResumeTokenStaleError",
    "Retrieval",
    "RetrievedFrame",
    "RetrievedInstance",
    "ServerError",
    "ServerStreamView",
    "StoreReport",
    "StoreResult",
    "TranscodedFrame",
    "TranscodedInstance",
    "UnauthenticatedError",
    "UnavailableError",
    "View",
    "ViewedFrame",
    "aio",
]
