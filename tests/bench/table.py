"""One row for each thing that was measured, and how they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ratio` is radgate against the reference (higher is better) and `target` what it must reach; `bare` is the share
    of the bare limit where there is one."""

    what: str
    radgate: str
    reference: str
    ratio: float
    target: float
    bare: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [
        "| what | Radgate | against | ratio | target | share of the bare limit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        verdict = "" if row.met else " **missed**"
        lines.append(
            f"| {row.what} | {row.radgate} | {row.reference} | {row.ratio:.2f}{verdict} | {row.target:g} | {row.bare} |"
        )
    return "\n".join(lines)
