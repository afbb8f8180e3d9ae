"""Every metric that the server has, by what it reports: the one list, from which docs/metrics.md is made.

A new metric is a row here, and a method of `Telemetry` that reports it. No label takes endless values: methods, codes,
operations and causes are ours, receivers are configured; tenants and PACS are named up to a number (families.py).
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Prometheus's types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One metric. `collected` means that its values are made when it is read, by a collector."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    collected: bool = False

    @property
    def shown_name(self) -> str:
        """Its name as Prometheus has it."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

SECTIONS: Mapping[str, tuple[Metric, ...]] = {
    "Calls": (
        Metric("radgate_rpc", _C, ("method", "code"), "Calls that ended, by gRPC status code.", True),
        Metric("radgate_rpc_seconds", _H, ("method",), "How long calls took, streams to their end.", True),
        Metric("radgate_rpc_first_byte_seconds", _H, ("method",), "Until the first byte of a retrieve left.", True),
        Metric("radgate_gateway_answers", _C, ("class",), "Envoy's answers to clients by class of status.", True),
        Metric(
            "radgate_gateway_own_answers",
            _C,
            ("reason",),
            "Answers, and broken connections, that came from Envoy in the server's place.",
            True,
        ),
        Metric("radgate_tenant_rpc", _C, ("tenant", "code"), "Calls of a tenant that ended.", True),
        Metric("radgate_tenant_calls", _G, ("tenant",), "Calls of a tenant that are in progress.", True),
        Metric("radgate_tenant_connections", _G, ("tenant",), "Client connections that they came over.", True),
    ),
    "PACS": (
        Metric("radgate_pacs_up", _G, ("tenant", "pacs"), "Whether the last probe went well."),
        Metric("radgate_pacs_down", _G, ("tenant", "pacs", "reason"), "1 while probes fail, with the error's reason."),
        Metric("radgate_pacs_on_backup", _G, ("tenant", "pacs"), "1 while a backup does the work of this primary."),
        Metric("radgate_pacs_calls", _C, ("tenant", "pacs", "operation", "outcome"), "Operations that ended."),
        Metric("radgate_pacs_call_seconds", _H, ("tenant", "pacs", "operation"), "How long operations took."),
        Metric("radgate_pacs_received_bytes", _C, ("tenant", "pacs"), "Bytes of instances from a PACS."),
        Metric("radgate_peer_instances", _C, (), "Instances that another server sent, and no PACS was asked for."),
        Metric("radgate_peer_received_bytes", _C, (), "Bytes of these instances."),
        Metric("radgate_study_takeovers", _C, (), "Studies taken over from a server that failed to send them."),
        Metric(
            "radgate_pacs_instances_refused",
            _C,
            ("tenant", "pacs", "reason"),
            "Instances not taken from a PACS: another than was listed, or not readable to their end.",
        ),
        Metric(
            "radgate_pacs_patient_mismatches",
            _C,
            ("tenant", "pacs"),
            "Instances taken that name another patient than the PACS's listing, or than others of their study.",
        ),
        Metric("radgate_pacs_retries", _C, ("tenant", "pacs", "operation"), "Operations retried."),
        Metric(
            "radgate_pacs_breaker_state",
            _G,
            ("tenant", "pacs", "operation", "state"),
            "1 for the state that the circuit breaker is in.",
        ),
        Metric("radgate_pacs_waiting", _G, ("tenant", "pacs"), "Operations that wait for the PACS."),
        Metric("radgate_pacs_running", _G, ("tenant", "pacs"), "Operations in progress at the PACS."),
        Metric(
            "radgate_pacs_associations", _G, ("tenant", "pacs", "state"), "DIMSE associations, `in-use` and `idle`."
        ),
        Metric("radgate_dimse_associations_refused", _C, ("reason",), "Associations that the storage SCP rejected."),
        Metric("radgate_pacs_failovers", _C, ("tenant", "primary", "cause"), "Changes of the active PACS."),
    ),
    "Limits": (
        Metric("radgate_limit_refusals", _C, ("tenant", "reason"), "Requests refused for a limit."),
        Metric("radgate_limit_delay_seconds", _C, ("tenant",), "How long messages waited to keep to a bandwidth."),
        Metric("radgate_limits_shared", _G, (), "Whether Redis shares what other servers admitted."),
        Metric("radgate_limit_usage_written", _G, (), "Whether daily quotas can be written down."),
    ),
    "Caches": (
        Metric("radgate_cache_lookups", _C, ("tier", "result"), "Look-ups: `hit` or `miss`.", True),
        Metric(
            "radgate_cache_accesses",
            _C,
            ("tier",),
            "Accesses to studies by the farthest tier that each needed; `pacs`: it was in none.",
            True,
        ),
        Metric("radgate_cache_access_bytes", _C, ("tier",), "What these accesses sent.", True),
        Metric("radgate_cache_access_seconds", _H, ("tier",), "Until the first byte of such an access left.", True),
        Metric("radgate_cache_failures", _C, ("tier", "cause"), "What a tier could not keep or read."),
        Metric(
            "radgate_cache_operations",
            _C,
            ("tier", "operation", "outcome"),
            "Operations of tiers beyond this machine: `ok`, `missing`, `timeout`, `failed` or `cancelled`.",
        ),
        Metric(
            "radgate_cache_operation_seconds", _H, ("tier", "operation"), "How long tiers beyond this machine took."
        ),
        Metric(
            "radgate_cache_moved_bytes",
            _C,
            ("tier", "direction"),
            "Bytes `read` from tiers beyond this machine and `written` to them.",
        ),
        Metric("radgate_cache_used_bytes", _G, ("tier",), "What a tier holds."),
        Metric("radgate_cache_limit_bytes", _G, ("tier",), "What it may hold."),
        Metric(
            "radgate_quarantine_instances",
            _C,
            ("outcome",),
            "Refused instances: `stored` for a look at them, or dropped: `too-large`, `queue-full`, `failed`.",
        ),
    ),
    "Images and jobs": (
        Metric("radgate_image_jobs", _C, ("operation", "outcome"), "Jobs of image workers.", True),
        Metric(
            "radgate_image_job_seconds", _H, ("operation", "priority"), "From a call to the end of its image job.", True
        ),
        Metric("radgate_image_jobs_waiting", _G, ("priority",), "Image jobs without a worker yet."),
        Metric("radgate_image_oldest_waiting_seconds", _G, ("priority",), "For how long the oldest of them waits."),
        Metric("radgate_image_workers_ready", _G, (), "Image workers that take jobs."),
        Metric("radgate_image_workers_ended", _C, ("cause",), "Image workers that were replaced."),
        Metric(
            "radgate_jobs_waiting",
            _G,
            (),
            "Jobs on whole studies that wait for their turn or to be begun again, of all servers of the database.",
        ),
        Metric("radgate_jobs_paused", _G, (), "Jobs on whole studies that are paused, of all servers of the database."),
        Metric("radgate_jobs_running", _G, (), "Jobs on whole studies that run in this server."),
        Metric("radgate_jobs_oldest_waiting_seconds", _G, (), "How long ago the oldest of those that wait was asked."),
        Metric("radgate_jobs_ended", _C, ("kind", "state"), "Jobs on whole studies that ended."),
        Metric(
            "radgate_prefetch_events",
            _C,
            ("source", "outcome"),
            "Events that may set rules of prefetching off, by what became of them.",
        ),
        Metric("radgate_prefetched_studies", _C, ("outcome",), "Studies that jobs prefetched, or left out."),
        Metric("radgate_prefetched_bytes", _C, (), "Bytes that were fetched for them."),
        Metric(
            "radgate_worklist_looks",
            _C,
            ("worklist", "outcome"),
            "Looks at a modality worklist of the settings: `read`, `failed`, `skipped` (another server looks).",
        ),
        Metric("radgate_worklist_up", _G, ("worklist",), "Whether this server's last look at it went well."),
        Metric(
            "radgate_order_messages",
            _C,
            ("kind", "outcome"),
            "Messages of HL7 v2: `taken`, `ignored`, `refused`, `busy` or `failed`.",
        ),
        Metric(
            "radgate_order_connections_refused",
            _C,
            ("reason",),
            "Connections for them that were refused or closed: `address`, `limit`, `tls` or `timeout`.",
        ),
        Metric(
            "radgate_job_notices",
            _C,
            ("outcome",),
            "Notices of jobs by NATS: `sent`, `received`, `refused` (delivered again later), `dropped` (NATS is away)"
            " or `dead-letter`.",
        ),
    ),
    "Audit trail": (
        Metric("radgate_audit_failures", _C, (), "Accesses refused because they could not be recorded."),
        Metric("radgate_audit_records", _C, ("action", "outcome"), "Records taken by this server.", True),
        Metric("radgate_audit_waiting", _G, (), "Entries that wait for their batch.", True),
        Metric("radgate_audit_lag_seconds", _G, (), "How long entries have waited for the database.", True),
        Metric("radgate_audit_spool_records", _G, (), "Records that wait on this disk for the database.", True),
        Metric("radgate_audit_spool_bytes", _G, (), "What they take.", True),
        Metric("radgate_audit_spool_limit_bytes", _G, (), "What they may take: audit.spool_bytes.", True),
        Metric("radgate_audit_spool_oldest_seconds", _G, (), "How long the oldest part of them waits.", True),
        Metric("radgate_audit_spool_damaged", _G, (), "Parts of the spool that can't be read.", True),
        Metric("radgate_audit_export_lag_seconds", _G, ("receiver",), "Age of the oldest record that it lacks."),
        Metric("radgate_audit_exported_records", _C, ("receiver",), "Records that were sent to it."),
        Metric("radgate_audit_export_failures", _C, ("receiver",), "Attempts that failed and were made again."),
        Metric("radgate_audit_chain_broken", _G, ("tenant",), "1 once a check found the chain broken."),
        Metric(
            "radgate_audit_index_differs", _G, ("tenant",), "1 while the index of the trail differs from its records."
        ),
        Metric("radgate_audit_head_timestamp_seconds", _G, ("tenant",), "Time of the last record of the chain."),
        Metric("radgate_audit_unsigned_records", _G, ("tenant",), "Records after the last checkpoint."),
        Metric("radgate_audit_check_timestamp_seconds", _G, (), "When the chains were checked last."),
    ),
    "Edge": (
        Metric("radgate_edge_invalidated_paths", _C, (), "Paths that the edge was made to drop."),
        Metric("radgate_edge_invalidation_failures", _C, (), "Attempts that failed and were made again."),
        Metric("radgate_edge_pending_changes", _G, (), "Changes that the edge was not told of yet, at this server."),
    ),
    "Database": (
        Metric("radgate_database_seconds", _H, ("statement",), "How long statements took, by their first word."),
        Metric("radgate_database_errors", _C, ("cause",), "Statements and connections that failed."),
        Metric("radgate_database_connections", _G, ("state",), "Connections of the pool, `in-use` and `idle`."),
        Metric("radgate_database_connections_limit", _G, (), "Connections that the pool may have."),
    ),
    "The server itself": (
        Metric("radgate_identity_provider_up", _G, ("provider",), "Whether its keys could be read when last tried."),
        Metric("radgate_health_check", _G, ("check",), "Whether a part that serving needs does its work.", True),
        Metric("radgate_disk_free_bytes", _G, (), "Room on the disk of data_dir.", True),
        Metric("radgate_disk_total_bytes", _G, (), "Size of the disk of data_dir.", True),
        Metric(
            "radgate_certificate_expiry_timestamp_seconds",
            _G,
            ("use", "tenant", "pacs"),
            "Until when a configured certificate is good, in Unix time.",
            True,
        ),
        Metric(
            "radgate_certificate_unreadable",
            _G,
            ("use", "tenant", "pacs"),
            "1 when the file of a configured certificate can't be read.",
            True,
        ),
        Metric("radgate_alert_notices", _C, ("receiver", "outcome"), "Notices to receivers of alerts."),
        Metric("radgate_trace_spans", _C, ("outcome",), "Spans that were `sent`, or `failed` to be."),
        Metric("radgate_log_lines", _C, ("level",), "Lines of log that were written.", True),
        Metric("radgate_log_left_out", _C, (), "Lines that a rule of `telemetry.log_sampling` left out.", True),
    ),
}

CATALOGUE: Mapping[str, Metric] = {metric.name: metric for metrics in SECTIONS.values() for metric in metrics}
"""All of them by name."""
