"""What the server tells of itself, as an operator configures it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TelemetrySettings(BaseModel):
    """Logs, metrics, traces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity logged."
    )
    named_in_metrics: int = Field(
        default=500, ge=1, description="Tenants, and PACS, that metrics tell apart; the others are one together."
    )
    tracing_enabled: bool = Field(default=False, description="OpenTelemetry instrumentation of gRPC.")
    otlp_endpoint: str = Field(
        default="", description="OTLP/gRPC collector, such as http://localhost:4317; empty uses OTEL_* variables."
    )
