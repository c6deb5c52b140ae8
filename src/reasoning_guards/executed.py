"""Executed chapters, kept to be taken again while nothing that they read has changed."""

import hashlib
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from reasoning_guards import checkout
from reasoning_guards.params import Profile
from reasoning_guards.resources import cache_folder

_CODE = Path(__file__).parent
_UNREAD = ("logs", "__pycache__")  # folders
_UNFINISHED = (".lock", ".partial")


def state(profile: Profile) -> str | None:
    """A hash of what chapters read beside their notebooks; None if some of it is not known.

    That is the profile, the code and its commit, Python and the installed packages, and what lies
    in the cache. Sets of the hub and of your own, and those of a mirror, can change unseen.
    """
    sets = (profile.train_set, profile.other_train_set, profile.dialogues, *profile.benchmarks)
    if (
        profile.world == "hub"
        or "REASONING_GUARDS_MIRROR" in os.environ
        or not all(name.startswith("synthetic/") for name in sets)
    ):
        return None
    packages = {
        f"{package.name} {package.version}" for package in importlib.metadata.distributions()
    }
    read = [
        profile.model_dump_json(),
        str(checkout.commit()),
        platform.python_version(),
        *sorted(packages),
        *(f"{path} {_sha256(path.read_bytes())}" for path in _files(_CODE)),
        *(f"{path} {_told(path)}" for path in _files(cache_folder())),
    ]
    return _sha256("\n".join(read).encode())


def place(notebook: Path, read: str, folder: Path) -> Path:
    """Where a chapter lies that was executed in a state, if it was.

    Args:
        notebook: the chapter, not executed.
        read: the state, as `state` has it.
        folder: where executed chapters are kept.
    """
    key = _sha256(f"{read}\n{notebook.read_text()}".encode())[:20]
    return folder / notebook.stem / f"{key}.ipynb"


def keep(done: Path, kept: Path) -> None:
    """Keep an executed chapter at its place, instead of what was kept of it before."""
    shutil.rmtree(kept.parent, ignore_errors=True)
    kept.parent.mkdir(parents=True)
    draft = kept.with_suffix(".draft")
    shutil.copyfile(done, draft)
    draft.rename(kept)


def _files(folder: Path) -> Iterator[Path]:
    """Every file that may be read; other runs may be at work in the cache."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name not in _UNREAD and not name.endswith(_UNFINISHED)
        )
        yield from (Path(root, name) for name in sorted(names) if not name.endswith(_UNFINISHED))


def _told(path: Path) -> str:
    """What tells a file of the cache from another: its size.

    Of a manifest it is the content, with the hashes of the files beside it and when it was written.
    """
    try:
        return path.read_text() if path.name == "manifest.json" else str(path.stat().st_size)
    except FileNotFoundError:  # another run has just taken it away
        return "gone"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
