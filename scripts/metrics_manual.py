"""Generate docs/metrics.md from the catalogue of metrics.

`--check` changes nothing and exits with 1 when the committed file is not what the catalogue says.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from radgate_server.adapters.telemetry.metrics.catalogue import SECTIONS, Metric
from radgate_server.adapters.telemetry.metrics.families import BOUNDS_S, NAMED, OTHER

MANUAL = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"

INTRODUCTION = f"""\
# Metrics

<!-- Made by scripts/metrics_manual.py from adapters/telemetry/metrics/catalogue.py; edit there. -->

Read them at `http://HOST:9464/metrics` (setting `metrics_port`). Whoever asks for OpenMetrics, as Prometheus does with
`--enable-feature=exemplar-storage`, also gets exemplars: of each bucket of a histogram the last
[trace](tracing.md) that fell into it.

Histograms have the bounds {", ".join(f"{bound:g}" for bound in BOUNDS_S)} seconds. A quantile is, for one,
`histogram_quantile(0.99, sum by (le) (rate(radgate_rpc_seconds_bucket[5m])))`.

No label holds a UID, a patient, an address or an error's text. The first {NAMED} tenants and the first {NAMED} PACS are
named (setting `telemetry.named_in_metrics`); all others together are called `{OTHER}`. Beside these there are Python's
own, `process_…` and `python_…`.
"""

TABLE = """
| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""


def manual() -> str:
    """Return the whole file."""
    parts = [INTRODUCTION]
    for section, metrics in SECTIONS.items():
        parts += [f"\n## {section}\n", TABLE, *rows(metrics)]
    return "".join(parts)


def rows(metrics: tuple[Metric, ...]) -> Iterator[str]:
    """Yield one line of the table for each metric."""
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"| `{metric.shown_name}` | {metric.kind.value} | {labels} | {metric.meaning} |\n"


def main() -> int:
    """Write the manual, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        if MANUAL.read_text(encoding="utf-8") == manual():
            return 0
        print("docs/metrics.md is out of date: run scripts/metrics_manual.py", file=sys.stderr)
        return 1
    MANUAL.write_text(manual(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
