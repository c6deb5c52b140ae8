"""A study that the paper has not: guards at equal rates of false positives, and a cascade."""

from reasoning_guards import datasets
from reasoning_guards.chapters import benchmarks
from reasoning_guards.chapters.arms import guards, traced
from reasoning_guards.datasets import own
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell
from reasoning_guards.study import Study, Variant

VALIDATED = {"nr": "nr_validation", "r_full": "r_full_validation"}
"""Which variant is a guard's answers to the validation data."""
_SPLIT = "validation"


class NoValidationError(UserError):
    """Thresholds are to be chosen on validation data that there are none of."""


def verdict_probabilities(profile: Profile) -> Study:
    """Do traces still help when both guards let through as many false positives?

    The guards are RQ1's. Beside the benchmarks they are asked validation data, on which thresholds
    are chosen: those of the training set, or of the other one where it has none, as WildGuardMix
    has not.
    """
    cells, validation = benchmarks.safety_cells(profile), validation_cells(profile)
    nr, r_full = guards(profile, None), guards(profile, traced(profile))
    variants = [
        Variant("nr", "NR", nr, "non-reasoning", cells),
        Variant("r_full", "R (full)", r_full, "reasoning", cells),
        Variant(VALIDATED["nr"], "NR, validation", nr, "non-reasoning", validation),
        Variant(VALIDATED["r_full"], "R (full), validation", r_full, "reasoning", validation),
    ]
    by_name = {variant.name: variant for variant in variants}
    return Study("verdict_probabilities", profile, by_name, read=tuple(by_name))


def validation_cells(profile: Profile) -> tuple[Cell, ...]:
    """Prompts and responses of the first training set that has a validation split.

    Raises:
        NoValidationError: if none has.
    """
    policy = benchmarks.safety_cells(profile)[0].policy
    for given in (profile.train_set, profile.other_train_set):
        dataset = benchmarks.set_name(given)
        if _SPLIT in _splits(dataset):
            tasks = own.spec(dataset).tasks if dataset.startswith(own.PREFIX) else _BOTH
            return tuple(
                Cell(
                    dataset=dataset,
                    task=task,
                    split=_SPLIT,
                    policy=policy,
                    revision=benchmarks.revision(profile, dataset),
                    reading=benchmarks.reading(profile, dataset, task),
                )
                for task in tasks
            )
    raise NoValidationError(
        "Neither train_set nor other_train_set has a split called validation, on which thresholds "
        "could be chosen: name a set that has one as other_train_set."
    )


_BOTH: tuple[Task, ...] = ("prompt", "response")


def _splits(dataset: str) -> set[str]:
    if dataset.startswith(own.PREFIX):
        spec = own.spec(dataset)
        return set(spec.hub.splits if spec.hub else spec.files)
    named = datasets.hub_id(dataset)
    return set(datasets.HUB_SPLITS[named]) if named else {_SPLIT}  # embedded training sets have it
