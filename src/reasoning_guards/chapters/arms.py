"""Guards by what they are trained on, as values: the arms that chapters compare."""

from reasoning_guards import backbones
from reasoning_guards.chapters import benchmarks
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Backbone, Decontamination, Recipe, TraceSpec


def backbones_by_seed(profile: Profile) -> dict[int, Backbone]:
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
        cells=benchmarks.scored(profile), near=profile.overlapping == "drop_near"
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
            sft=sft,
            seed=seed,
            decontamination=decontamination if dropped else None,
            reading=benchmarks.reading(profile, train_set, None),
            unlabelled_refusals=profile.unlabelled_refusals if profile.refusal_line else "drop",
        )
        for seed, backbone in backbones_by_seed(profile).items()
    }
