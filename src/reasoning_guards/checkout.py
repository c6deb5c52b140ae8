"""Which commit this package runs from."""

import functools
import subprocess
from pathlib import Path


@functools.cache
def commit() -> str | None:
    """Short hash of the source this runs from, and whether it was changed since; or None.

    A package that is installed inside another repository is no part of that one's commits. Asked
    once: code that is loaded stays what it is when the checkout moves on.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        head = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}, with uncommitted changes" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(Path(__file__).parent), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
