"""Executed chapters, kept to be taken again while nothing that they read has changed."""

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from reasoning_guards import checkout
from reasoning_guards.params import Profile
from reasoning_guards.resources import cache_folder

_CODE = Path(__file__).parent
_UNREAD = ("logs", "__pycache__")


def state(profile: Profile) -> str | None:
    """A hash of what chapters read beside their notebooks; None if some of it is not known.

    That is the profile, the code and its commit, the installed packages, and what lies in the
    cache. Hub sets, which the hub world and a mirror have chapters read, can change unseen.
    """
    if profile.world == "hub" or "REASONING_GUARDS_MIRROR" in os.environ:
        return None
    packages = {
        f"{package.name} {package.version}" for package in importlib.metadata.distributions()
    }
    read = [
        profile.model_dump_json(),
        str(checkout.commit()),
        *sorted(packages),
        *(
            f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for name, path in _files(_CODE)
        ),
        *(f"{name} {_told(path)}" for name, path in _files(cache_folder())),
    ]
    return hashlib.sha256("\n".join(read).encode()).hexdigest()


def place(notebook: Path, state: str, folder: Path) -> Path:
    """Where a chapter lies that was executed in a state, if it was.

    Args:
        notebook: the chapter, not executed.
        state: as `state` has it.
        folder: where executed chapters are kept.
    """
    key = _sha256(f"{state}\n{notebook.read_text()}".encode())[:20]
    return folder / notebook.stem / f"{key}.ipynb"


def keep(done: Path, place: Path) -> None:
    """Keep an executed chapter instead of what was kept of it before."""
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir(parents=True)
    draft = place.with_suffix(".draft")
    shutil.copyfile(done, draft)
    draft.rename(place)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that may be read, by its place in the folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not {*_UNREAD} & {*name.parts} and path.suffix != ".lock":
            yield str(name), path


def _told(path: Path) -> str:
    """What tells a file of the cache from another: a manifest has the hashes of those beside it."""
    return path.read_text() if path.name == "manifest.json" else str(path.stat().st_size)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
