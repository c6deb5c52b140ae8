"""One sentence of the paper held against its cells: how it is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from reasoning_guards import paper

Judgement = Literal["borne out", "in part", "not borne out"]

COMPARABLE = 0.01
"""What "comparable" and "matches" may differ by: the margin of this study's equivalence claims."""

WG, AEGIS, GEMMA = "L3.1-8B-WILDGUARDMIX", "L3.1-8B-Aegis", "Gemma-3-4B-WILDGUARDMIX"
NR, FULL, ONE = f"{WG} (NR)", f"{WG}-R (Full)", f"{WG}-R (1 sentence)"
FIVE = f"{WG}-R (5k)"


@dataclass(frozen=True)
class Check:
    """One statement of the paper, what its cells show, and whether they bear it out."""

    section: str
    statement: str
    shown: str
    judgement: Judgement


def gain(table: int, treatment: str, control: str, column: str) -> float:
    """What a table prints for one row, less what it prints for another; rounded as printed."""
    return round(paper.value(table, treatment, column) - paper.value(table, control, column), 3)


def equal(section: str, statement: str, table: int, first: str, second: str) -> Check:
    """Whether two rows have comparable safety averages."""
    apart = gain(table, first, second, "safety_avg")
    return Check(
        section, statement, f"Safety average {apart:+.3f}.", judged(abs(apart) <= COMPARABLE)
    )


def judged(holds: bool, *, in_part: bool = False) -> Judgement:
    """The judgement of a statement that holds, holds in part, or does not."""
    if holds:
        return "borne out"
    return "in part" if in_part else "not borne out"


def rises(values: Sequence[float]) -> bool:
    """Whether each value is larger than the one before."""
    return all(later > earlier for earlier, later in pairwise(values))


def listed(values: Sequence[float], *, signed: bool = False) -> str:
    """Values with three decimals, with their signs if they are differences."""
    return ", ".join(f"{value:{'+' if signed else ''}.3f}" for value in values)
