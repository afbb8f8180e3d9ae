"""The server processes that `radgate serve` starts on one machine: how many, which one this is, and its share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.shared.table import MIB, Table

if TYPE_CHECKING:
    from radgate_server.settings.settings import Settings

MOST_PROCESSES = 64

_MOST_BY_DEFAULT = 4

_DIVIDED = {
    # A budget of the whole: the least that one process can work with.
    ("cache", "hot_bytes"): 0,
    ("cache", "hot_instance_bytes"): 0,
    ("cache", "warm_bytes"): 0,
    ("imaging", "workers"): 1,
    ("imaging", "derived_bytes"): 0,
    ("imaging", "max_running_jobs"): 0,
    ("imaging", "max_background_jobs"): 0,
    ("limits", "max_calls"): 4,
    ("store", "memory_bytes"): MIB,
    ("audit", "spool_bytes"): MIB,
}


class ProcessesSettings(Table):
    """Server processes of one machine behind one Envoy (operations/processes.md)."""

    count: int = Field(
        default=0,
        ge=0,
        le=MOST_PROCESSES,
        description="How many server processes `radgate serve` runs, as its option `--workers`. 0: with PostgreSQL one"
        " for each processor, 4 at most; with SQLite, without Envoy, or with `gateway.servers`, one.",
    )
    number: int = Field(
        default=-1,
        ge=-1,
        lt=MOST_PROCESSES,
        description="Which of several this is; `radgate serve` sets it for the processes that it starts. -1: none.",
    )

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "ProcessesSettings":
        if self.number >= max(0, self.count):
            raise ValueError(
                f"processes.number {self.number} needs a greater processes.count; `radgate serve` sets both"
            )
        return self

    @property
    def supervised(self) -> bool:
        """Whether this is one of several, and Envoy is run by who started it."""
        return self.number >= 0


def with_count(settings: "Settings", count: int | None) -> "Settings":
    """The settings with another `processes.count`; None: as they are."""
    if count is None:
        return settings
    return settings.model_copy(update={"processes": settings.processes.model_copy(update={"count": count})})


def number_of_processes(settings: "Settings", processors: int | None = None) -> int:
    """How many `radgate serve` runs on a machine on which it may use so many processors.

    Raises:
        ConfigurationError: several are asked for, and can't be had with these settings.
    """
    count = settings.processes.count
    has_sqlite = settings.database_url_or_default.startswith("sqlite")
    if count > 1 and has_sqlite:
        raise ConfigurationError(
            f"setting processes.count = {count}: several server processes need PostgreSQL; set database_url"
            " (docs/operations/postgresql.md), or run one with --workers 1"
        )
    if count > 1 and not settings.gateway.enabled:
        raise ConfigurationError(
            f"setting processes.count = {count}: clients reach several server processes through Envoy;"
            " set gateway.enabled, or run one with --workers 1"
        )
    if count:
        return count
    if has_sqlite or settings.gateway.servers or not settings.gateway.enabled:
        return 1
    return min(_MOST_BY_DEFAULT, processors or len(os.sched_getaffinity(0)))


def share(total: int, count: int, number: int, least: int = 0) -> int:
    """What process `number` of `count` has of `total`: all together have just that, unless it is too little.

    0 switches something off, for all of them.
    """
    return max(least, total // count + (number < total % count)) if total else 0


def with_share(settings: "Settings") -> "Settings":
    """The settings with this process's share of what is meant for all of them; outside of several, as they are."""
    processes = settings.processes
    if not processes.supervised:
        return settings
    tables: dict[str, dict[str, Any]] = {}
    for (table, name), least in _DIVIDED.items():
        total = _total(settings, table, name)
        tables.setdefault(table, {})[name] = share(total, processes.count, processes.number, least)
    changed: dict[str, Any] = {
        table: getattr(settings, table).model_copy(update=values) for table, values in tables.items()
    }
    if processes.number > 0:  # ports that are one for all
        orders = settings.prefetch.orders.model_copy(update={"port": 0})
        changed["prefetch"] = settings.prefetch.model_copy(update={"orders": orders})
        changed["dicom_listens"] = False
    return settings.model_copy(update=changed)


def _total(settings: "Settings", table: str, name: str) -> int:
    total: int = getattr(getattr(settings, table), name)
    return total or len(os.sched_getaffinity(0)) if name == "workers" else total


def folder_of_process(data_dir: Path, number: int) -> Path:
    """Where process `number` has its caches and spools: the first one where a single server has them."""
    return data_dir / "processes" / str(number) if number > 0 else data_dir
