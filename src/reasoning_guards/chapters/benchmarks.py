"""What guards are scored on: the averages' cells, as values."""

import difflib
from pathlib import Path

from reasoning_guards import claims, datasets
from reasoning_guards.datasets import own
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, Reading

# Whose taxonomy a hub benchmark is judged by: the one the guard was trained on (our choice; the
# paper does not say). In the embedded world each example brings its policy.
_TAXONOMY = {
    "allenai/wildguardmix": "wildguardmix",
    "nvidia/Aegis-AI-Content-Safety-Dataset-2.0": "aegis2",
}


class NoTaxonomyError(UserError):
    """Hub benchmarks are to be judged by the taxonomy of a training set that has none here."""


class UnknownDatasetRevisionError(UserError):
    """A revision is set for a dataset that is not on the list of hub datasets."""


def safety_cells(profile: Profile) -> tuple[Cell, ...]:
    """The nine cells of the paper's safety average, or the embedded ones in their place.

    Raises:
        NoTaxonomyError: in the hub world, if the training set is none of the paper's.
    """
    policy = None
    if profile.world == "hub":
        train_set = set_name(profile.train_set)
        policy = train_set if train_set.startswith(own.PREFIX) else _TAXONOMY.get(train_set)
        if policy is None:
            raise NoTaxonomyError(
                f"The world is hub and train_set is {profile.train_set!r}, whose taxonomy is not "
                f"known: set train_set to one of {', '.join(_TAXONOMY)}, "
                "or to the YAML file of a set of your own."
            )
    names = (name.rsplit(":", 1) for name in claims.cells("safety", profile.world))
    return tuple(
        Cell(
            dataset=dataset,
            task=task,  # type: ignore[arg-type]  # the ledger's cells name a task
            split=datasets.TEST_SPLITS.get(dataset, "test"),
            policy=policy,
            revision=revision(profile, dataset),
            reading=reading(profile, dataset, task),  # type: ignore[arg-type]
        )
        for dataset, task in names
    )


def custom_cells(profile: Profile) -> tuple[Cell, ...]:
    """The nine cells of the custom-policy suites, each of whose examples brings its policy."""
    names = (name.rsplit(":", 1) for name in claims.cells("custom", profile.world))
    return tuple(
        Cell(
            dataset=dataset,
            task=task,  # type: ignore[arg-type]  # the ledger's cells name a task
            split=datasets.TEST_SPLITS.get(dataset, "test"),
            revision=revision(profile, dataset),
            reading=reading(profile, dataset, task),  # type: ignore[arg-type]
        )
        for dataset, task in names
    )


def scored(profile: Profile) -> tuple[Cell, ...]:
    """What a chapter's guards are scored on: the safety average, and the profile's own sets."""
    return safety_cells(profile) + own_cells(profile)


def all_cells(profile: Profile) -> tuple[Cell, ...]:
    """Every cell that some chapter scores: those of both averages, and the profile's own sets'."""
    return scored(profile) + custom_cells(profile)


def revision(profile: Profile, dataset: str) -> str:
    """The revision that the profile sets for a hub dataset, and `main` for any other set.

    Raises:
        UnknownDatasetRevisionError: if the profile sets one for a dataset that is not known.
    """
    for named in profile.dataset_revisions:
        if named not in datasets.HUB_SPLITS:
            near = difflib.get_close_matches(named, datasets.HUB_SPLITS, n=1, cutoff=0)[0]
            raise UnknownDatasetRevisionError(
                f"dataset_revisions names {named!r}, which is no hub dataset known here: did you "
                f"mean {near!r}?"
            )
    return profile.dataset_revisions.get(datasets.hub_id(dataset) or "", "main")


def reading(profile: Profile, dataset: str, task: Task | None) -> Reading:
    """How the profile has a set read for a task, or for training (None): its choices that matter.

    A choice about one dataset so changes the keys of what is made from that dataset, and no other.
    """
    wanted = Reading(**{field: getattr(profile, field) for field in Reading.model_fields})
    return datasets.reading(dataset, task, wanted)


def own_cells(profile: Profile) -> tuple[Cell, ...]:
    """What is scored on the profile's own benchmarks: each task that they label.

    Raises:
        own.OwnSetError, UserError: on the first thing in their files that is wrong.
    """
    names = [set_name(benchmark) for benchmark in profile.benchmarks]
    return tuple(
        Cell(dataset=name, task=task, reading=reading(profile, name, task))
        for name in names
        for task in own.spec(name).tasks
    )


def set_name(given: str) -> str:
    """A set's name in values: that of its content, for a set of your own.

    Raises:
        datasets.UnknownDatasetError, own.OwnSetError: if there is none of that name.
    """
    return own.adopt(Path(given)) if own.is_file(given) else datasets.require(given)
