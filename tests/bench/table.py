"""One row for each thing that was measured, and how they are printed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ratio` is radgate against the reference (higher is better) and `target` what it must reach, if anything;
    `bare` is the share of the bare limit where there is one."""

    what: str
    radgate: str
    reference: str
    ratio: float
    target: float | None
    bare: str = ""

    @property
    def met(self) -> bool:
        """Whether the target, if any, is reached."""
        return self.target is None or self.ratio >= self.target


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [
        "| what | Radgate | against | ratio | target | share of the bare limit |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        verdict = "" if row.met else " **missed**"
        target = "" if row.target is None else f"{row.target:g}"
        lines.append(
            f"| {row.what} | {row.radgate} | {row.reference} | {row.ratio:.2f}{verdict} | {target} | {row.bare} |"
        )
    return "\n".join(lines)
