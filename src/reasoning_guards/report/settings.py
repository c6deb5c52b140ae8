"""How the embedded guards' settings were chosen, as the book shows it; see `tuning`."""

import pandas as pd

from reasoning_guards import tuning

_LABELS = {"nr": "NR", "r_1": "R (1 sentence)", "r_full": "R (full)"}
_REFINED = {"continual": "Continual SFT", "dpo": "DPO", "grpo": "GRPO"}


def grid() -> pd.DataFrame:
    """One row per kind of guard and number of epochs, one column per learning rate.

    Values: mean F1 of the four validation cells, over seeds; in brackets how many of all answers
    could not be parsed, where any could not. A star marks the setting that is used.
    """
    means = (
        tuning.results()
        .groupby(["kind", "epochs", "learning_rate"], as_index=False)
        .agg(f1=("f1", "mean"), unparsable=("unparsable", "sum"))
    )
    used = {(kind, *tuning.best(kinds)) for kinds in tuning.SHARED for kind in kinds}
    table: dict[str, dict[str, str]] = {}
    for row in means.to_dict("records"):
        kind, epochs, rate = row["kind"], row["epochs"], row["learning_rate"]
        failures = f" ({row['unparsable']})" if row["unparsable"] else ""
        star = " *" if (kind, epochs, rate) in used else ""
        label = f"{_LABELS[kind]}, {epochs} epochs"
        table.setdefault(label, {})[f"{rate:g}"] = f"{row['f1']:.3f}{failures}{star}"
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(columns="Learning rate")


def refined_grid() -> pd.DataFrame:
    """One row per way to go on from a trained guard and learning rate; a star marks what is used.

    Columns: F1 of the guard that was gone on from and of the one that came of it, as `grid` has it,
    and their difference.
    """
    means = (
        tuning.refined_results()
        .groupby(["kind", "learning_rate"], as_index=False)
        .agg(before=("before", "mean"), f1=("f1", "mean"))
    )
    rows = {}
    for row in means.to_dict("records"):
        kind, rate, before, after = (
            row[name] for name in ("kind", "learning_rate", "before", "f1")
        )
        star = " *" if rate == tuning.best_rate(kind) else ""
        rows[f"{_REFINED[kind]}, {rate:g}"] = {
            "Before": f"{before:.3f}",
            "After": f"{after:.3f}{star}",
            "Change": f"{after - before:+.3f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Learning rate")


def numbers() -> dict[str, str]:
    """What the page's prose quotes, by name."""
    non_reasoning, reasoning = map(_chosen, tuning.SHARED)
    return {
        "settings_seeds": str(tuning.results()["seed"].nunique()),
        "settings_non_reasoning": non_reasoning,
        "settings_reasoning": reasoning,
    }


def _chosen(kinds: list[str]) -> str:
    """The setting used, and on which edges of its grid it lies."""
    epochs, rate = tuning.best(kinds)
    tried = {"number of epochs": tuning.KINDS[kinds[0]][1], "learning rate": tuning.LEARNING_RATES}
    edges = [
        f"the {end} {name} tried"
        for (name, values), value in zip(tried.items(), (epochs, rate), strict=True)
        for end, extreme in (("highest", max(values)), ("lowest", min(values)))
        if value == extreme
    ]
    return f"{epochs} epochs at {rate:g} ({' and '.join(edges) or 'inside its grid'})"
