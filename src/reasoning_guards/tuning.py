"""How each kind of guard's settings were chosen: a grid on validation data, no test set touched.

`python -m reasoning_guards.tuning params/cpu.yaml` runs the grid at that profile's size and writes
`tuning.csv`, from which the book shows it; the one there was run with 400 examples. NR is given as
many settings as R, and longer training, so that a gap between them is not one of care.
"""

import sys
from importlib.resources import files
from itertools import product
from pathlib import Path

import pandas as pd

from reasoning_guards import params, scheduler, scoring
from reasoning_guards.chapters.arms import guards
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Mode, TraceSpec
from reasoning_guards.study import Study, Variant

RESULTS = "tuning.csv"
SEEDS = (0, 1)
VALIDATED = 100
LEARNING_RATES = (1e-3, 2e-3, 4e-3)
KINDS: dict[str, tuple[TraceSpec | None, tuple[int, ...]]] = {
    "nr": (None, (4, 8, 12)),
    "r_1": (TraceSpec(teacher="rule", sentences=1), (2, 4, 6)),
    "r_full": (TraceSpec(teacher="rule"), (2, 4, 6)),
}
SHARED = (["nr"], ["r_1", "r_full"])
"""Kinds that share their settings, since they share a profile's."""
CELLS = tuple(
    Cell(dataset=dataset, task=task, split="validation")
    for dataset in ("synthetic/meadow", "synthetic/orchard")
    for task in ("prompt", "response")
)


def results() -> pd.DataFrame:
    """The grid as it was run, a row per setting and seed.

    Columns: kind, epochs, learning_rate, seed, f1 (mean of the four cells), unparsable (how many of
    their answers).
    """
    with files(__package__).joinpath(RESULTS).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def best(kinds: list[str]) -> tuple[int, float]:
    """Epochs and learning rate with the highest mean F1 over these kinds and all seeds."""
    grid = results()
    means = grid[grid["kind"].isin(kinds)].groupby(["epochs", "learning_rate"])["f1"].mean()
    chosen: tuple[int, float] = means.idxmax()  # type: ignore[assignment]  # two index levels
    return int(chosen[0]), float(chosen[1])


def run(profile: Profile) -> pd.DataFrame:
    """Train and validate every setting; what was run before is not run again.

    Args:
        profile: gives all that the grid does not vary, the number of training examples above all.
    """
    studies = {
        setting: _study(profile, setting)
        for kind, (_, epochs) in KINDS.items()
        for setting in product([kind], epochs, LEARNING_RATES)
    }
    values = [value for study in studies.values() for value in study.generations()]
    one = next(iter(studies.values()))
    scheduler.run(values, one.resources(), profile.workers, _say)
    rows = []
    for (kind, epochs, rate), study in studies.items():
        for seed, frame in study.judgements(kind).groupby("seed"):
            scored = scoring.scores(frame)
            rows.append(
                {
                    "kind": kind,
                    "epochs": epochs,
                    "learning_rate": rate,
                    "seed": seed,
                    "f1": round(scored["f1"].mean(), 4),
                    "unparsable": int(scored["unparsable"].sum()),
                }
            )
    return pd.DataFrame(rows)


def _study(profile: Profile, setting: tuple[str, int, float]) -> Study:
    kind, epochs, rate = setting
    traces, _ = KINDS[kind]
    tried = profile.model_copy(
        update={
            "seeds": list(SEEDS),
            "generations": 1,
            "epochs_reasoning": epochs,
            "epochs_non_reasoning": epochs,
            "learning_rate_reasoning": rate,
            "learning_rate_non_reasoning": rate,
            "eval_examples": VALIDATED,
        }
    )
    mode: Mode = "non-reasoning" if traces is None else "reasoning"
    variant = Variant(kind, kind, guards(tried, traces), mode, CELLS)
    return Study("tuning", tried, {kind: variant})


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    grid = run(params.load(Path(sys.argv[1])))
    grid.to_csv(str(files(__package__).joinpath(RESULTS)), index=False)
