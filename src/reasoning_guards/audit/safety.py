"""The paper's sentences on the safety benchmarks (section 5, Appendices A and D)."""

from collections.abc import Iterator
from statistics import mean

from reasoning_guards import paper
from reasoning_guards.audit.checks import (
    AEGIS,
    COMPARABLE,
    FIVE,
    FULL,
    NR,
    ONE,
    WG,
    Check,
    equal,
    gain,
    judged,
    listed,
    rises,
)  # fmt: skip

CELLS = {
    5: ("wg_prompt", "aegis_prompt", "openai_moderation", "simple_safety", "toxic_chat"),
    6: ("xstest", "jbb", "wg_response", "aegis_response"),
}
NAMED = ("xstest", "openai_moderation")
PARTS = ("prompt", "response", "avg")


def checks() -> list[Check]:
    """Every check of them, in the order of the paper's sections."""
    makers = (_introduction, _efficacy, _noise, _data, _budgets, _dual, _diversity, _difficult,
              _distribution)  # fmt: skip
    return [check for maker in makers for check in maker()]


def _introduction() -> Iterator[Check]:
    fewer = gain(1, FIVE, NR, "safety_avg")
    yield Check(
        "1", "A fraction of the samples is enough to keep up with a guard that does not reason.",
        f"5k minus NR, which has them all: {fewer:+.3f}.", judged(fewer > -COMPARABLE),
    )  # fmt: skip


def _efficacy() -> Iterator[Check]:
    average = gain(1, FULL, NR, "safety_avg")
    yield Check(
        "5.1", "Guards that reason do better than guards that do not.",
        f"Safety average {average:+.3f}.", judged(average > 0),
    )  # fmt: skip
    gains = {c: gain(t, FULL, NR, c) for t, columns in CELLS.items() for c in columns}
    named = mean(gains[c] for c in NAMED)
    others = mean(value for c, value in gains.items() if c not in NAMED)
    better = sum(value > 0 for value in gains.values())
    yield Check(
        "5.1", "They do so especially on XSTest and OpenAI moderation.",
        f"Better in {better} of {len(gains)} cells: {named:+.3f} on the two named, "
        f"{others:+.3f} on the other {len(gains) - len(NAMED)}, on average.",
        judged(named > others >= 0, in_part=named > others),
    )  # fmt: skip


def _noise() -> Iterator[Check]:
    rows = paper.results().query("table == 3").groupby("column")["value"]
    noise = {part: list(rows.get_group(f"safety_{part}_run_std")) for part in PARTS}
    small = {part: [value < 0.005 for value in values] for part, values in noise.items()}
    yield Check(
        "A", "Over four generations the safety scores vary by less than 0.005, typically.",
        "Rows of Table 3 below 0.005: "
        + ", ".join(f"{part} {sum(each)} of {len(each)}" for part, each in small.items()) + ".",
        judged(
            all(2 * sum(each) > len(each) for each in small.values()),
            in_part=any(2 * sum(each) > len(each) for each in small.values()),
        ),
    )  # fmt: skip


def _data() -> Iterator[Check]:
    sizes = ("500", "1000", "2500", "5000")
    averages = [paper.value(4, size, "safety_avg") for size in sizes]
    yield Check(
        "5.2", "Performance rises with each larger training subset.",
        listed(averages), judged(rises(averages)),
    )  # fmt: skip
    plateau = gain(1, FULL, FIVE, "safety_avg")
    yield Check(
        "5.2", "5,000 examples match the full training set.",
        f"Full minus 5k: {plateau:+.3f}.", judged(abs(plateau) <= COMPARABLE),
    )  # fmt: skip
    gains = [gain(4, "2500", "1000", "safety_avg"), gain(4, "5000", "2500", "safety_avg"), plateau]
    yield Check(
        "5.2", "From 1,000 samples on, returns diminish.",
        f"To 2,500, 5,000 and the full set: {listed(gains, signed=True)}; the last in Table 1, "
        "whose 5k row is another guard than those of Table 4.",
        judged(rises([-each for each in gains])),
    )  # fmt: skip
    spreads = {
        name: [paper.value(4, size, f"safety_{part}_subset_std") for size in sizes]
        for name, part in (("overall", "avg"), ("prompt", "prompt"), ("response", "response"))
    }
    falls = [rises([-spread for spread in found]) for found in spreads.values()]
    ends = [found[-1] < found[0] for found in spreads.values()]
    yield Check(
        "D", "The spread between training subsets shrinks consistently as they grow.",
        "; ".join(f"{name} {listed(found)}" for name, found in spreads.items()) + ".",
        judged(all(falls), in_part=all(ends)),
    )  # fmt: skip


def _budgets() -> Iterator[Check]:
    yield equal("5.3", "One sentence of reasoning does as well as a full trace.", 1, ONE, FULL)


def _dual() -> Iterator[Check]:
    columns = ("safety_prompt", "safety_response", "safety_avg")
    dual = f"{WG}-Dual (NR)"
    found = [gain(1, dual, NR, column) for column in columns]
    cells = [gain(table, dual, NR, column) for table in CELLS for column in CELLS[table]]
    within = [0.01 <= value <= 0.03 for value in cells]
    yield Check(
        "5.4", "Asked not to reason, the dual guard beats the non-reasoning one by 1 to 3 % across "
        "the benchmarks.",
        f"Prompt, response, average: {listed(found, signed=True)}; but {sum(within)} of "
        f"{len(cells)} cells lie in that range and {sum(value < 0 for value in cells)} fall.",
        judged(all(within), in_part=all(0.01 <= value <= 0.03 for value in found)),
    )  # fmt: skip
    yield equal(
        "5.4", "Asked to reason, the dual guard does as well as one that always reasons.",
        1, f"{WG}-Dual (R)", FULL,
    )  # fmt: skip
    yield equal(
        "5.4", "Asked not to reason, it does as well as one that always reasons.",
        1, dual, FULL,
    )  # fmt: skip


def _diversity() -> Iterator[Check]:
    few = f"{WG}-R (0.5k)"
    short = gain(1, few, FULL, "safety_avg")
    usual = paper.value(4, "500", "safety_avg")
    yield Check(
        "5.5", "500 examples, seen fifty times each, come within 3 % of the full set.",
        f"0.5k minus Full: {short:+.3f}. Its row does not name its epochs; at "
        f"{paper.value(1, few, 'safety_avg'):.3f} it is not that of Table 4, {usual:.3f}.",
        judged(short > -0.03),
    )  # fmt: skip


def _difficult() -> Iterator[Check]:
    found = [gain(1, f"{WG}-R (Continual SFT)", control, "safety_avg") for control in (FULL, FIVE)]
    yield Check(
        "5.6", "Training on with difficult samples gains 0.5 %.",
        f"Over Full and 5k: {listed(found, signed=True)}; which is the baseline is not said.",
        judged(all(value >= 0.005 for value in found), in_part=any(v > 0 for v in found)),
    )  # fmt: skip
    parts = [
        [gain(1, f"{WG}-R (Continual SFT)", control, f"safety_{part}")
         for part in ("prompt", "response")]
        for control in (FULL, FIVE)
    ]  # fmt: skip
    yield Check(
        "5.6", "That gain is consistent.",
        f"Prompt and response over Full: {listed(parts[0], signed=True)}; "
        f"over 5k: {listed(parts[1], signed=True)}.",
        judged(min(map(min, parts)) > 0, in_part=min(parts[0]) > 0),
    )  # fmt: skip


def _distribution() -> Iterator[Check]:
    before = gain(1, "WILDGUARD", "AEGIS 2.0", "safety_avg")
    yield Check(
        "5.7", "Without reasoning, the original WildGuard slightly outperforms Aegis 2.0.",
        f"WildGuard minus Aegis 2.0: {before:+.3f} on the safety average.", judged(before > 0),
    )  # fmt: skip
    yield equal(
        "5.7", "With reasoning, training on either dataset gives comparable guards.",
        1, f"{WG}-R (Full)", f"{AEGIS}-R (Full)",
    )  # fmt: skip
