"""Notices of jobs by NATS JetStream."""

from radgate_server.adapters.jobs.nats.connecting import NatsAccess, open_nats_notices
from radgate_server.adapters.jobs.nats.notices import NatsJobNotices
from radgate_server.adapters.jobs.nats.session import StreamSetup

__all__ = ["NatsAccess", "NatsJobNotices", "StreamSetup", "open_nats_notices"]
