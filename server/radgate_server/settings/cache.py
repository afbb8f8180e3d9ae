"""What is cached, how much of it and for how long."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from radgate_server.settings.shared.redis import RedisTierSettings
from radgate_server.settings.shared.table import GIB, MIB, Seconds, Table


class S3Settings(Table):
    """Instances in an object store, which all servers of the database share (docs/operations/s3.md)."""

    bucket: str = Field(default="", description="The bucket; it has to be there. Empty: no object store is used.")
    endpoint: str = Field(default="", description="Such as http://127.0.0.1:8333; empty: that of AWS for the region.")
    region: str = Field(default="us-east-1", description="Region of the bucket.")
    prefix: str = Field(default="radgate", description="What keys of objects begin with.")
    access_key_id_file: Path | None = Field(
        default=None,
        description="File that holds the access key's id; without it AWS_* variables or the machine's profile count.",
    )
    secret_access_key_file: Path | None = Field(default=None, description="File that holds the access key's secret.")
    anonymous: bool = Field(default=False, description="Sign no request: for a store that asks for no credentials.")
    limit_bytes: int = Field(default=1024 * GIB, ge=0, description="What all tenants may have there.")
    max_age_days: float = Field(default=90, gt=0, description="Packs that are older are deleted.")
    pack_bytes: int = Field(
        default=32 * MIB, ge=MIB, le=64 * MIB, description="An object holds about so many bytes of a study at most."
    )
    pause_s: Seconds = Field(
        default=2, description="How long nothing may arrive of a study before what did arrive is uploaded."
    )
    timeout_s: Seconds = Field(
        default=5, description="How long the store may take for an answer; then the PACS is asked instead."
    )


class CacheSettings(Table):
    """The cache tiers."""

    hot_bytes: int = Field(default=256 * MIB, ge=0, description="Memory for ready-made answers.")
    hot_instance_bytes: int = Field(
        default=64 * MIB, ge=0, description="Memory for whole instances that are read again and again."
    )
    hot_entry_bytes: int = Field(default=32 * MIB, ge=0, description="Larger answers are not cached in memory.")
    warm_bytes: int = Field(default=20 * GIB, ge=0, description="Disk for instances, below data_dir/warm.")
    s3: S3Settings = S3Settings()
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
    redis: RedisTierSettings = RedisTierSettings()
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

    @model_validator(mode="after")
    def _packs_have_keys_and_a_disk(self) -> "CacheSettings":
        if self.s3.bucket and not (self.encrypted and self.warm_bytes):
            raise ValueError("s3.bucket needs encrypted = true, and warm_bytes above 0: packs are made of sealed files")
        return self

    @model_validator(mode="after")
    def _shares_nothing_in_the_clear(self) -> "CacheSettings":
        if self.redis.url.get_secret_value() and not self.encrypted:
            raise ValueError(
                "cache.redis.url needs cache.encrypted = true: what is shared is encrypted under study keys"
            )
        return self
