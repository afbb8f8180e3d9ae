"""What is cached, how much of it and for how long."""

from typing import Annotated

from pydantic import Field

from radgate_server.settings.shared.table import GIB, MIB, Seconds, Table


class CacheSettings(Table):
    """The cache tiers."""

    hot_bytes: int = Field(default=256 * MIB, ge=0, description="Memory for ready-made answers.")
    hot_instance_bytes: int = Field(
        default=64 * MIB, ge=0, description="Memory for whole instances that are read again and again."
    )
    hot_entry_bytes: int = Field(default=32 * MIB, ge=0, description="Larger answers are not cached in memory.")
    warm_bytes: int = Field(default=20 * GIB, ge=0, description="Disk for instances, below data_dir/warm.")
    tenant_shares: dict[str, Annotated[float, Field(gt=0, le=1000)]] = Field(
        default={},
        description="By tenant, how many times the share of others it has of each tier, in memory and on disk; 1 for"
        " those not named. What a tenant leaves unused, others borrow.",
    )
    encrypted: bool = Field(
        default=True,
        description="Encrypt what is cached on disk under a key for each study, so that it can be erased permanently."
        " When this changes, what is there is dropped.",
    )
    query_ttl_s: float = Field(
        default=5, ge=0, description="How long a query's answer is given again; 0 asks the PACS each time."
    )
    paging_ttl_s: float = Field(
        default=300, ge=0, description="How long an answer is cached for its next pages, since the last page was read."
    )
    route_ttl_s: float = Field(
        default=3600, ge=0, description="How long it is remembered which PACS hold a study, when there are several."
    )
    listing_ttl_s: float = Field(default=30, ge=0, description="How long a study's list of instances is trusted.")
    revalidate_after_s: float = Field(
        default=300,
        ge=0,
        description="How long what is cached of a study is served before its PACS is asked whether it changed; 0 asks"
        " each time.",
    )
    revalidate_wait_s: float = Field(
        default=5,
        ge=0,
        description="How long a request waits for that answer; then, and when the PACS can't be asked, what is cached"
        " is served with a warning.",
    )
    revalidate_retry_s: Seconds = Field(
        default=5, description="How long after a PACS could not be asked about a study it is asked again."
    )
    access_history_days: int = Field(
        default=90,
        ge=0,
        le=3650,
        description="For how many days the database has which studies were accessed, by hour; 0: no such history.",
    )
    access_history_interval_s: Seconds = Field(
        default=10,
        description="Time between two writings of it; what was counted since the last one is lost when a server is"
        " killed.",
    )
