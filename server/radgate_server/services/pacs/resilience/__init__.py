"""What stands between Radgate and a PACS that is slow, full or down: limits, repetition, circuit breakers."""

from radgate_server.services.pacs.resilience.guard import PacsGuard

__all__ = ["PacsGuard"]
