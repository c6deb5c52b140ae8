"""The paper's tables held against themselves and against each other.

Printed scores and printed averages have three decimals each, so a mean recomputed from printed
cells can be off by half a unit of the third decimal on either side: `TOLERANCE`.
"""

from collections.abc import Mapping

import pandas as pd

from reasoning_guards import paper

TOLERANCE = 0.001 + 1e-9

_PROMPT = ("wg_prompt", "aegis_prompt", "openai_moderation", "simple_safety", "toxic_chat")
_RESPONSE = ("xstest", "jbb", "wg_response", "aegis_response")
_DYNAGUARD = ("dyna_finance", "dyna_safety", "dyna_injection", "dyna_tax")
_COSA = ("cosa_game", "cosa_prosecutor", "cosa_book", "cosa_language", "cosa_film")


def _mean(columns: tuple[str, ...]) -> dict[str, float]:
    return dict.fromkeys(columns, 1 / len(columns))


def _parts(first: str, second: str, cells: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """The rules by which an average of two suites, or of their cells, may have been made."""
    return {
        "mean of the nine cells": _mean(cells),
        "two averages, 5:4": {first: 5 / 9, second: 4 / 9},
        "two averages, 4:5": {first: 4 / 9, second: 5 / 9},
        "two averages, 1:1": {first: 1 / 2, second: 1 / 2},
    }


RULES: dict[str, dict[str, dict[str, float]]] = {
    "prompt_avg": {"mean of five cells": _mean(_PROMPT)},
    "response_avg": {"mean of four cells": _mean(_RESPONSE)},
    "safety_avg": _parts("safety_prompt", "safety_response", _PROMPT + _RESPONSE),
    "dynaguard_avg": {"mean of four cells": _mean(_DYNAGUARD)},
    "cosa_avg": {"mean of five cells": _mean(_COSA)},
    "custom_avg": _parts("dynaguard_avg", "cosa_avg", _DYNAGUARD + _COSA),
}
"""Average → candidate rule → weight of each printed column."""

# Where a table's rows have their cells, if not in the table itself.
_CELL_TABLES = {1: (5, 6, 7), 2: (8,), 9: (10, 11, 12)}
# The same quantity under the name another table gives it.
_SAME = {"prompt_avg": "safety_prompt", "response_avg": "safety_response"}


def recomputed(results: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every printed average under every candidate rule whose columns are printed for its row.

    Args:
        results: cells as `paper.results` gives them, which is the default.

    Returns:
        Columns: table, row, column, printed, rule, recomputed, difference (printed minus
        recomputed) and fits (within `TOLERANCE`).
    """
    cells = paper.results() if results is None else results
    printed = {
        (table, row, column): value
        for table, row, column, value in cells.itertuples(index=False, name=None)
    }
    found = []
    for (table, row, column), value in printed.items():
        for rule, weights in RULES.get(column, {}).items():
            mean = _weighted(printed, (table, *_CELL_TABLES.get(table, ())), row, weights)
            if mean is not None:
                found.append(
                    {
                        "table": table,
                        "row": row,
                        "column": column,
                        "printed": value,
                        "rule": rule,
                        "recomputed": mean,
                        "difference": value - mean,
                        "fits": abs(value - mean) <= TOLERANCE,
                    }
                )
    return pd.DataFrame(found)


def fits(results: pd.DataFrame | None = None) -> pd.DataFrame:
    """How many rows of each table each rule accounts for.

    Returns:
        Columns: table, column, rule, rows, fit. Rules of an average stand best first.
    """
    table = recomputed(results).groupby(["table", "column", "rule"], sort=False)["fits"]
    counted = table.agg(rows="size", fit="sum").reset_index()
    return counted.sort_values(
        ["table", "column", "fit"], ascending=[True, True, False], kind="stable"
    ).reset_index(drop=True)


def mismatches(results: pd.DataFrame | None = None) -> pd.DataFrame:
    """Printed averages that the rule which fits their table best does not account for.

    Returns:
        The columns of `recomputed`.
    """
    best = fits(results).drop_duplicates(["table", "column"])[["table", "column", "rule"]]
    rows = recomputed(results).merge(best, on=["table", "column", "rule"])
    return rows[~rows["fits"]].reset_index(drop=True)


def disagreements(results: pd.DataFrame | None = None) -> pd.DataFrame:
    """Quantities that two tables print for the same row with different values.

    Returns:
        Columns: row, column, table, value, other_table, other_value.
    """
    cells = paper.results() if results is None else results
    named = cells.assign(column=cells["column"].replace(_SAME))
    # Several numbers a row: Tables 3 and 4 print standard deviations under columns of their own.
    pairs = named.merge(named, on=["row", "column"], suffixes=("", "_other"))
    apart = pairs[
        (pairs["table"] < pairs["table_other"]) & (pairs["value"] != pairs["value_other"])
    ]
    return apart.rename(columns={"table_other": "other_table", "value_other": "other_value"})[
        ["row", "column", "table", "value", "other_table", "other_value"]
    ].reset_index(drop=True)


def twins(results: pd.DataFrame | None = None, least: int = 3) -> pd.DataFrame:
    """Rows of different names with the same score in at least `least` columns they share.

    Returns:
        Columns: table, row, other_table, other_row, shared (columns), equal (of them). A pair is
        listed where more than half of the shared columns are equal.
    """
    cells = paper.results() if results is None else results
    # No coincidence worth counting: several guards get everything right, and deviations are alike.
    telling = cells[(cells["value"] < 1) & ~cells["column"].str.endswith("_std")]
    pairs = telling.merge(telling, on="column", suffixes=("", "_other"))
    pairs = pairs[
        (pairs["table"] <= pairs["table_other"]) & (pairs["row"] < pairs["row_other"])
        | (pairs["table"] < pairs["table_other"]) & (pairs["row"] > pairs["row_other"])
    ]
    keys = ["table", "row", "table_other", "row_other"]
    counted = (
        pairs.assign(same=pairs["value"] == pairs["value_other"])
        .groupby(keys)["same"]
        .agg(shared="size", equal="sum")
        .reset_index()
    )
    alike = counted[(counted["equal"] >= least) & (2 * counted["equal"] > counted["shared"])]
    return alike.rename(columns={"table_other": "other_table", "row_other": "other_row"})[
        ["table", "row", "other_table", "other_row", "shared", "equal"]
    ].reset_index(drop=True)


def _weighted(
    printed: Mapping[tuple[int, str, str], float],
    tables: tuple[int, ...],
    row: str,
    weights: Mapping[str, float],
) -> float | None:
    """The weighted mean of a row's columns, each from the first table that prints it."""
    total = 0.0
    for column, weight in weights.items():
        values = [printed[t, row, column] for t in tables if (t, row, column) in printed]
        if not values:
            return None
        total += weight * values[0]
    return total
