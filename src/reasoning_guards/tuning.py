"""How settings were chosen: grids on validation data, no test set touched.

`python -m reasoning_guards.tuning params/cpu.yaml` runs the grids at that profile's size and writes
`tuning.csv` and `tuning_refined.csv`, from which the book shows them. NR is given as many settings
as R, and longer training, so that a gap between them is not one of care. What goes on from a
trained guard is tried with several learning rates, each guard with the same seeds.
"""

import sys
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from reasoning_guards import params, scheduler, scoring
from reasoning_guards.chapters import difficult, grpo
from reasoning_guards.chapters.arms import changed, guards, traced
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Mode, Recipe, TraceSpec
from reasoning_guards.study import Study, Variant

RESULTS = "tuning.csv"
SEEDS = (0, 1)
VALIDATED = 100
LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
KINDS: dict[str, tuple[TraceSpec | None, tuple[int, ...]]] = {
    "nr": (None, (4, 8, 12)),
    "r_1": (TraceSpec(teacher="rule", sentences=1), (2, 4, 6)),
    "r_full": (TraceSpec(teacher="rule"), (2, 4, 6)),
}
SHARED = (["nr"], ["r_1", "r_full"])
"""Kinds that share their settings, since they share a profile's."""
REFINED = "tuning_refined.csv"
REFINED_RATES = {
    "continual": (5e-4, 1e-3, 2e-3),
    "dpo": (1e-5, 3e-5, 1e-4, 3e-4),
    "grpo": (3e-5, 1e-4, 3e-4, 1e-3),
}
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


def tuned(profile: Profile) -> Profile:
    """The profile with the best settings of each kind of guard."""
    (at_once, rate_at_once), (reasoning, rate_reasoning) = map(best, SHARED)
    return changed(
        profile,
        epochs_non_reasoning=at_once,
        learning_rate_non_reasoning=rate_at_once,
        epochs_reasoning=reasoning,
        learning_rate_reasoning=rate_reasoning,
    )


def refined_results() -> pd.DataFrame:
    """What goes on from a trained guard, as it was run: a row per kind, learning rate and seed.

    Columns: kind, learning_rate, seed, f1 and unparsable as `results` has them, before (F1 of the
    guard that it goes on from).
    """
    with files(__package__).joinpath(REFINED).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def best_rate(kind: str) -> float:
    """The learning rate with the highest mean F1 over all seeds."""
    grid = refined_results()
    best: float = grid[grid["kind"] == kind].groupby("learning_rate")["f1"].mean().idxmax()  # type: ignore[assignment]  # one index level
    return best


def run(profile: Profile) -> pd.DataFrame:
    """Train and validate every setting; what was run before is not run again.

    Args:
        profile: gives all that the grid does not vary, the number of training examples above all.
    """
    return _validated(
        {
            setting: _study(profile, setting)
            for kind, (_, epochs) in KINDS.items()
            for setting in product([kind], epochs, LEARNING_RATES)
        },
        ["kind", "epochs", "learning_rate"],
    )


def run_refined(profile: Profile) -> pd.DataFrame:
    """`run` for what goes on from a trained guard, whose settings are the profile's."""
    found = _validated(
        {
            (kind, rate): _refined(profile, kind, rate)
            for kind, rates in REFINED_RATES.items()
            for rate in rates
        },
        ["kind", "learning_rate"],
    )
    tried = _tried(profile)
    starts = {(kind,): _one_variant(tried, kind, start) for kind, start in _starts(tried).items()}
    before = _validated(starts, ["kind"]).rename(columns={"f1": "before"})
    return found.merge(before.drop(columns="unparsable"), on=["kind", "seed"])


def _validated(studies: dict[tuple[Any, ...], Study], named: list[str]) -> pd.DataFrame:
    """Run studies of one variant each: a row per setting and seed.

    Args:
        studies: by their setting.
        named: what a setting's parts are called.
    """
    values = [value for study in studies.values() for value in study.generations()]
    one = next(iter(studies.values()))
    scheduler.run(values, one.resources(), one.profile.workers, _say)
    rows = []
    for setting, study in studies.items():
        (variant,) = study.variants
        for seed, frame in study.judgements(variant).groupby("seed"):
            scored = scoring.scores(frame)
            rows.append(
                dict(zip(named, setting, strict=True))
                | {
                    "seed": seed,
                    "f1": round(scored["f1"].mean(), 4),
                    "unparsable": int(scored["unparsable"].sum()),
                }
            )
    return pd.DataFrame(rows)


def _study(profile: Profile, setting: tuple[str, int, float]) -> Study:
    kind, epochs, rate = setting
    traces, _ = KINDS[kind]
    tried = changed(
        _tried(profile),
        epochs_reasoning=epochs,
        epochs_non_reasoning=epochs,
        learning_rate_reasoning=rate,
        learning_rate_non_reasoning=rate,
    )
    mode: Mode = "non-reasoning" if traces is None else "reasoning"
    return _one_variant(tried, kind, guards(tried, traces), mode)


def _refined(profile: Profile, kind: str, rate: float) -> Study:
    tried = changed(
        _tried(profile),
        learning_rate_continual=rate,
        learning_rate_dpo=rate,
        learning_rates_grpo=[rate],
    )
    how = {
        "continual": difficult.continual,
        "dpo": difficult.preference,
        "grpo": grpo.group_relative,
    }[kind]
    return _one_variant(tried, kind, difficult.refined(_starts(tried)[kind], how(tried)))


def _starts(profile: Profile) -> dict[str, dict[int, Recipe]]:
    """The guards that each kind goes on from."""
    full = guards(profile, traced(profile))
    return {"continual": full, "dpo": full, "grpo": grpo.start(profile)}


def _tried(profile: Profile) -> Profile:
    """With the grids' seeds, asked on validation data once each."""
    return changed(profile, seeds=list(SEEDS), generations=1, eval_examples=VALIDATED)


def _one_variant(
    profile: Profile, name: str, by_seed: dict[int, Recipe], mode: Mode = "reasoning"
) -> Study:
    return Study("tuning", profile, {name: Variant(name, name, by_seed, mode, CELLS)})


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    wanted, folder = params.load(Path(sys.argv[1])), files(__package__)
    run(wanted).to_csv(str(folder.joinpath(RESULTS)), index=False)
    run_refined(tuned(wanted)).to_csv(str(folder.joinpath(REFINED)), index=False)
