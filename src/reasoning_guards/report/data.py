"""What sets hold: their counts under each choice that the paper leaves open, and their overlap.

Hub sets are read where the profile is of the hub world or a mirror is named; elsewhere their
numbers are not known.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pandas as pd

from reasoning_guards import chapters, datasets
from reasoning_guards.chapters import benchmarks
from reasoning_guards.datasets import aegis2, cosapien, hub, jailbreakbench, overlap, toxic_chat
from reasoning_guards.datasets import wildguardmix as wildguard
from reasoning_guards.datasets.rows import CountWarning
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy, Task
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Reading

Part = tuple[str, str, Task | None]
"""Set, split, and the task, or None for training."""

UNKNOWN = "not read"
_ANSWERED = (wildguard.HUB_ID, aegis2.HUB_ID, "synthetic/meadow", "synthetic/orchard")
_PARTS: dict[str, tuple[Part, ...]] = {
    "redacted": (
        (aegis2.HUB_ID, "train", None),
        (aegis2.HUB_ID, "test", "prompt"),
        (aegis2.HUB_ID, "test", "response"),
    ),
    "toxic_chat_rows": ((toxic_chat.HUB_ID, "test", "prompt"),),
    "jailbreakbench_prompt": ((jailbreakbench.HUB_ID, "test", "response"),),
    "cosapien_partial": tuple((f"{cosapien.HUB_ID}/{p}", p, "prompt") for p in cosapien.PARTS),
    "prompt_task_response": tuple((name, "test", "prompt") for name in _ANSWERED),
    "unlabelled_refusals": tuple((name, "train", None) for name in _ANSWERED),
}


def choices(profile: Profile) -> pd.DataFrame:
    """Each choice that the paper leaves open, and what it makes of the sets that it is about.

    Index: parameter, set and choice. Columns: Examples; Harmful (by the label of the task, of the
    prompt in training); Changed (examples that are not there, or not so, by default).
    """
    counted = []
    for parameter, parts in _PARTS.items():
        for part in parts:
            default, *others = get_args(Profile.model_fields[parameter].annotation)
            usual = _read(profile, part, parameter, default)
            for value in (default, *others):
                found = usual if value == default else _read(profile, part, parameter, value)
                named = f"{value}, by default" if value == default else value
                counted.append((parameter, _name(part), named, *_counts(part, found, usual)))
    columns = ["Parameter", "Set", "Choice", "Examples", "Harmful", "Changed"]
    return pd.DataFrame(counted, columns=columns).set_index(columns[:3])


def overlaps(profile: Profile, only: str | None = None) -> pd.DataFrame:
    """How much of each cell that chapters score stands in the sets that they train on.

    Args:
        profile: whose chapters are meant.
        only: one training set, where not all are wanted.

    Index and columns as `overlap.table` has them; a cell or training set that cannot be read is
    left out.
    """
    wanted = None if only is None else benchmarks.set_name(only)
    studies = [chapter(profile) for chapter in chapters.CHAPTERS.values()]
    sources = dict.fromkeys(s for study in studies for r in study.recipes() for s in r.sources)
    training = {
        name: found
        for name, _ in sources
        if wanted in (None, name) and (found := _load(profile, (name, "train", None), Reading()))
    }
    cells = {
        cell.name: found
        for cell in benchmarks.all_cells(profile)
        if (found := _load(profile, (cell.dataset, cell.split, cell.task), cell.reading))
    }
    return overlap.table(training, cells)


def _read(profile: Profile, part: Part, parameter: str, value: Any) -> list[Example] | None:
    """What a part holds under a choice; None where it cannot be read."""
    if parameter in Reading.model_fields:
        return _load(profile, part, Reading(**{parameter: value}))
    found = _load(profile, part, Reading())
    if found is None or value != "drop":
        return found
    return [e for e in found if e.response is None or e.response_refusal is not None]


def _load(profile: Profile, part: Part, reading: Reading) -> list[Example] | None:
    name, split, task = part
    of_hub = datasets.hub_id(name)
    if of_hub and profile.world == "embedded" and not hub.mirror_folder():
        return None
    revision = benchmarks.revision(profile, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CountWarning)  # the counts are what is shown
        try:
            policy = Policy(name="none", text="") if of_hub else None
            return list(datasets.load(name, split, task, policy, revision, reading))
        except UserError:
            return None  # why not is what `plan --check` says


def _counts(
    part: Part, found: Sequence[Example] | None, usual: Sequence[Example] | None
) -> Iterator[str]:
    if found is None or usual is None:
        yield from (UNKNOWN, UNKNOWN, UNKNOWN)
        return
    by_default = {example.id: example for example in usual}
    yield f"{len(found):,}"
    yield f"{sum(bool(example.label(part[2] or 'prompt')) for example in found):,}"
    yield f"{sum(by_default.get(example.id) != example for example in found):,}"


def _name(part: Part) -> str:
    name, split, task = part
    return f"{name}, {split}, {task or 'training'}"
