"""Guards by what they are trained on, as values: the arms that chapters compare."""

from typing import Literal

from reasoning_guards import backbones, datasets
from reasoning_guards.chapters import benchmarks
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Backbone, Decontamination, Mix, Recipe, TraceSpec
from reasoning_guards.traces import require_teacher

KEPT_SHARES = (0.1, 0.2, 0.5)
"""Of the epochs of a guard that repeats few examples, after which its weights are kept as well."""


def backbones_by_seed(profile: Profile) -> dict[int, Backbone]:
    """One per seed; the embedded world's pretrainings take turns.

    Raises:
        backbones.NoModelError, backbones.UnknownBackboneError: if there is none of that name.
    """
    name, revision = backbones.located(profile.backbone, profile.backbone_revision)
    return {
        seed: Backbone(
            name=backbones.for_seed(name, seed, profile.seeds),
            revision=revision,
            template=profile.template,
            refusal_line=profile.refusal_line,
        )
        for seed in profile.seeds
    }


def traced(profile: Profile, sentences: int | None = None) -> TraceSpec:
    """Traces of the profile's teacher, full or of so many sentences.

    Raises:
        traces.UnknownTeacherError: if there is none of that name.
    """
    return TraceSpec(teacher=require_teacher(profile.teacher), sentences=sentences)


def changed(profile: Profile, **fields: object) -> Profile:
    """The profile with other values for some parameters: how an arm differs from the others."""
    return profile.model_copy(update=fields)


def fewer(profile: Profile) -> Profile:
    """The profile with the seeds that controls and exploratory arms are given."""
    return changed(profile, seeds=profile.seeds[: profile.control_seeds])


def on_other_set(profile: Profile) -> Profile:
    """The profile with the other training set, which labels no refusals to be learnt."""
    return changed(profile, train_set=profile.other_train_set, refusal_line=False)


def equal_steps(profile: Profile, size: int) -> Profile:
    """So many examples, repeated until they make as many steps as the largest of `sizes`.

    With 500 examples this is the paper's 50 epochs (section 5.5), with 5000 its five.
    """
    epochs = profile.epochs_reasoning * profile.sizes[-1] // size
    return changed(profile, n_train=size, epochs_reasoning=epochs)


def repeating(profile: Profile, size: int) -> dict[int, Recipe]:
    """Guards that learn from full traces with `equal_steps`, for each chapter that asks them.

    Of those with the fewest examples the weights are kept on the way as well.
    """
    repeated = equal_steps(profile, size)
    epochs = repeated.epochs_reasoning
    on_the_way = {round(epochs * share) for share in KEPT_SHARES} - {0, epochs}
    kept = sorted(on_the_way) if size == profile.sizes[0] else ()
    return guards(repeated, traced(profile), kept_epochs=tuple(kept))


def guards(
    profile: Profile,
    traces: TraceSpec | None,
    *,
    dual: bool | Literal["both"] = False,
    dialogues: bool = False,
    kept_epochs: tuple[int, ...] = (),
) -> dict[int, Recipe]:
    """Each seed's recipe, with the profile's settings for guards of this kind.

    Args:
        profile: everything else.
        traces: None for guards that answer at once.
        dual, kept_epochs: as `Recipe` has them.
        dialogues: whether the profile's topic-following dialogues are mixed in.
    """
    kind = "non_reasoning" if traces is None else "reasoning"
    sft = SFT(
        epochs=getattr(profile, f"epochs_{kind}"),
        learning_rate=getattr(profile, f"learning_rate_{kind}"),
        batch_size=profile.batch_size,
        warmup_ratio=profile.warmup_ratio,
        weight_decay=profile.weight_decay,
        max_length=profile.max_length,
        precision=profile.precision,
        lora_rank=profile.lora_rank,
    )
    dropped = profile.overlapping != "keep"
    decontamination = Decontamination(
        cells=benchmarks.all_cells(profile), near=profile.overlapping == "drop_near"
    )
    train_set = benchmarks.set_name(profile.train_set)
    return {
        seed: Recipe(
            backbone=backbone,
            train_set=train_set,
            train_revision=benchmarks.revision(profile, profile.train_set),
            n_train=profile.n_train,
            subset_seed=seed,
            subset=profile.subset,
            stratified=profile.stratified,
            traces=traces,
            dual=dual,
            sft=sft,
            seed=seed,
            decontamination=decontamination if dropped else None,
            mix=_mix(profile, seed) if dialogues else None,
            kept_epochs=kept_epochs,
            reading=benchmarks.reading(profile, train_set, None),
            unlabelled_refusals=profile.unlabelled_refusals if profile.refusal_line else "drop",
        )
        for seed, backbone in backbones_by_seed(profile).items()
    }


def _mix(profile: Profile, seed: int) -> Mix:
    return Mix(
        dataset=datasets.require(profile.dialogues),
        examples=profile.n_dialogues,
        seed=seed,
        revision=benchmarks.revision(profile, profile.dialogues),
    )
