"""Times and spans as protobuf's well-known types."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(time: datetime) -> Timestamp:
    """Render a point in time."""
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def from_timestamp(timestamp: Timestamp) -> datetime:
    """Read a point in time.

    Raises:
        ValueError: it lies outside of the years 1 to 9999.
    """
    return timestamp.ToDatetime(UTC)


def to_duration(seconds: float) -> Duration:
    """Render a span of time."""
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=seconds))
    return duration


def from_duration(duration: Duration) -> float:
    """Read a span of time, in seconds."""
    return duration.seconds + duration.nanos / 1e9
