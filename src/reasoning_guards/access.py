"""Whether everything a profile reads can be reached, found out before a GPU is touched."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reasoning_guards import backbones, chapters, datasets, memory, traces
from reasoning_guards.datasets import hub, released_traces
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Recipe, TraceSpec, with_needed


class Set(NamedTuple):
    """A split that is trained on (task None) or scored on, at a revision."""

    dataset: str
    split: str
    revision: str
    task: Task | None


class Finding(NamedTuple):
    """One thing a profile reads: where it would come from, or why it cannot be had."""

    what: str
    ok: bool
    says: str


def sets(profile: Profile, *, evaluate: bool = False) -> list[Set]:
    """Every split that the profile's chapters or `evaluate` read, once; training sets first."""
    studies = chapters.studies(profile, evaluate=evaluate)
    recipes = [recipe for study in studies for recipe in study.recipes()]
    cells = [value.cell for study in studies for value in study.generations()]
    sources = [(recipe, *source) for recipe in recipes for source in recipe.sources]
    found = [Set(dataset, "train", revision, None) for _, dataset, revision in sources]
    found += [Set(cell.dataset, cell.split, cell.revision, cell.task) for cell in cells]
    found += [
        Set(released_traces.HUB_ID, released_traces.TRAINING_SETS[dataset], "main", None)
        for recipe, dataset, _ in sources
        if recipe.traces
        and recipe.traces.teacher in released_traces.TEACHERS
        and dataset in released_traces.TRAINING_SETS
    ]
    first: dict[tuple[str, str, str], Set] = {}
    for one in found:
        first.setdefault(one[:3], one)
    return list(first.values())


def check(profile: Profile, *, evaluate: bool = False) -> Iterator[Finding]:
    """Datasets, backbones, traces and memory: each there, or one sentence on what is wrong.

    Each finding comes as it is made, since asking a hub that does not answer takes minutes.

    Args:
        profile: whose chapters are looked through.
        evaluate: whether it is what `evaluate` asks instead.
    """
    studies = chapters.studies(profile, evaluate=evaluate)
    guards = dict.fromkeys(value.guard for study in studies for value in study.generations())
    recipes = [guard for guard in guards if isinstance(guard, Recipe)]
    models = {guard.backbone if isinstance(guard, Recipe) else guard for guard in guards}
    sources = sorted({(model.name, model.revision) for model in models})
    made = with_needed(value for study in studies for value in study.values())
    room = memory.of_all(made, studies[0].resources())
    gpus = memory.cards(profile)
    learnt: dict[tuple[str, str], list[TraceSpec]] = {}
    for recipe in recipes:
        if spec := recipe.traces:
            for name, _ in recipe.sources:
                learnt.setdefault((spec.teacher, name), []).append(spec)
    for one in sets(profile, evaluate=evaluate):
        yield _found(f"dataset {one.dataset}, {one.split}", _dataset, one)
    for name, revision in sources:
        yield _found(f"backbone {name}", _backbone, name, revision)
    for (teacher, name), specs in learnt.items():
        yield _found(f"traces by {teacher} for {name}", _traces, specs, name)
    for need in room if gpus else ():
        yield _found(f"memory for {need.what}", memory.require, need, gpus)


def _found(what: str, look: Callable[..., str | None], *where: object) -> Finding:
    try:
        return Finding(what, True, look(*where) or "in the package")
    except UserError as error:
        return Finding(what, False, str(error))


def _dataset(one: Set) -> str:
    hub_id = datasets.hub_id(one.dataset)
    if hub_id is None:
        return f"{len(datasets.load(one.dataset, one.split, one.task)):,} examples"
    return hub.reachable(hub_id, datasets.HUB_SPLITS[hub_id][one.split], one.split, one.revision)


def _traces(specs: Sequence[TraceSpec], name: str) -> str | None:
    """Whether one teacher's traces are there in every length that guards are to learn from."""
    for spec in dict.fromkeys(specs):
        traces.require(spec, name)
    return "in the set" if specs[0].teacher == "own" else None


def _backbone(name: str, revision: str) -> str:
    source, of_hub = backbones.source(Backbone(name=name, revision=revision))
    where = f"folder {source}" if of_hub is None else _of_hub(name, revision)
    base = backbones.base(source, of_hub)
    return f"{where}; adapters to {base[0]}: {_backbone(*base)}" if base else where


def _of_hub(name: str, revision: str) -> str:
    from huggingface_hub import HfApi, try_to_load_from_cache

    try:
        with hub.in_one_sentence(
            name,
            f"{name} (revision {revision!r})",
            f"fetch it where there is one: hf download {name}",
        ):
            HfApi().auth_check(name)
            found = HfApi().model_info(name, revision=revision)
    except UserError:
        for file in ("config.json", "adapter_config.json"):
            config = try_to_load_from_cache(name, file, revision=revision)
            if isinstance(config, str) and any(Path(config).parent.glob("*.safetensors")):
                return f"cache, {Path(config).parent.name}"
        raise
    if part := backbones.lacking(file.rfilename for file in found.siblings or []):
        raise backbones.NoModelError(
            f"The hub's repository {name} (revision {revision!r}) lacks {part}: name one that "
            "transformers or PEFT can load."
        )
    return f"hub, commit {found.sha}"
