"""Adapters of the queue of jobs. `MemoryJobQueue` runs them in this process; they end with it."""

from radgate_server.adapters.jobs.memory import MemoryJobQueue

__all__ = ["MemoryJobQueue"]
