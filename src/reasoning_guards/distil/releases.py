"""Distilled traces that guards are trained on, under a name that hashes their content.

    <cache>/distilled/<name>/manifest.json     teacher, parts, each with its rows and SHA-256
    <cache>/distilled/<name>/<n>.jsonl         a part: one set at one length

A row is {"about", "example", "trace"}: the first hashes what the trace argues from, the example's
texts, policy and labels, so that no trace is taken for another reading of a set.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import resources
from reasoning_guards.distil.spec import Distillation, Stage, identity
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example

PREFIX = "distilled/"

Part = tuple[str, Stage]
"""A set that is learnt from, and "full" or a budget of sentences."""


class NoDistilledTracesError(UserError):
    """There is no release of that name, or nothing in it for a set."""


def publish(spec: Distillation, parts: Mapping[Part, Iterable[tuple[Example, str]]]) -> str:
    """Write a release; what comes back is the teacher's name for recipes and profiles.

    Args:
        spec: what was distilled.
        parts: each with its examples that have a trace.
    """
    root = resources.cache_folder() / PREFIX
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=root, prefix="draft-"))
    listed = []
    for number, ((dataset, stage), traced) in enumerate(sorted(parts.items(), key=_order)):
        path = draft / f"{number}.jsonl"
        rows = 0
        with path.open("w") as file:
            for example, trace in traced:
                row = {"about": fingerprint(example), "example": example.id, "trace": trace}
                file.write(json.dumps(row) + "\n")
                rows += 1
        listed.append(
            {"dataset": dataset, "stage": stage, "file": path.name, "rows": rows,
             "sha256": _sha256(path)}
        )  # fmt: skip
    manifest = {
        "distillation": spec.model_dump(mode="json"),
        "identity": identity(spec),
        "parts": listed,
    }
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=2))
    name = f"{PREFIX}{_slug(spec.teacher)}-{_digest(listed)}"
    place = _place(name)
    if place.exists():
        shutil.rmtree(draft)
    else:
        draft.rename(place)
    return name


def require(name: str, dataset: str, sentences: int | None) -> None:
    """Refuse what `traces` could not give.

    Raises:
        NoDistilledTracesError: if there is no such release, or nothing in it for the set.
    """
    _part(name, dataset, sentences)


def traces(name: str, sentences: int | None, examples: Sequence[Example]) -> list[str | None]:
    """The release's trace for each example, or None where it has none.

    Raises:
        NoDistilledTracesError: if there is none for any of them, or the release was changed.
    """
    wanted = {fingerprint(example) for example in examples}
    found: dict[str, str] = {}
    for part in _manifest(name)["parts"]:
        if part["stage"] != (sentences or "full"):
            continue
        path = _place(name) / part["file"]
        if _sha256(path) != part["sha256"]:
            raise NoDistilledTracesError(
                f"{path} is not what it was when {name} was made: distil again, and train with the "
                "name that comes out."
            )
        with path.open() as file:
            for row in map(json.loads, file):
                if row["about"] in wanted:
                    found.setdefault(row["about"], row["trace"])
    if not found:
        raise NoDistilledTracesError(
            f"None of the {len(examples)} training examples has a trace in {name}: distil with "
            "the profile that is trained with."
        )
    return [found.get(fingerprint(example)) for example in examples]


def fingerprint(example: Example) -> str:
    """Sixteen digits that hash what a trace argues from."""
    told = example.model_dump(mode="json", exclude={"id", "cluster"})
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _part(name: str, dataset: str, sentences: int | None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = _manifest(name)["parts"]
    for part in parts:
        if part["dataset"] == dataset and part["stage"] == (sentences or "full"):
            return part
    there = ", ".join(f"{part['dataset']} ({part['stage']})" for part in parts)
    raise NoDistilledTracesError(
        f"{name} has no traces for {dataset} of length {sentences or 'full'}, only for {there}: "
        "distil with the profile that is trained with."
    )


def _manifest(name: str) -> dict[str, Any]:
    path = _place(name) / "manifest.json"
    if not path.is_file():
        raise NoDistilledTracesError(
            f"There are no traces {name!r} in the cache: `reasoning-guards distil` makes them and "
            "says what they are called."
        )
    manifest: dict[str, Any] = json.loads(path.read_text())
    if not name.endswith(_digest(manifest["parts"])):
        raise NoDistilledTracesError(f"{path} is not that of {name}: distil again.")
    return manifest


def _place(name: str) -> Path:
    if not re.fullmatch(rf"{PREFIX}[\w.-]+", name) or ".." in name:
        raise NoDistilledTracesError(f"{name!r} is not how distilled traces are called.")
    return resources.cache_folder() / name


def _digest(parts: Sequence[Mapping[str, Any]]) -> str:
    content = [[part["dataset"], part["stage"], part["sha256"]] for part in parts]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def _order(part: tuple[Part, Any]) -> tuple[str, int]:
    (dataset, stage), _ = part
    return dataset, 0 if stage == "full" else stage


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text.rpartition("/")[2]).strip("-.") or "teacher"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
