"""The audit of the paper as its page shows it."""

import pandas as pd

from reasoning_guards.audit import checks, prose, tables

_AVERAGES = {
    "prompt_avg": "prompt average",
    "response_avg": "response average",
    "safety_prompt": "prompt average",
    "safety_response": "response average",
    "safety_avg": "safety average",
    "dynaguard_avg": "DynaGuardrail average",
    "cosa_avg": "CoSA average",
    "custom_avg": "custom-policy average",
}


def rules() -> pd.DataFrame:
    """For each average of each table, how many rows each candidate rule accounts for.

    Index: table and average. Columns: Best rule, Fits, Other rules.
    """
    rows = {}
    for (table, column), found in tables.fits().groupby(["table", "column"], sort=False):
        best, *others = (
            (rule, f"{fit} of {rows}")
            for rule, rows, fit in found[["rule", "rows", "fit"]].itertuples(index=False)
        )
        rows[f"Table {table}, {_AVERAGES[str(column)]}"] = {
            "Best rule": best[0],
            "Fits": best[1],
            "Other rules": "; ".join(f"{rule}: {count}" for rule, count in others) or "–",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Average")


def mismatches() -> pd.DataFrame:
    """Every printed average that its table's best rule does not account for."""
    found = tables.mismatches()
    return pd.DataFrame(
        {
            "Average": found["column"].map(_AVERAGES),
            "Row": found["row"],
            "Printed": found["printed"].map("{:.3f}".format),
            "Recomputed": found["recomputed"].map("{:.4f}".format),
            "Difference": found["difference"].map("{:+.4f}".format),
        }
    ).set_axis([f"Table\N{NO-BREAK SPACE}{table}" for table in found["table"]])


def disagreements() -> pd.DataFrame:
    """Quantities that two tables print differently."""
    found = tables.disagreements()
    return pd.DataFrame(
        {
            "Quantity": found["column"].map(_AVERAGES),
            "One table": _printed(found["table"], found["value"]),
            "The other": _printed(found["other_table"], found["other_value"]),
        }
    ).set_axis(found["row"].to_list())


def twins() -> pd.DataFrame:
    """Rows that are, in most of what they share, another row under another name."""
    found = tables.twins()
    return pd.DataFrame(
        {
            "Table": found["table"],
            "Its twin": found["other_row"],
            "Twin's table": found["other_table"],
            "Equal": [f"{equal} of {shared}" for equal, shared in zip(
                found["equal"], found["shared"], strict=True)],
        }
    ).set_axis(found["row"].to_list())  # fmt: skip


def statements() -> pd.DataFrame:
    """The paper's sentences beside what its cells show."""
    return prose.table()


def numbers() -> dict[str, str]:
    """What the page's prose quotes, by name."""
    judged = [check.judgement for check in prose.checks()]
    dynaguard = tables.recomputed().query("column == 'dynaguard_avg' and table in (7, 8, 12)")
    safety = tables.recomputed().query(
        "column == 'safety_avg' and rule == 'mean of the nine cells'"
    )
    return {
        "audit_mismatches": str(len(tables.mismatches())),
        "audit_averages": str(len(tables.recomputed().drop_duplicates(["table", "row", "column"]))),
        "audit_disagreements": str(len(tables.disagreements())),
        "audit_statements": str(len(judged)),
        "audit_borne_out": str(judged.count("borne out")),
        "audit_in_part": str(judged.count("in part")),
        "audit_not_borne_out": str(judged.count("not borne out")),
        "audit_twins": str(len(tables.twins())),
        "audit_nine_rows": str(len(safety)),
        "audit_nine_fit": str(safety["fits"].sum()),
        "audit_rounding": f"{tables.TOLERANCE:.3f}",
        "audit_comparable": f"{checks.COMPARABLE:g}",
        "audit_dynaguard_rows": str(len(dynaguard)),
        "audit_dynaguard_misfit": str((~dynaguard["fits"]).sum()),
    }


def _printed(table: pd.Series, value: pd.Series) -> list[str]:
    return [f"{v:.3f} (Table {t})" for t, v in zip(table, value, strict=True)]
