"""The part of the settings that is about answers which servers share in Redis."""

from pydantic import Field, SecretStr

from radgate_server.settings.shared.table import MIB, Seconds, Table


class RedisTierSettings(Table):
    """Redis, in which servers share small answers: of queries, metadata, pictures, thumbnails, frames."""

    url: SecretStr = Field(
        default=SecretStr(""),
        description="Redis in which servers share answers, as in rediss://user:password@host:6379/0; empty: each server"
        " has its own. Needs `cache.encrypted` and the extra `redis` (installing.md).",
    )
    entry_bytes: int = Field(default=MIB, ge=0, le=64 * MIB, description="Larger answers are not shared.")
    ttl_s: Seconds = Field(
        default=3600, le=7 * 86400, description="How long an answer is shared; of queries and metadata less."
    )
    timeout_s: Seconds = Field(
        default=0.05, le=5, description="How long a request waits for Redis; then it continues without."
    )
