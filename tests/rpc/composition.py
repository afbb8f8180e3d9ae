"""What the rig puts in place of adapters, and its settings."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from radgate_server.adapters.secrets.signing import FileSigner
from radgate_server.app import Overrides
from radgate_server.app.foundation import Tiers
from radgate_server.installation.administration import Network
from radgate_server.installation.opening import AuditStore, Directories, Installation, Secrets
from radgate_server.installation.retention import RetentionStore
from radgate_server.services.cache.tier_reports import TierReports
from radgate_server.settings.settings import Settings
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.retention import RecordedTrail
from tests.rpc.callers import AUTH, GATEWAY_SECRET

if TYPE_CHECKING:
    from tests.rpc.rig import Rig

CHUNK_BYTES = 16 * 1024
MAX_UPLOAD_BYTES = 1 << 20
MAX_PIXELS = 1 << 20
REVALIDATE_AFTER_S = 300


def rig_settings(data_dir: Path, max_calls: int, **settings: Any) -> Settings:
    return Settings.model_validate(
        {
            **settings,
            "data_dir": data_dir,
            "drain_s": 0,
            "grpc_port": 0,
            "dicom_port": 0,
            "metrics_port": 0,
            "gateway": {"enabled": False, "shared_secret": GATEWAY_SECRET},
            "auth": AUTH,
            "cache": {"revalidate_wait_s": 0.5},
            "pacs": {"max_retries": 0, "query_deadline_s": 10, "allowed_networks": ["10.0.0.0/8"]},
            "retrieve": {
                "chunk_bytes": CHUNK_BYTES,
                "window_bytes": 1 << 20,
                "stall_s": 5,
                "max_results": 100,
                "max_listed_instances": 1000,
            },
            "store": {"max_instance_bytes": MAX_UPLOAD_BYTES, "memory_bytes": 1 << 20, "parallel": 2},
            "imaging": {
                "workers": 1,
                "max_rendered_pixels": MAX_PIXELS,
                "max_waiting_jobs": 10,
                "background_thumbnails": False,
            },
            "limits": {"max_calls": max_calls},
            "quarantine": {"tenant_entries": 10},
            "reports": {
                "pdf_rows": 100,
                "receivers": [{"kind": "folder", "name": "archive", "folder": data_dir, "tenants": ["east"]}],
            },
        }
    )


def rig_overrides(rig: "Rig", data_dir: Path) -> Overrides:
    by_name = {"hot": rig.hot, "warm": rig.store, "derived": rig.derived}
    return Overrides(
        clock=rig.clock,
        factories=dict.fromkeys(("folder", "dimse", "dicomweb", "orthanc"), rig.connect),
        installation=_installation(rig),
        tiers=Tiers(
            rig.shared or rig.hot,
            rig.derived,
            rig.store,
            rig.states,
            by_name,
            {"derived": rig.derived},
            _reports(rig),
            shared_answers=rig.shared,
        ),
        quarantine=rig.quarantine,
        workers=rig.workers,
        tokens=rig.tokens,
        network=Network(rig.resolve, rig.dial),
        telemetry=rig.telemetry,
        limit_telemetry=rig.limit_telemetry,
        limit_sleep=rig.nap,
        job_sleep=rig.pauses,
        background=False,
    )


def _reports(rig: "Rig") -> TierReports:
    stores = {} if rig.shared is None else {"redis": rig.shared.store_usage}
    return TierReports((rig.hot.usage, rig.store.usage, rig.derived.usage), rig.clock, {"warm": rig.ages}, stores)


@cache
def _signer() -> FileSigner:
    """One key for all tests: a new one would wait for the disk each time."""
    with TemporaryDirectory() as folder:
        return FileSigner(Path(folder))


def _installation(rig: "Rig") -> Installation:
    """In memory; nothing of the tiers is encrypted."""
    directory, keys, kept = rig.directory, rig.keys, rig.retention
    return Installation(
        directories=Directories(
            tenants=directory,
            keys=directory,
            pacs=directory,
            failover=directory,
            statuses=directory,
            feed=directory,
            limits=directory,
            usage=rig.ledger,
            jobs=rig.jobs,
            members=rig.members,
            holders=rig.holders,
            accesses=rig.accesses,
            packs=MemoryPackIndex(rig.clock.now),
            prefetched=rig.prefetched,
            prior_rules=rig.prior_rules,
            feed_readers=rig.feed_readers,
        ),
        secrets=Secrets(box=rig.box, ring=keys, sealed=keys, reader=keys, peers=bytes(32)),
        audit=AuditStore(
            sink=rig.audit,
            writing_end=SimpleNamespace(recorded={}, waiting=0, lag_s=0.0, spooled=None),
            trail=RecordedTrail(rig.audit),
            signer=_signer(),
            records=rig.audit_records,
            exports=SimpleNamespace(),
            imports=SimpleNamespace(),
            schedules=rig.schedules,
            left=SimpleNamespace(take_over=lambda: 0),
        ),
        retention=RetentionStore(kept, kept, kept, kept, kept, None),
    )
