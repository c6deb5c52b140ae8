"""What the smoke profile must come to on any machine: bounds found from many seeds, not floats.

`python -m reasoning_guards.regression 20` runs the smoke profile with that many seeds and writes
the bounds anew; do that whenever a change is meant to move the results.
"""

import sys
from collections.abc import Mapping
from importlib.resources import files

import pandas as pd

from reasoning_guards import claims, scoring
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.params import Profile
from reasoning_guards.study import Study

BOUNDS = "regression_bounds.csv"
# Beyond the least and the greatest of the seeds seen, as a share of the distance between them. The
# smoke profile's own seed is among them, so only what another machine's arithmetic does to it is to
# be allowed for, and that is less than what another seed does.
MARGIN = 0.1
# What learns from the labels comes before what cannot.
ORDERINGS = [
    (learner, other)
    for learner in ("nr", "r_full", "r_1")
    for other in ("r_filler", "r_shuffled", "null_nr", "null_r")
]


def quantities(study: Study, judged: Mapping[str, pd.DataFrame]) -> pd.Series:
    """What is bounded for each variant: F1, agreement with the truth, answers without a verdict.

    Agreement is Cohen's kappa over all answers, which is near 0 for whoever has learnt nothing,
    however often they say "harmful"; the F1 of a guard of that kind may be anything.
    """
    world, policy = study.profile.world, study.profile.parse_policy
    found: dict[str, float] = {}
    for name, frame in judged.items():
        cells = claims.cells("safety", world)
        counts = scoring.outcomes(frame, policy)[list(scoring.OUTCOMES)].sum()
        found[f"{name}: safety average"] = scoring.average(scoring.scores(frame, policy), cells)
        found[f"{name}: kappa"] = float(scoring.cohen_kappa(*(counts.to_numpy(float)[:, None]))[0])
        found[f"{name}: unparsable share"] = float(frame["predicted"].isna().mean())
    for better, worse in ORDERINGS:
        if better not in judged or worse not in judged:
            continue
        found[f"{better} minus {worse}, kappa"] = (
            found[f"{better}: kappa"] - found[f"{worse}: kappa"]
        )
    return pd.Series(found).round(4)


def check(study: Study, judged: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Counts, and for each quantity whether it lies within its bounds; the same on any machine.

    Other profiles than smoke have no bounds, so only their counts are given.
    """
    rows = {f"{name}: answers": str(len(frame)) for name, frame in judged.items()} | {
        f"{name}: harmful": str(int(frame["truth"].sum())) for name, frame in judged.items()
    }
    if study.profile == CHAPTERS[study.chapter](Profile()).profile:
        bounds = _bounds(study.chapter)
        for name, value in quantities(study, judged).items():
            low, high = bounds.loc[str(name), ["low", "high"]]
            within = low <= value <= high
            rows[str(name)] = (
                f"within [{low}, {high}]" if within else f"{value} is outside [{low}, {high}]"
            )
    return pd.DataFrame({"": rows}).rename_axis("Regression")


def _bounds(chapter: str) -> pd.DataFrame:
    with files(__package__).joinpath(BOUNDS).open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table[table["chapter"] == chapter].set_index("quantity")


def measure(seeds: int) -> pd.DataFrame:
    """Run every chapter's smoke profile with each seed: the bounds of each quantity.

    Returns:
        Columns: chapter, quantity, seeds, least, greatest, low, high.
    """
    rows = []
    for name, chapter in CHAPTERS.items():
        runs = []
        for seed in range(seeds):
            study = chapter(Profile(seeds=[seed]))
            study.run(_say)
            runs.append(quantities(study, study.judged()))
        table = pd.DataFrame(runs)
        for quantity in table:
            least, greatest = table[quantity].min(), table[quantity].max()
            reach = max(MARGIN * (greatest - least), 0.01)
            rows.append(
                {
                    "chapter": name,
                    "quantity": quantity,
                    "seeds": seeds,
                    "least": least,
                    "greatest": greatest,
                    "low": round(least - reach, 3),
                    "high": round(greatest + reach, 3),
                }
            )
    return pd.DataFrame(rows)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    measure(int(sys.argv[1])).to_csv(str(files(__package__).joinpath(BOUNDS)), index=False)
