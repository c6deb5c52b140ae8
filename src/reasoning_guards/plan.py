"""What a profile would run, before anything runs: cached or not, and its cost, with its source.

Costs are measured where the artifact is there, and otherwise assumed, as `costs` and `memory` say.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from reasoning_guards import artifacts, chapters, costs, memory, prices
from reasoning_guards.cards import CARDS, USUAL
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Recipe, Work, mining, with_needed
from reasoning_guards.study import Study


def table(study: Study) -> pd.DataFrame:
    """One row per variant.

    Index: the variant. Columns: Seeds, Training and Answers (cached or to do), Trained on (examples
    times epochs; sequences in all for a guard that goes on), Tokens (trained on, per seed), Memory
    (of each GPU, to train), Hours (of one device, all its steps and seeds) and Basis
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
                "Trained on": f"{costs.sequences(recipe):,}"
                if recipe.refinement
                else f"{costs.examples(recipe):,} × {recipe.sft.epochs}",
                "Tokens": f"{costs.training_tokens(profile, recipe) / 1e6:.1f} M",
                "Memory": _gib(memory.of(recipe, study.resources())),
            }
        row |= {
            "Answers": _state(answers),
            "Hours": sum(_hours(profile, step, measured=measured) for step in steps),
            "Basis": "measured" if measured else "assumed",
        }
        rows.append(row)
    return pd.DataFrame(rows).round({"Hours": 3}).set_index("Variant").rename_axis(None)


def text(profile: Profile, *, evaluate: bool = False) -> str:
    """The plan of every chapter, and of all of them together, as the command line prints it.

    Args:
        profile: whose.
        evaluate: whether it is of what `evaluate` asks instead.
    """
    studies = chapters.studies(profile, evaluate=evaluate)
    parts = []
    for study in studies:
        its = study.profile
        how = its.engine if evaluate else f"{its.backbone}, {its.engine}"
        parts += [
            f"{study.chapter} with profile {its.profile} ({how})",
            table(study).to_string(),
        ]
    device = "GPU" if profile.device == "cuda" else "core"
    recipes = {recipe for study in studies for recipe in study.recipes()}
    answers = {value for study in studies for value in study.generations()}
    left = hours_left(studies)
    at_once = profile.workers * studies[0].resources().gpus_of_worker
    return "\n".join(
        [
            *parts,
            f"Each of them once: {len(recipes)} trainings, {len(answers)} cells answered. With "
            f"{profile.workers} workers the rest takes about {60 * left / at_once:.0f} "
            "minutes.",
            f"Still to run: about {left:.1f} {device} hours.",
            *_room_lines(profile, studies),
            *([] if evaluate else _beside(profile)),
        ]
    )


def _beside(profile: Profile) -> list[str]:
    """What is not run with the chapters."""
    lines = [
        f"Distilling by {profile.teacher_model}, all assumed:",
        prices.table(profile).to_string(),
    ]
    if profile.released:
        lines.append("Of `evaluate`, which asks the released guards and trains none: --evaluate.")
    return lines


def _room_lines(profile: Profile, studies: Sequence[Study]) -> list[str]:
    if profile.device == "cpu":
        return []
    needed = room(profile, studies)
    if needed.empty:
        models = {value.backbone.name for study in studies for value in study.generations()}
        named = ", ".join(sorted(models))
        return [f"Memory of each GPU: not known of {named}, whose shape is not at hand."]
    return ["Memory of each GPU, in GiB:", needed.to_string(na_rep="–")]


def room(profile: Profile, studies: Sequence[Study]) -> pd.DataFrame:
    """What the steps of studies take of each GPU, and whether the profile's card has room for it.

    A row per distinct step, GiB by what takes it; models that are not known are left out.
    """
    card = profile.card or USUAL
    steps = with_needed(value for study in studies for value in study.values())
    needs = memory.of_all(steps, studies[0].resources())
    parts = pd.DataFrame([need.parts for need in needs], index=[need.what for need in needs])
    parts["all"] = [need.gib for need in needs]
    parts[f"Fits {card}"] = ["yes" if need.fits(CARDS[card].gib) else "no" for need in needs]
    return parts.round(1)


class Cost(NamedTuple):
    """What a study takes: hours of one device, each step once, and how many steps are there."""

    hours: float
    basis: str
    cached: int
    steps: int


def cost(study: Study) -> Cost:
    """What all steps of a study take, measured where they are cached and assumed where not."""
    steps = with_needed(study.values())
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
        for step in with_needed(study.values(), lambda step: not artifacts.is_cached(step)):
            missing.setdefault(step, study.profile)
    return sum(_hours(profile, step, measured=False) for step, profile in missing.items())


def _state(values: Sequence[Work]) -> str:
    cached = sum(artifacts.is_cached(value) for value in values)
    return "cached" if cached == len(values) else f"{len(values) - cached} to do"


def _hours(profile: Profile, value: Work, *, measured: bool) -> float:
    if measured:
        return float(artifacts.manifest(value)["seconds"]) / 3600
    return costs.hours(profile, value)


def _gib(needs: Sequence[memory.Need]) -> str:
    return f"{needs[0].gib:.2f} GiB" if needs else "not known"
