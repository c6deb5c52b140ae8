"""The variants and cells of each chapter, known without executing its notebook."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from reasoning_guards import backbones, claims, datasets
from reasoning_guards.datasets import own
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Backbone, Cell, Decontamination, Recipe, TraceSpec
from reasoning_guards.study import Study, Variant

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


def rq1_efficacy(profile: Profile) -> Study:
    """RQ1: do reasoning guard models beat non-reasoning ones? (paper §5.1, Tables 1, 5, 6)

    Beside the paper's arms stand controls of equal length that hold nothing about the example (a
    filler trace, another example's trace), and a null world in which labels are random.
    """
    cells = safety_cells(profile) + own_cells(profile)
    fewer = profile.model_copy(update={"seeds": profile.seeds[: profile.control_seeds]})
    null = tuple(cell.model_copy(update={"labels": "random"}) for cell in cells)
    one = TraceSpec(teacher=profile.teacher, sentences=1)
    full = TraceSpec(teacher=profile.teacher)
    filler = one.model_copy(update={"content": "filler"})
    shuffled = one.model_copy(update={"content": "shuffled"})
    variants = [
        Variant("backbone", "Backbone, not trained", _backbones(profile), "reasoning", cells),
        Variant("nr", "NR", guards(profile, None), "non-reasoning", cells),
        Variant("r_full", "R (full)", guards(profile, full), "reasoning", cells),
        Variant("r_1", "R (1 sentence)", guards(profile, one), "reasoning", cells),
    ]
    if profile.world == "embedded":
        variants += [
            Variant("r_filler", "R (filler)", guards(fewer, filler), "reasoning", cells),
            Variant("r_shuffled", "R (shuffled)", guards(fewer, shuffled), "reasoning", cells),
            Variant("null_nr", "NR, null", _null(guards(fewer, None)), "non-reasoning", null),
            Variant("null_r", "R (full), null", _null(guards(fewer, full)), "reasoning", null),
        ]
    return Study("rq1_efficacy", profile, {variant.name: variant for variant in variants})


def null_world(judged: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """RQ1's two arms as taught and judged by random labels, under the names its claims use."""
    return {"nr": judged["null_nr"], "r_full": judged["null_r"]}


CHAPTERS: dict[str, Callable[[Profile], Study]] = {"rq1_efficacy": rq1_efficacy}


def safety_cells(profile: Profile) -> tuple[Cell, ...]:
    """The nine cells of the paper's safety average, or the embedded ones in their place.

    Raises:
        NoTaxonomyError: in the hub world, if the training set is none of the paper's.
    """
    policy = None
    if profile.world == "hub":
        train_set = _set_name(profile.train_set)
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
            revision=_revision(profile, dataset),
        )
        for dataset, task in names
    )


def _revision(profile: Profile, dataset: str) -> str:
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


def own_cells(profile: Profile) -> tuple[Cell, ...]:
    """What is scored on the profile's own benchmarks: each task that they label.

    Raises:
        own.OwnSetError, UserError: on the first thing in their files that is wrong.
    """
    names = [_set_name(benchmark) for benchmark in profile.benchmarks]
    return tuple(Cell(dataset=name, task=task) for name in names for task in own.spec(name).tasks)


def _set_name(given: str) -> str:
    """A set's name in values: that of its content, for a set of your own."""
    return own.adopt(Path(given)) if own.is_file(given) else given


def _backbones(profile: Profile) -> dict[int, Backbone]:
    """One per seed; the embedded world's pretrainings take turns."""
    return {
        seed: Backbone(
            name=backbones.for_seed(profile.backbone, seed, profile.seeds),
            revision=profile.backbone_revision,
            template=profile.template,
            refusal_line=profile.refusal_line,
        )
        for seed in profile.seeds
    }


def _null(guards: dict[int, Recipe]) -> dict[int, Recipe]:
    """The same guards taught random labels."""
    return {seed: guard.model_copy(update={"labels": "random"}) for seed, guard in guards.items()}


def guards(profile: Profile, traces: TraceSpec | None) -> dict[int, Recipe]:
    """Each seed's recipe, with the profile's settings for guards of this kind."""
    kind = "non_reasoning" if traces is None else "reasoning"
    sft = SFT(
        epochs=getattr(profile, f"epochs_{kind}"),
        learning_rate=getattr(profile, f"learning_rate_{kind}"),
        batch_size=profile.batch_size,
        warmup_ratio=profile.warmup_ratio,
        weight_decay=profile.weight_decay,
        max_length=profile.max_length,
        precision=profile.precision,
    )
    dropped = profile.overlapping != "keep"
    decontamination = Decontamination(
        cells=safety_cells(profile) + own_cells(profile), near=profile.overlapping == "drop_near"
    )
    return {
        seed: Recipe(
            backbone=backbone,
            train_set=_set_name(profile.train_set),
            train_revision=_revision(profile, profile.train_set),
            n_train=profile.n_train,
            subset_seed=seed,
            traces=traces,
            sft=sft,
            seed=seed,
            decontamination=decontamination if dropped else None,
        )
        for seed, backbone in _backbones(profile).items()
    }
