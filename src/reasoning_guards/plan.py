"""What a profile would run, before anything runs: cached or not, and its cost, with its source.

Costs are measured where the artifact is there, and otherwise assumed from the constants below.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from reasoning_guards import artifacts, prices
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.params import Profile
from reasoning_guards.recipes import (
    Mining,
    Probability,
    Recipe,
    Timing,
    TraceSpec,
    Work,
    mining,
    needed,
)
from reasoning_guards.study import Study

# Parameters, as the models' cards give them.
PARAMETERS = {
    "meta-llama/Llama-3.1-8B-Instruct": 8.03e9,
    "google/gemma-3-4b-it": 4.30e9,
    "synthetic/": 2.0e5,
}
# Tokens assumed per sequence: hub traces by the paper's averages (section 5.3: about 300 and 15);
# hub prompts are a guess, most of it the taxonomy; embedded ones were counted on its corpora.
TOKENS = {
    "hub": {"prompt": 600, "verdict": 20, "full": 300, "short": 15},
    "embedded": {"prompt": 60, "verdict": 12, "full": 80, "short": 27},
}
# Training examples: rows as published; of the topic dialogues, those with released traces.
EXAMPLES = {
    "allenai/wildguardmix": 86_759,
    "nvidia/Aegis-AI-Content-Safety-Dataset-2.0": 30_007,
    "nvidia/CantTalkAboutThis-Topic-Control-Dataset": 8_712,
    "synthetic/lanes": 1_000,
}
DIFFICULT = 0.15  # of what is mined: the paper's guard judges 85 % right each time (section 5.6)
CELL_EXAMPLES = {"hub": 1_300, "embedded": 280}
# Rates assumed per device. GPU: an A100's 312 TFLOP/s in bfloat16, of which training keeps 40 %
# busy and generation 10 %. CPU: one core on the embedded models, in tokens per second.
PEAK, TRAINING_SHARE, GENERATION_SHARE = 312e12, 0.4, 0.1
CPU_TRAINING_RATE, CPU_GENERATION_RATE = 7.0e3, 4.0e3
# To train, before activations: weights, gradients and AdamW's two moments in float32; with them
# autocast's copy of the weights, where it makes one.
BYTES_TO_TRAIN = {"float32": 16, "bfloat16": 18}
GPUS = {"A100": 80, "H200": 140, "B200": 179}  # GiB, as the driver reports them
FOR_ACTIVATIONS = 0.15  # of a GPU, assumed: one sequence at a time, recomputed in the backward pass


def table(study: Study) -> pd.DataFrame:
    """One row per variant.

    Index: the variant. Columns: Seeds, Training and Answers (cached or to do), Trained on (examples
    times epochs; sequences in all for a guard that goes on), Tokens (trained on, per seed), Memory
    (to train, before activations), Hours (of one device, all its steps and seeds) and Basis
    (measured or assumed).
    """
    profile = study.profile
    rows: list[dict[str, Any]] = []
    for name, variant in study.variants.items():
        answers = study.generations([name])
        recipes = [guard for guard in variant.guards.values() if isinstance(guard, Recipe)]
        mined = [mining(recipe) for recipe in recipes if recipe.refinement]
        steps: list[Work] = [*mined, *recipes, *answers]
        measured = all(artifacts.is_cached(step) for step in steps)
        row: dict[str, Any] = {"Variant": variant.label, "Seeds": len(variant.guards)}
        row |= {"Training": "none"} | dict.fromkeys(("Trained on", "Tokens", "Memory"), "–")
        for recipe in recipes[:1]:
            row |= {
                "Training": _state(recipes),
                "Trained on": f"{_sequences(recipe):,}"
                if recipe.refinement
                else f"{_examples(recipe):,} × {recipe.sft.epochs}",
                "Tokens": f"{_training_tokens(profile, recipe) / 1e6:.1f} M",
                "Memory": f"{_gib_to_train(profile):.2f} GiB",
            }
        row |= {
            "Answers": _state(answers),
            "Hours": sum(_hours(profile, step, measured=measured) for step in steps),
            "Basis": "measured" if measured else "assumed",
        }
        rows.append(row)
    return pd.DataFrame(rows).round({"Hours": 3}).set_index("Variant").rename_axis(None)


def text(profile: Profile) -> str:
    """The plan of every chapter, and of all of them together, as the command line prints it."""
    studies = [chapter(profile) for chapter in CHAPTERS.values()]
    parts = []
    for study in studies:
        its = study.profile
        parts += [
            f"{study.chapter} with profile {its.profile} ({its.backbone}, {its.engine})",
            table(study).to_string(),
            *([room(its)] if its.device == "cuda" and study.recipes() else []),
        ]
    device = "GPU" if profile.device == "cuda" else "core"
    recipes = {recipe for study in studies for recipe in study.recipes()}
    answers = {value for study in studies for value in study.generations()}
    left = hours_left(studies)
    return "\n".join(
        [
            *parts,
            f"Each of them once: {len(recipes)} trainings, {len(answers)} cells answered. With "
            f"{profile.workers} workers the rest takes about {60 * left / profile.workers:.0f} "
            "minutes.",
            f"Still to run: about {left:.1f} {device} hours.",
            f"Distilling by {profile.teacher_model}, all assumed:",
            prices.table(profile).to_string(),
        ]
    )


def room(profile: Profile) -> str:
    """Which GPUs have room for one of the profile's trainings, in two sentences."""
    need = _gib_to_train(profile)
    fitting = {name for name, size in GPUS.items() if need <= size * (1 - FOR_ACTIVATIONS)}
    named = {
        verb: [f"{name} ({GPUS[name]} GiB)" for name in GPUS if (name in fitting) == fits]
        for verb, fits in (("fits", True), ("does not fit", False))
    }
    fits = "; ".join(f"it {verb} {' or '.join(names)}" for verb, names in named.items() if names)
    return (
        f"A training takes {need:.0f} GiB of one GPU before activations, and is not split over "
        f"several, as FSDP would. With {FOR_ACTIVATIONS:.0%} left for activations, {fits}."
    )


class Cost(NamedTuple):
    """What a study takes: hours of one device, each step once, and how many steps are there."""

    hours: float
    basis: str
    cached: int
    steps: int


def cost(study: Study) -> Cost:
    """What all steps of a study take, measured where they are cached and assumed where not."""
    steps = _steps(study.values(), lambda _: True)
    cached = [artifacts.is_cached(step) for step in steps]
    hours = [
        _hours(study.profile, step, measured=there)
        for step, there in zip(steps, cached, strict=True)
    ]
    basis = "measured" if all(cached) else "in part measured" if any(cached) else "assumed"
    return Cost(sum(hours), basis, sum(cached), len(steps))


def hours_left(studies: Sequence[Study]) -> float:
    """Assumed hours of what is missing, each value once, and of all that it waits for."""
    missing: dict[Work, Profile] = {}
    for study in studies:
        for step in _steps(study.values(), lambda step: not artifacts.is_cached(step)):
            missing.setdefault(step, study.profile)
    return sum(_hours(profile, step, measured=False) for step, profile in missing.items())


def _steps(values: Iterable[Work], counts: Callable[[Work], bool]) -> list[Work]:
    """Those of the values that count, and of what they wait for in turn; each once."""
    found: dict[Work, None] = {}
    left = list(values)
    while left:
        step = left.pop()
        if step not in found and counts(step):
            found[step] = None
            left += needed(step)
    return list(found)


def _state(values: Sequence[Work]) -> str:
    cached = sum(artifacts.is_cached(value) for value in values)
    return "cached" if cached == len(values) else f"{len(values) - cached} to do"


def _examples(recipe: Recipe) -> int:
    return (2 if recipe.dual == "both" else 1) * _distinct_examples(recipe)


def _sequences(recipe: Recipe) -> int:
    if recipe.refinement is None:
        return _examples(recipe) * recipe.sft.epochs
    difficult = round(_mined(mining(recipe)) * DIFFICULT)
    return recipe.refinement.sequences(_examples(recipe), difficult)


def _mined(value: Mining) -> int:
    return value.mined.examples or EXAMPLES.get(value.guard.train_set, 4000)


def _distinct_examples(recipe: Recipe) -> int:
    of_set = recipe.n_train or EXAMPLES.get(recipe.train_set, 4000)
    if recipe.mix is None:
        return of_set
    if recipe.mix.ratio is not None:
        return of_set + round(of_set * recipe.mix.ratio)
    return of_set + (recipe.mix.examples or EXAMPLES.get(recipe.mix.dataset, 4000))


def _answer_tokens(profile: Profile, traces: TraceSpec | None) -> int:
    per = TOKENS[profile.world]
    if traces is None:
        return per["verdict"]
    if traces.sentences is None:
        return per["full"] + per["verdict"]
    return per["short"] * traces.sentences + per["verdict"]


def _training_tokens(profile: Profile, recipe: Recipe) -> int:
    answer = _answer_tokens(profile, recipe.traces)
    if recipe.dual:
        answer = (answer + _answer_tokens(profile, None)) // 2
    sequence = TOKENS[profile.world]["prompt"] + answer
    return _sequences(recipe) * sequence


def _hours(profile: Profile, value: Work, *, measured: bool) -> float:
    if measured:
        return float(artifacts.manifest(value)["seconds"]) / 3600
    on_gpu = profile.device == "cuda"
    if isinstance(value, Recipe):
        tokens = _training_tokens(profile, value)
        flops = 6 * _parameters(profile) * tokens
        rate = flops / (PEAK * TRAINING_SHARE) if on_gpu else tokens / CPU_TRAINING_RATE
        return rate / 3600
    if isinstance(value, Timing):
        return value.rounds * sum(_hours(profile, one, measured=False) for one in value.asked)
    if isinstance(value, Probability):  # each answer read once more, and nothing written
        return _hours(profile, value.answers, measured=False)
    examples = (
        _mined(value) if isinstance(value, Mining) else value.limit or CELL_EXAMPLES[profile.world]
    )
    untrained = TraceSpec(teacher="none") if value.mode == "reasoning" else None
    trained = value.guard.traces if isinstance(value.guard, Recipe) else untrained
    traces = trained if value.mode == "reasoning" else None
    tokens = examples * value.decoding.generations * _answer_tokens(profile, traces)
    tokens += examples * TOKENS[profile.world]["prompt"]
    flops = 2 * _parameters(profile) * tokens
    rate = flops / (PEAK * GENERATION_SHARE) if on_gpu else tokens / CPU_GENERATION_RATE
    return rate / 3600


def _gib_to_train(profile: Profile) -> float:
    return _parameters(profile) * BYTES_TO_TRAIN[profile.precision] / 2**30


def _parameters(profile: Profile) -> float:
    known = [n for name, n in PARAMETERS.items() if profile.backbone.startswith(name)]
    return known[0] if known else PARAMETERS["meta-llama/Llama-3.1-8B-Instruct"]
