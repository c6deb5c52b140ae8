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
    """One row per way to go on from a trained guard, one column per learning rate.

    Values: mean F1 as `grid` has it, and its mean difference from the guard that was gone on from,
    whose own F1 is the first column's. A star marks the setting that is used.
    """
    table: dict[str, dict[str, str]] = {}
    means = (
        tuning.refined_results()
        .groupby(["kind", "learning_rate"], as_index=False)
        .agg(f1=("f1", "mean"), before=("before", "mean"))
    )
    for row in means.to_dict("records"):
        kind, rate, before = row["kind"], row["learning_rate"], row["before"]
        star = " *" if rate == tuning.best_rate(kind) else ""
        shown = table.setdefault(_REFINED[kind], {"Before": f"{before:.3f}"})
        shown[f"{rate:g}"] = f"{row['f1']:.3f} ({row['f1'] - before:+.3f}){star}"
    found = pd.DataFrame.from_dict(table, orient="index").rename_axis(columns="Learning rate")
    rates = sorted(found.columns[1:], key=float)
    return found[["Before", *rates]].fillna("–")


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
