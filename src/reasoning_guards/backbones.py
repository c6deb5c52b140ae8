"""Where a backbone's weights and tokenizer are, on the hub or in this package."""

import difflib
from collections.abc import Sequence

from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Backbone
from reasoning_guards.synthetic.backbone import NAMES, UnknownBackboneError, path


class SharedPretrainingError(UserError):
    """Two seeds would start from one pretraining, and their spread would be too small."""


def for_seed(name: str, seed: int, seeds: Sequence[int]) -> str:
    """The backbone a training seed starts from, where a study has these seeds.

    A hub id is the same for every seed. An embedded name such as "synthetic/llama-64" stands for
    several pretrainings, so that seeds differ in their backbone as well.

    Raises:
        UnknownBackboneError: naming the nearest one there is.
        SharedPretrainingError: if another of the seeds would start from the same pretraining.
    """
    if not name.startswith("synthetic/"):
        return name
    pretrained = [known for known in NAMES if known.rsplit("-", 1)[0] == name]
    if not pretrained:
        families = sorted({known.rsplit("-", 1)[0] for known in NAMES})
        near = difflib.get_close_matches(name, families, n=1, cutoff=0)[0]
        raise UnknownBackboneError(f"There is no backbone {name!r}: did you mean {near!r}?")
    there = len(pretrained)
    others = [other for other in seeds if other != seed and other % there == seed % there]
    if others:
        raise SharedPretrainingError(
            f"Seeds {seed} and {others[0]} would start from the same of {name}'s {there} "
            f"pretrainings: choose at most {there} seeds that differ by no multiple of {there}."
        )
    return pretrained[seed % there]


def source(backbone: Backbone) -> tuple[str, str | None]:
    """What `from_pretrained` takes: a folder or hub id, and the revision for a hub id."""
    if backbone.name.startswith("synthetic/"):
        return str(path(backbone.name)), None
    return backbone.name, backbone.revision
