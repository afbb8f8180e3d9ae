"""How a process uses the database."""

from pydantic import Field

from radgate_server.settings.shared.table import Table

_RESERVED = 1
"""Connections that are not for the threads that answers wait for: the audit trail's spool has one."""


class DatabaseSettings(Table):
    """Connections and time-outs. Those but `connections` hold for PostgreSQL; 0 means none."""

    connections: int = Field(
        default=5,
        ge=2,
        le=100,
        description="Connections of one process at most; all processes of all servers together must stay below"
        " PostgreSQL's max_connections.",
    )
    connect_timeout_s: int = Field(default=5, ge=1, le=60, description="For a connection to PostgreSQL to be made.")
    statement_timeout_s: int = Field(
        default=10, ge=0, le=3600, description="After so long PostgreSQL ends a statement, but for migrations."
    )
    lock_timeout_s: int = Field(
        default=10, ge=0, le=3600, description="After so long PostgreSQL ends a statement that waits for a lock."
    )
    idle_transaction_timeout_s: int = Field(
        default=60,
        ge=0,
        le=3600,
        description="After so long PostgreSQL ends a transaction in which nothing happens, such as that of a process"
        " that stands still, so that others need not wait for what it locks.",
    )

    @property
    def threads(self) -> int:
        """How many statements of answers run at the same time."""
        return self.connections - _RESERVED
