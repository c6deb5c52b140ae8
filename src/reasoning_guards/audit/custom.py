"""The paper's sentences on custom policies (section 6) and on Gemma (Appendix C)."""

from collections.abc import Iterator
from statistics import mean

from reasoning_guards import paper
from reasoning_guards.audit.checks import (
    AEGIS,
    COMPARABLE,
    FULL,
    GEMMA,
    NR,
    ONE,
    WG,
    Check,
    equal,
    gain,
    judged,
)  # fmt: skip

DYNAGUARD = ("dyna_finance", "dyna_safety", "dyna_injection", "dyna_tax")


def checks() -> list[Check]:
    """Every check of them, in the order of the paper's sections."""
    return [*_custom(), *_topic_following(), *_gemma()]


def _custom() -> Iterator[Check]:
    first = paper.results().query("table == 1 and column == 'custom_avg'").set_index("row")["value"]
    blind, lowest = first["WILDGUARD"], first.drop("WILDGUARD").min()
    yield Check(
        "6.1", "A guard that is not shown the policy, such as WildGuard, loses much.",
        f"WildGuard {blind:.3f}; every other row of Table 1 has {lowest:.3f} or more.",
        judged(blind < lowest),
    )  # fmt: skip
    reasoning = {
        name: gain(1, f"{WG}-R ({name})", NR, "custom_avg") for name in ("Full", "5k", "0.5k")
    }
    within = [0.03 <= value <= 0.04 for value in reasoning.values()]
    yield Check(
        "6.1", "Reasoning guards beat non-reasoning ones by 3 to 4 % on custom policies.",
        ", ".join(f"{name} {value:+.3f}" for name, value in reasoning.items()) + ".",
        judged(all(within), in_part=any(within)),
    )  # fmt: skip
    dyna, cosa = (gain(1, FULL, NR, column) for column in ("dynaguard_avg", "cosa_avg"))
    cells = _cell_gain(7, FULL, NR)
    yield Check(
        "6.1", "The gain on DynaGuardrail is modest, that on CoSA larger.",
        f"Printed averages {dyna:+.3f} and {cosa:+.3f}; but the mean of DynaGuardrail's own "
        f"cells changes by {cells:+.3f}.",
        judged(cosa > dyna > 0 and cells > 0, in_part=cosa > dyna),
    )  # fmt: skip
    dual = [paper.value(1, f"{WG}-Dual ({mode})", "custom_avg") for mode in ("NR", "R")]
    plain = paper.value(1, NR, "custom_avg")
    yield Check(
        "6.1", "The dual guard asked not to reason lies between the non-reasoning guard and "
        "itself asked to reason.",
        f"{plain:.3f} < {dual[0]:.3f} < {dual[1]:.3f}.", judged(plain < dual[0] < dual[1]),
    )  # fmt: skip
    one = gain(1, ONE, FULL, "custom_avg")
    yield Check(
        "6.1", "One sentence does worse than a full trace on custom policies.",
        f"{one:+.3f}.", judged(one < 0),
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
        judged(min(overall.values()) > 0),
    )  # fmt: skip
    printed = {name: gain(8, *pair, "dynaguard_avg") for name, pair in pairs.items()}
    cells = {name: _cell_gain(8, *pair) for name, pair in pairs.items()}
    yield Check(
        "6.2", "It improves both suites consistently, DynaGuardrail too.",
        "DynaGuardrail as printed, and as the mean of its cells: "
        + ", ".join(f"{name} {printed[name]:+.3f}, {cells[name]:+.3f}" for name in pairs) + ".",
        judged(min(cells.values()) > 0, in_part=max(cells.values()) > 0),
    )  # fmt: skip
    cosa = {name: gain(8, *pair, "cosa_avg") for name, pair in pairs.items()}
    yield Check(
        "6.2", "It improves CoSA consistently.",
        ", ".join(f"{name} {value:+.3f}" for name, value in cosa.items()) + ".",
        judged(min(cosa.values()) > 0),
    )  # fmt: skip


def _gemma() -> Iterator[Check]:
    safety, custom = (
        gain(9, f"{GEMMA}-R", f"{GEMMA} (NR)", c) for c in ("safety_avg", "custom_avg")
    )
    yield Check(
        "C", "Reasoning Gemma guards outperform non-reasoning ones, above all on custom policies.",
        f"Safety {safety:+.3f}, custom {custom:+.3f}.",
        judged(custom > safety > 0, in_part=min(safety, custom) > 0),
    )  # fmt: skip
    mixed = gain(9, f"{GEMMA}+TF-R", f"{GEMMA}-R", "custom_avg")
    yield Check(
        "C", "Topic-following data improves Gemma on custom policies.",
        f"{mixed:+.3f}.", judged(mixed > 0),
    )  # fmt: skip
    yield equal(
        "C", "One sentence does as well as a full trace for Gemma.",
        9, f"{GEMMA}-R (1 sentence)", f"{GEMMA}-R",
    )  # fmt: skip
    one = gain(9, f"{GEMMA}-R (1 sentence)", f"{GEMMA}-R", "custom_avg")
    yield Check(
        "C", "One sentence costs Gemma a little on custom policies.",
        f"{one:+.3f}.", judged(one < 0),
    )  # fmt: skip
    dual = gain(9, f"{GEMMA}-Dual (NR)", f"{GEMMA} (NR)", "safety_avg")
    reasoning = gain(9, f"{GEMMA}-Dual (R)", f"{GEMMA}-R", "safety_avg")
    yield Check(
        "C", "The trends seen with Llama persist; of the dual guard that is not said by itself.",
        f"Not reasoning, against NR {dual:+.3f}; reasoning, against R {reasoning:+.3f}.",
        judged(dual > 0 and abs(reasoning) <= COMPARABLE),
    )  # fmt: skip


def _cell_gain(table: int, treatment: str, control: str) -> float:
    return mean(gain(table, treatment, control, column) for column in DYNAGUARD)
