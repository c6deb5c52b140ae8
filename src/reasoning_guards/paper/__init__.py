"""The numbers printed in Sreedhar, Rebedea and Parisien, "Safety Through Reasoning".

One CSV per table, wide as printed, and one for the latencies that Section 7 states in text. A model
has the same row name in every table, whatever spacing or hyphens the paper prints. Where the paper
prints two values for one cell (Tables 1 and 7, 7 and 8, 9 and 12), each table keeps its own.
Table 7 heads its last column "Overall Avg", but it is the mean of the five Cosa cells, so it stands
here as `cosa_avg`.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import pandas as pd

from reasoning_guards.errors import UserError

TABLES = range(1, 13)
"""The paper's table numbers."""

COLUMNS = {
    # Tables 1, 2, 4, 8, 9 and 12
    "safety_prompt": "Safety Benchmarks: Prompt",
    "safety_response": "Safety Benchmarks: Resp.",
    "safety_avg": "Safety Benchmarks: Avg",
    "dynaguard_avg": "Custom Policy Evaluation: Dynaguard",
    "cosa_avg": "Custom Policy Evaluation: Cosa",
    "custom_avg": "Custom Policy Evaluation: Avg",
    # Table 3: across four generations of one model
    "safety_avg_run_std": "Safety Benchmarks: Comb. (standard deviation)",
    "safety_prompt_run_std": "Safety Benchmarks: Prompt (standard deviation)",
    "safety_response_run_std": "Safety Benchmarks: Resp. (standard deviation)",
    "dynaguard_avg_run_std": "Custom Policy Evaluation: Dynaguard (standard deviation)",
    "cosa_avg_run_std": "Custom Policy Evaluation: Cosa (standard deviation)",
    "custom_avg_run_std": "Custom Policy Evaluation: Avg (standard deviation)",
    # Table 4: across four training sets
    "safety_prompt_subset_std": "Safety Benchmarks: Prompt Std",
    "safety_response_subset_std": "Safety Benchmarks: Response Std",
    "safety_avg_subset_std": "Safety Benchmarks: Overall Std",
    # Tables 5 and 10
    "wg_prompt": "Prompt-Only: WG",
    "aegis_prompt": "Prompt-Only: Aegis",
    "openai_moderation": "Prompt-Only: OpenAI-Mod",
    "simple_safety": "Prompt-Only: SimpleSafety",
    "toxic_chat": "Prompt-Only: ToxicChat",
    "prompt_avg": "Prompt-Only: Avg",
    # Tables 6 and 11
    "xstest": "Response-Only: XSTest",
    "jbb": "Response-Only: JBB",
    "wg_response": "Response-Only: WG",
    "aegis_response": "Response-Only: Aegis",
    "response_avg": "Response-Only: Avg",
    # Tables 7, 8 and 12
    "dyna_finance": "Dynaguard: Fin.",
    "dyna_safety": "Dynaguard: Safe.",
    "dyna_injection": "Dynaguard: Inj.",
    "dyna_tax": "Dynaguard: Tax",
    "cosa_game": "Cosa: Game",
    "cosa_prosecutor": "Cosa: Prosec.",
    "cosa_book": "Cosa: Book",
    "cosa_language": "Cosa: Lang",
    "cosa_film": "Cosa: Film",
}
"""Heading of each column of `results()`, as the paper words it."""


class UnknownCellError(UserError):
    """The paper prints no such table, row or column."""


def results() -> pd.DataFrame:
    """Every printed cell of the paper's Tables 1 to 12, in the order of print.

    Columns: `table` (int), `row` (the model; in Table 4 the number of training samples), `column`
    (a key of `COLUMNS`), `value` (harmful F1 in [0, 1]; a standard deviation of it in the columns
    that end in `_std`).
    """
    tables = [
        _wide(table)
        .melt("row", var_name="column", ignore_index=False)
        .sort_index(kind="stable")
        .assign(table=table)
        for table in TABLES
    ]
    return pd.concat(tables, ignore_index=True)[["table", "row", "column", "value"]]


def latency() -> pd.DataFrame:
    """Inference times the paper states in words about its Figure 4 (Section 7; eight A100, vLLM).

    Columns: `row`, `seconds_per_sample`, `overhead_percent` (over the non-reasoning WildGuard
    baseline), `source`. What the paper does not state is NaN.
    """
    return _read("latency.csv")


def value(table: int, row: str, column: str) -> float:
    """The number the paper prints in one cell of Tables 1 to 12.

    Raises:
        UnknownCellError: no such table, or no such row or column in it.
    """
    if table not in TABLES:
        raise UnknownCellError(
            f"The paper has no Table {table}: choose one of {TABLES[0]} to {TABLES[-1]}."
        )
    cells, rows, columns = _cells(table)
    _check("row", row, table, rows)
    _check("column", column, table, columns)
    return cells[row, column]


def _read(name: str) -> pd.DataFrame:
    with files(__name__).joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"row": "str"})


@cache
def _wide(table: int) -> pd.DataFrame:
    return _read(f"table_{table:02}.csv").drop(columns="section", errors="ignore")


@cache
def _cells(table: int) -> tuple[dict[tuple[str, str], float], list[str], list[str]]:
    """Each number by row and column, and the names of those."""
    wide = _wide(table).set_index("row")
    rows, columns = list(map(str, wide.index)), list(map(str, wide.columns))
    return {(r, c): float(wide[c][r]) for r in rows for c in columns}, rows, columns


def _check(kind: str, name: str, table: int, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        nearest = get_close_matches(name, names, n=1, cutoff=0)[0]
        raise UnknownCellError(
            f"The paper's Table {table} has no {kind} {name!r}: did you mean {nearest!r}?"
        )
