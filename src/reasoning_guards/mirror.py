"""A folder of everything that a profile reads from the hub's datasets, for machines without it.

Made where there is a network, and named by `REASONING_GUARDS_MIRROR` where there is none. It holds
a clone of each dataset's data files by hub id, and `manifest.json`: hub id → revision, commit,
size and SHA-256 of each file, rows of each split. Models are no part of it.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reasoning_guards import access, datasets
from reasoning_guards.datasets import hub
from reasoning_guards.params import Profile

# With the card, which says what files a config and split have, and the licence.
FILES = ["*.parquet", "*.jsonl", "*.json", "*.csv", "*.gz", "README.md", "LICENSE*"]


def make(
    profile: Profile, folder: Path, report: Callable[[str], None], *, evaluate: bool = False
) -> None:
    """Download what the profile's chapters need, or verify it where it is there.

    A dataset whose manifest holds is not asked for again, a changed or missing file is fetched
    anew from the same commit. A connection that breaks is taken up where it broke; of a download
    that was given up, the files that are whole stay and the others are fetched next time.

    Args:
        profile: whose.
        folder: the mirror; it may hold other datasets, which stay.
        report: takes a line for each dataset.
        evaluate: whether it is what `evaluate` needs instead, which trains nothing.

    Raises:
        GatedDatasetError, NotAllowedError, NotOnHubError, HubUnreachableError: from the hub.
        MissingFromMirrorError, UnreadableDatasetError: if a split is not in what was fetched.
    """
    wanted: dict[tuple[str, str], dict[str, str | None]] = {}
    for need in access.sets(profile, evaluate=evaluate):
        if place := datasets.on_hub(need.dataset, need.split, need.revision):
            hub_id, config, split, revision = place
            wanted.setdefault((hub_id, revision), {})[split] = config
    for (hub_id, revision), splits in wanted.items():
        held = hub.read_manifest(folder).get(hub_id)
        if held and revision not in (held["revision"], held["commit"]):
            held = None
        damaged = _damaged(folder / hub_id, held) if held else []
        for name in damaged:
            # Or the library would take the file for the one that it fetched.
            (folder / hub_id / name).unlink(missing_ok=True)
        before = held["rows"] if held else {}
        # With those that were counted before, for another profile, as far as their config is known.
        configs = {s: c for s, c in datasets.HUB_SPLITS.get(hub_id, {}).items() if s in before}
        configs |= splits
        if held and not damaged and before.items() >= _rows(folder, hub_id, configs).items():
            done, rows = "verified", before
        else:
            commit = _fetch(hub_id, held["commit"] if held else revision, splits, folder)
            rows = before | _rows(folder, hub_id, configs)
            held = {"revision": revision, "commit": commit, "files": _files(folder / hub_id)}
            done = f"fetched anew: {', '.join(damaged)}" if damaged else "fetched"
        _record(folder, hub_id, held | {"rows": rows})
        report(f"{hub_id} at {held['commit']}: {done}; {sum(rows.values()):,} rows")


def _fetch(hub_id: str, revision: str, splits: dict[str, str | None], folder: Path) -> str:
    """Clone the data files of a revision, and return the commit that it is."""
    from huggingface_hub import HfApi, snapshot_download

    split, config = next(iter(splits.items()))
    wanted = f"{hub_id} (revision {revision!r})"
    with hub.in_one_sentence(f"datasets/{hub_id}", wanted, hub.otherwise(hub_id, config, split)):
        commit = HfApi().dataset_info(hub_id, revision=revision).sha
        assert commit  # noqa: S101  # the hub gives one with each answer
        snapshot_download(
            hub_id,
            repo_type="dataset",
            revision=commit,
            local_dir=folder / hub_id,
            allow_patterns=FILES,
        )
    return commit


def _rows(folder: Path, hub_id: str, configs: dict[str, str | None]) -> dict[str, int]:
    """Rows by split."""
    return {
        split: len(hub.from_mirror(folder, hub_id, config, split))
        for split, config in configs.items()
    }


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    # `.cache` is the downloader's own, and half downloads lie there.
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: _described(folder / name) for name in sorted(names) if name[:7] != ".cache/"}


def _damaged(folder: Path, held: dict[str, Any]) -> list[str]:
    return [
        name
        for name, recorded in held["files"].items()
        if not (folder / name).is_file() or _described(folder / name) != recorded
    ]


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _record(folder: Path, hub_id: str, held: dict[str, Any]) -> None:
    """Put a dataset into the manifest, which is whole at any time."""
    draft = folder / f"{hub.MIRROR_MANIFEST}.draft"
    recorded = hub.read_manifest(folder) | {hub_id: held}
    draft.write_text(json.dumps(recorded, indent=2, sort_keys=True))
    draft.replace(folder / hub.MIRROR_MANIFEST)
