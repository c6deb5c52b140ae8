"""Where a backbone's weights and tokenizer are: on the hub, in this package, or in a folder.

And how the model is loaded, for text alone.
"""

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Backbone, Precision
from reasoning_guards.synthetic.backbone import NAMES, UnknownBackboneError, path


class SharedPretrainingError(UserError):
    """Two seeds would start from one pretraining, and their spread would be too small."""


class NotForTextError(UserError):
    """A model that sees images, and whose part for text cannot be had by itself."""


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


_PARTS = {
    "a config.json": ["config.json"],
    "weights as safetensors": ["*.safetensors"],  # other formats can run code when they are loaded
    "a tokenizer": ["tokenizer*"],
}


class NoModelError(UserError):
    """A folder is named as a model, and there is none in it."""


def located(name: str, revision: str) -> tuple[str, str]:
    """Name and revision of a model as values have them.

    Of a folder in the hub's format that is its whole path, and in the place of a revision what
    changes when its files do: what was made from it is then made anew. A name of the hub or of this
    package stays as it is.

    Raises:
        NoModelError: if the name can only be a folder's, or is one's, without a model in it.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and not folder.is_absolute() and not name.startswith((".", "~")):
        return name, revision
    for lacking, patterns in _PARTS.items():
        if not any(any(folder.glob(pattern)) for pattern in patterns):
            raise NoModelError(
                f"There is no model in {name}, which lacks {lacking}: name a folder that "
                "`save_pretrained` wrote model and tokenizer to, or a hub id."
            )
    found = [path for path in sorted(folder.iterdir()) if path.is_file()]
    stamps = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in found]
    return str(folder.resolve()), f"files-{hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]}"


def source(backbone: Backbone) -> tuple[str, str | None]:
    """What `from_pretrained` takes: a folder or hub id, and the revision for a hub id."""
    if backbone.name.startswith("synthetic/"):
        return str(path(backbone.name)), None
    return backbone.name, None if Path(backbone.name).is_dir() else backbone.revision


def load(name: str, revision: str | None, precision: Precision) -> Any:
    """A causal language model for text alone, from what `source` gives.

    Gemma 3 of 4B and more is released with a part for images: what reads and writes text is taken
    out of it, since trainers and engines would wait for images and their processor otherwise.

    Raises:
        NotForTextError: if a model that sees images has no such part that transformers knows.
    """
    import torch
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, precision)
    model: Any = AutoModelForCausalLM.from_pretrained(
        name, revision=revision or "main", dtype=dtype, use_safetensors=True
    )
    config = model.config.get_text_config()
    if config is model.config:
        return model
    try:
        with torch.device("meta"):
            text: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    except ValueError as error:
        raise NotForTextError(
            f"{name} is a {type(model).__name__}, whose part for text cannot be loaded by itself: "
            "choose a backbone for text alone."
        ) from error
    setattr(text, text.base_model_prefix, model.get_decoder())
    text.set_output_embeddings(model.get_output_embeddings())
    text.generation_config = model.generation_config
    return text


@contextmanager
def for_text(name: str, revision: str | None, precision: Precision) -> Iterator[str]:
    """A folder or hub id whose model is for text alone, from what `source` gives.

    It is the given one, or a folder that holds its part for text and is gone afterwards.

    Raises:
        NotForTextError: as `load`.
    """
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(name, revision=revision or "main")
    if config.get_text_config() is config:
        yield name
        return
    with TemporaryDirectory(prefix="reasoning-guards-text-") as folder:
        load(name, revision, precision).save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision or "main")
        tokenizer.save_pretrained(folder)
        yield folder
