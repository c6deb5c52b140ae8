"""Differences of variants that no claim is about: with intervals, and seed by seed."""

from collections.abc import Mapping

import pandas as pd

from reasoning_guards import claims, intervals
from reasoning_guards.report import frames, tables
from reasoning_guards.study import Study

AVERAGES = {"Prompt": "prompt", "Response": "response", "Safety average": "safety"}


def table(
    study: Study, judged: Mapping[str, pd.DataFrame], pairs: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """A row per pair: mean F1 of the first minus that of the second, paired by example and seed.

    Columns: each average's difference with its 95 % cluster-bootstrap interval, and the safety
    average's difference seed by seed. Seeds that one of the two lacks are left out.

    Args:
        study: whose cells and replicates.
        judged: judgements by variant.
        pairs: what a row is called → its two variants.
    """
    rows = {}
    for label, names in pairs.items():
        row = {
            heading: tables.with_interval(difference(study, judged, names, average), signed=True)
            for heading, average in AVERAGES.items()
        }
        row["By seed"] = ", ".join(f"{one:+.3f}" for one in by_seed(study, judged, names))
        rows[label] = row
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Difference")
    return frames.of_run(frame, study, "contrasts")


def difference(
    study: Study,
    judged: Mapping[str, pd.DataFrame],
    names: tuple[str, str],
    average: str = "safety",
) -> intervals.Interval:
    """The first variant's average F1 minus the second's."""
    profile = study.profile
    return intervals.bootstrap_difference(
        *of_shared_seeds(judged, names),
        claims.cells(average, profile.world),
        profile.bootstrap_replicates,
        policy=profile.parse_policy,
    )


def by_seed(
    study: Study, judged: Mapping[str, pd.DataFrame], names: tuple[str, str]
) -> list[float]:
    """The difference of safety averages for each seed that both have."""
    cells = claims.cells("safety", study.profile.world)
    frames = of_shared_seeds(judged, names)
    return intervals.seed_contrasts(frames, (1, -1), cells, study.profile.parse_policy)


def glued(
    study: Study, judged: Mapping[str, pd.DataFrame], pairs: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """`<pair>_difference`, `_low` and `_high` of each pair's safety average, as prose quotes them.

    A pair's name is its label in lower case with underscores.
    """
    values = {}
    for label, names in pairs.items():
        found, name = difference(study, judged, names), label.lower().replace(" ", "_")
        for end, value in (
            ("difference", found.estimate), ("low", found.low), ("high", found.high),
        ):  # fmt: skip
            values[f"{name}_{end}"] = f"{value:+.3f}"
    return values


def of_shared_seeds(
    judged: Mapping[str, pd.DataFrame], names: tuple[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both variants' judgements, of the seeds that both have."""
    first, second = (judged[name] for name in names)
    shared = set(first["seed"]) & set(second["seed"])
    return first[first["seed"].isin(shared)], second[second["seed"].isin(shared)]
