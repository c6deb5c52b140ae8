"""What guards must have learnt on any machine: bounds found from many seeds, not floats.

Smoke is too small for that, so the guards of the first chapter are trained for longer by the test
suite; what the notebooks compare is that every answer is there. `python -m
reasoning_guards.regression 20` trains them with that many seeds and writes the bounds anew; do that
whenever a change is meant to move the results.
"""

import sys
from collections.abc import Mapping
from importlib.resources import files

import pandas as pd

from reasoning_guards import claims, scoring
from reasoning_guards.chapters.efficacy import rq1_efficacy
from reasoning_guards.params import Profile
from reasoning_guards.study import Study

BOUNDS = "regression_bounds.csv"
LEARNT = Profile(
    n_train=640,
    batch_size=16,
    epochs_reasoning=6,
    epochs_non_reasoning=12,
    learning_rate_reasoning=8e-3,
    learning_rate_non_reasoning=2e-3,
    max_new_tokens_reasoning=200,
    eval_examples=40,
)
"""With what the bounds were found: settings under which guards of both kinds learn."""
# Beyond the least and the greatest of the seeds seen, as a share of the distance between them.
# Another machine's arithmetic can move a result as far as another seed does, and has once moved one
# beyond the extremes of twenty seeds.
MARGIN = 0.5
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
        everywhere = {*claims.cells("safety", world)} <= {*frame["cell"]}
        average = "safety" if everywhere else "custom"
        cells = claims.cells(average, world)
        counts = scoring.outcomes(frame, policy)[list(scoring.OUTCOMES)].sum()
        found[f"{name}: {average} average"] = scoring.average(scoring.scores(frame, policy), cells)
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
    """How many answers there are, and how many of the examples harmful; the same on any machine."""
    rows = {f"{name}: answers": str(len(frame)) for name, frame in judged.items()} | {
        f"{name}: harmful": str(int(frame["truth"].sum())) for name, frame in judged.items()
    }
    return pd.DataFrame({"": rows}).rename_axis("Regression")


def outside(study: Study, judged: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Which quantities of a study with `LEARNT` lie outside their bounds: quantity → why."""
    bounds = _bounds(study.chapter)
    found = {}
    for name, value in quantities(study, judged).items():
        low, high = bounds.loc[str(name), ["low", "high"]]
        if not low <= value <= high:
            found[str(name)] = f"{value} is outside [{low}, {high}]"
    return found


def _bounds(chapter: str) -> pd.DataFrame:
    with files(__package__).joinpath(BOUNDS).open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table[table["chapter"] == chapter].set_index("quantity")


def measure(seeds: int) -> pd.DataFrame:
    """Train the first chapter's guards with each seed: the bounds of each quantity.

    Returns:
        Columns: chapter, quantity, seeds, least, greatest, low, high.
    """
    runs = []
    for seed in range(seeds):
        study = rq1_efficacy(LEARNT.model_copy(update={"seeds": [seed]}))
        study.run(_say)
        runs.append(quantities(study, study.judged()))
    table = pd.DataFrame(runs)
    rows = []
    for quantity in table:
        least, greatest = table[quantity].min(), table[quantity].max()
        reach = max(MARGIN * (greatest - least), 0.01)
        rows.append(
            {
                "chapter": "rq1_efficacy",
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
