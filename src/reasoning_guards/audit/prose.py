"""The paper's sentences held against the numbers it prints beside them.

Each check says in our words what the paper states and where, what its own printed cells show, and
whether they bear it out. The judgement is computed: a printed difference has no interval, so
"borne out" says that the numbers point that way by the margin stated, and nothing about chance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean
from typing import Literal

import pandas as pd

from reasoning_guards import paper

Judgement = Literal["borne out", "in part", "not borne out"]

COMPARABLE = 0.01
"""What "comparable" and "matches" may differ by: the margin of this study's equivalence claims."""

WG, AEGIS, GEMMA = "L3.1-8B-WILDGUARDMIX", "L3.1-8B-Aegis", "Gemma-3-4B-WILDGUARDMIX"
NR, FULL, ONE = f"{WG} (NR)", f"{WG}-R (Full)", f"{WG}-R (1 sentence)"
CELLS = {
    5: ("wg_prompt", "aegis_prompt", "openai_moderation", "simple_safety", "toxic_chat"),
    6: ("xstest", "jbb", "wg_response", "aegis_response"),
}
NAMED = ("xstest", "openai_moderation")
PARTS = ("prompt", "response", "avg")
DYNAGUARD = ("dyna_finance", "dyna_safety", "dyna_injection", "dyna_tax")


@dataclass(frozen=True)
class Check:
    """One statement of the paper, what its cells show, and whether they bear it out."""

    section: str
    statement: str
    shown: str
    judgement: Judgement


def checks() -> list[Check]:
    """Every check, in the order of the paper's sections."""
    makers: tuple[Callable[[], Iterator[Check]], ...] = (
        _efficacy, _noise, _data, _budgets, _dual, _diversity, _difficult, _distribution, _custom,
        _topic_following, _gemma,
    )  # fmt: skip
    return [check for maker in makers for check in maker()]


def table() -> pd.DataFrame:
    """The checks as one row each. Columns: Statement, What the tables show, Judgement."""
    found = checks()
    return pd.DataFrame(
        {
            "Statement": [check.statement for check in found],
            "What the tables show": [check.shown for check in found],
            "Judgement": [check.judgement for check in found],
        },
        index=[
            f"{'§' if check.section[0].isdigit() else 'Appendix '}{check.section}"
            for check in found
        ],
    ).rename_axis(columns="Section")


def gain(table: int, treatment: str, control: str, column: str) -> float:
    """What a table prints for one row, less what it prints for another; rounded as printed."""
    return round(paper.value(table, treatment, column) - paper.value(table, control, column), 3)


def _efficacy() -> Iterator[Check]:
    average = gain(1, FULL, NR, "safety_avg")
    yield Check(
        "5.1", "Guards that reason do better than guards that do not.",
        f"Safety average {average:+.3f}.", _judged(average > 0),
    )  # fmt: skip
    gains = {c: gain(t, FULL, NR, c) for t, columns in CELLS.items() for c in columns}
    named = mean(gains[c] for c in NAMED)
    others = mean(value for c, value in gains.items() if c not in NAMED)
    better = sum(value > 0 for value in gains.values())
    yield Check(
        "5.1", "They do so especially on XSTest and OpenAI moderation.",
        f"Better in {better} of {len(gains)} cells: {named:+.3f} on the two named, "
        f"{others:+.3f} on the other {len(gains) - len(NAMED)}, on average.",
        _judged(named > others >= 0, in_part=named > others),
    )  # fmt: skip


def _noise() -> Iterator[Check]:
    rows = paper.results().query("table == 3").groupby("column")["value"]
    noise = {part: list(rows.get_group(f"safety_{part}_run_std")) for part in PARTS}
    small = {part: [value < 0.005 for value in values] for part, values in noise.items()}
    yield Check(
        "A", "Over four generations the safety scores vary by less than 0.005, typically.",
        "Rows of Table 3 below 0.005: "
        + ", ".join(f"{part} {sum(each)} of {len(each)}" for part, each in small.items()) + ".",
        _judged(
            all(2 * sum(each) > len(each) for each in small.values()),
            in_part=any(2 * sum(each) > len(each) for each in small.values()),
        ),
    )  # fmt: skip


def _data() -> Iterator[Check]:
    sizes = ("500", "1000", "2500", "5000")
    averages = [paper.value(4, size, "safety_avg") for size in sizes]
    yield Check(
        "5.2", "Performance rises with each larger training subset.",
        _listed(averages), _judged(_rises(averages)),
    )  # fmt: skip
    plateau = gain(1, FULL, f"{WG}-R (5k)", "safety_avg")
    yield Check(
        "5.2", "5,000 examples match the full training set.",
        f"Full minus 5k: {plateau:+.3f}.", _judged(abs(plateau) <= COMPARABLE),
    )  # fmt: skip
    spreads = {
        name: [paper.value(4, size, f"safety_{part}_subset_std") for size in sizes]
        for name, part in (("overall", "avg"), ("prompt", "prompt"), ("response", "response"))
    }
    falls = [_rises([-spread for spread in found]) for found in spreads.values()]
    ends = [found[-1] < found[0] for found in spreads.values()]
    yield Check(
        "D", "The spread between training subsets shrinks consistently as they grow.",
        "; ".join(f"{name} {_listed(found)}" for name, found in spreads.items()) + ".",
        _judged(all(falls), in_part=all(ends)),
    )  # fmt: skip


def _budgets() -> Iterator[Check]:
    yield _equal("5.3", "One sentence of reasoning does as well as a full trace.", 1, ONE, FULL)


def _dual() -> Iterator[Check]:
    columns = ("safety_prompt", "safety_response", "safety_avg")
    dual = f"{WG}-Dual (NR)"
    found = [gain(1, dual, NR, column) for column in columns]
    cells = [gain(table, dual, NR, column) for table in CELLS for column in CELLS[table]]
    within = [0.01 <= value <= 0.03 for value in cells]
    yield Check(
        "5.4", "Asked not to reason, the dual guard beats the non-reasoning one by 1 to 3 % across "
        "the benchmarks.",
        f"Prompt, response, average: {_listed(found, signed=True)}; but {sum(within)} of "
        f"{len(cells)} cells lie in that range and {sum(value < 0 for value in cells)} fall.",
        _judged(all(within), in_part=all(0.01 <= value <= 0.03 for value in found)),
    )  # fmt: skip
    yield _equal(
        "5.4", "Asked to reason, the dual guard does as well as one that always reasons.",
        1, f"{WG}-Dual (R)", FULL,
    )  # fmt: skip


def _diversity() -> Iterator[Check]:
    few = f"{WG}-R (0.5k)"
    short = gain(1, few, FULL, "safety_avg")
    yield Check(
        "5.5", "500 examples, seen fifty times each, come within 3 % of the full set.",
        f"0.5k minus Full: {short:+.3f}.", _judged(short > -0.03),
    )  # fmt: skip


def _difficult() -> Iterator[Check]:
    found = [
        gain(1, f"{WG}-R (Continual SFT)", control, "safety_avg")
        for control in (FULL, f"{WG}-R (5k)")
    ]
    yield Check(
        "5.6", "Training on with difficult samples gains 0.5 %.",
        f"Over Full and 5k: {_listed(found, signed=True)}; which is the baseline is not said.",
        _judged(all(value >= 0.005 for value in found), in_part=any(v > 0 for v in found)),
    )  # fmt: skip


def _distribution() -> Iterator[Check]:
    before = gain(1, "WILDGUARD", "AEGIS 2.0", "safety_avg")
    yield Check(
        "5.7", "Without reasoning, the original WildGuard slightly outperforms Aegis 2.0.",
        f"WildGuard minus Aegis 2.0: {before:+.3f} on the safety average.", _judged(before > 0),
    )  # fmt: skip
    yield _equal(
        "5.7", "With reasoning, training on either dataset gives comparable guards.",
        1, f"{WG}-R (Full)", f"{AEGIS}-R (Full)",
    )  # fmt: skip


def _custom() -> Iterator[Check]:
    reasoning = {
        name: gain(1, f"{WG}-R ({name})", NR, "custom_avg") for name in ("Full", "5k", "0.5k")
    }
    within = [0.03 <= value <= 0.04 for value in reasoning.values()]
    yield Check(
        "6.1", "Reasoning guards beat non-reasoning ones by 3 to 4 % on custom policies.",
        ", ".join(f"{name} {value:+.3f}" for name, value in reasoning.items()) + ".",
        _judged(all(within), in_part=any(within)),
    )  # fmt: skip
    dyna, cosa = (gain(1, FULL, NR, column) for column in ("dynaguard_avg", "cosa_avg"))
    cells = _cell_gain(7, FULL, NR)
    yield Check(
        "6.1", "The gain on DynaGuardrail is modest, that on CoSA larger.",
        f"Printed averages {dyna:+.3f} and {cosa:+.3f}; but the mean of DynaGuardrail's own "
        f"cells changes by {cells:+.3f}.",
        _judged(cosa > dyna > 0 and cells > 0, in_part=cosa > dyna),
    )  # fmt: skip
    dual = [paper.value(1, f"{WG}-Dual ({mode})", "custom_avg") for mode in ("NR", "R")]
    plain = paper.value(1, NR, "custom_avg")
    yield Check(
        "6.1", "The dual guard asked not to reason lies between the non-reasoning guard and "
        "itself asked to reason.",
        f"{plain:.3f} < {dual[0]:.3f} < {dual[1]:.3f}.", _judged(plain < dual[0] < dual[1]),
    )  # fmt: skip
    one = gain(1, ONE, FULL, "custom_avg")
    yield Check(
        "6.1", "One sentence does worse than a full trace on custom policies.",
        f"{one:+.3f}.", _judged(one < 0),
    )  # fmt: skip


def _topic_following() -> Iterator[Check]:
    pairs = {
        "WildGuardMix": (f"{WG}+TF-R", f"{WG}-R"),
        "WildGuardMix, one sentence": (f"{WG}+TF-R (1 sentence)", f"{WG}-R (1 sentence)"),
        "Aegis 2.0": (f"{AEGIS}+TF-R", f"{AEGIS}-R"),
    }
    overall = {name: gain(2, *pair, "custom_avg") for name, pair in pairs.items()}
    yield Check(
        "6.2", "Adding topic-following data improves custom policies for both datasets.",
        ", ".join(f"{name} {value:+.3f}" for name, value in overall.items()) + ".",
        _judged(min(overall.values()) > 0),
    )  # fmt: skip
    printed = {name: gain(8, *pair, "dynaguard_avg") for name, pair in pairs.items()}
    cells = {name: _cell_gain(8, *pair) for name, pair in pairs.items()}
    yield Check(
        "6.2", "It improves both suites consistently, DynaGuardrail too.",
        "DynaGuardrail as printed, and as the mean of its cells: "
        + ", ".join(f"{name} {printed[name]:+.3f}, {cells[name]:+.3f}" for name in pairs) + ".",
        _judged(min(cells.values()) > 0, in_part=max(cells.values()) > 0),
    )  # fmt: skip


def _gemma() -> Iterator[Check]:
    safety, custom = (
        gain(9, f"{GEMMA}-R", f"{GEMMA} (NR)", c) for c in ("safety_avg", "custom_avg")
    )
    yield Check(
        "C", "Reasoning Gemma guards outperform non-reasoning ones, above all on custom policies.",
        f"Safety {safety:+.3f}, custom {custom:+.3f}.",
        _judged(custom > safety > 0, in_part=min(safety, custom) > 0),
    )  # fmt: skip
    mixed = gain(9, f"{GEMMA}+TF-R", f"{GEMMA}-R", "custom_avg")
    yield Check(
        "C", "Topic-following data improves Gemma on custom policies.",
        f"{mixed:+.3f}.", _judged(mixed > 0),
    )  # fmt: skip
    yield _equal(
        "C", "One sentence does as well as a full trace for Gemma.",
        9, f"{GEMMA}-R (1 sentence)", f"{GEMMA}-R",
    )  # fmt: skip
    one = gain(9, f"{GEMMA}-R (1 sentence)", f"{GEMMA}-R", "custom_avg")
    yield Check(
        "C", "One sentence costs Gemma a little on custom policies.",
        f"{one:+.3f}.", _judged(one < 0),
    )  # fmt: skip


def _equal(section: str, statement: str, table: int, first: str, second: str) -> Check:
    apart = gain(table, first, second, "safety_avg")
    return Check(
        section, statement, f"Safety average {apart:+.3f}.", _judged(abs(apart) <= COMPARABLE)
    )


def _cell_gain(table: int, treatment: str, control: str) -> float:
    return mean(gain(table, treatment, control, column) for column in DYNAGUARD)


def _judged(holds: bool, *, in_part: bool = False) -> Judgement:
    if holds:
        return "borne out"
    return "in part" if in_part else "not borne out"


def _rises(values: list[float]) -> bool:
    return all(later > earlier for earlier, later in pairwise(values))


def _listed(values: list[float], *, signed: bool = False) -> str:
    return ", ".join(f"{value:{'+' if signed else ''}.3f}" for value in values)
