"""Where a backbone's weights and tokenizer are: on the hub, in this package, or in a folder.

And how the model is loaded: for text alone, and with the adapters in its weights that it may have
been released as.
"""

import difflib
import fnmatch
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
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


class AdaptersError(UserError):
    """Adapters name no base, or one that they do not fit."""


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


_ADAPTERS, _ADAPTED = "adapter_config.json", "adapter_model.safetensors"  # as PEFT names them
# Other formats of weights can run code when they are loaded.
_PARTS = {
    "a config.json or adapter_config.json": "config.json",
    "weights as safetensors": "*.safetensors",
    "a tokenizer": "tokenizer*",
}


def lacking(names: Iterable[str]) -> str | None:
    """What files of these names lack to be a model that can be loaded, in words; None if nothing.

    Adapters need no tokenizer: their base has one.
    """
    names = list(names)
    if _ADAPTERS in names:
        return None if _ADAPTED in names else f"{_ADAPTED}, adapters as safetensors"
    return next((part for part, like in _PARTS.items() if not fnmatch.filter(names, like)), None)


class NoModelError(UserError):
    """A folder is named as a model, and there is none in it."""


def located(name: str, revision: str) -> tuple[str, str]:
    """Name and revision of a model as values have them.

    Of a folder in the hub's format that is its whole path, and in the place of a revision what
    changes when its files do, or those of a folder that its adapters belong to: what was made from
    it is then made anew. A name of the hub or of this package stays as it is.

    Raises:
        NoModelError: if the name can only be a folder's, or is one's, without a model in it.
        AdaptersError: as `base`.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and not folder.is_absolute() and not name.startswith((".", "~")):
        return name, revision
    found = [path for path in sorted(folder.glob("*")) if path.is_file()]
    if part := lacking(path.name for path in found):
        raise NoModelError(
            f"There is no model in {name}, which lacks {part}: name a folder that "
            "`save_pretrained` wrote model and tokenizer to, or a hub id."
        )
    stamps: list[tuple[object, ...]] = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in found
    ]
    if adapted := base(str(folder), None):
        stamps.append(adapted)
    return str(folder.resolve()), f"files-{hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]}"


def source(backbone: Backbone) -> tuple[str, str | None]:
    """What `from_pretrained` takes: a folder or hub id, and the revision for a hub id."""
    if backbone.name.startswith("synthetic/"):
        return str(path(backbone.name)), None
    return backbone.name, None if Path(backbone.name).is_dir() else backbone.revision


def base(name: str, revision: str | None) -> tuple[str, str] | None:
    """The model that adapters belong to, as `located` has it; None of a model that is whole.

    Args:
        name, revision: what `source` gives. Of the hub, just the adapters' configuration is loaded.

    Raises:
        AdaptersError: if the adapters name no base.
        NoModelError: if they name a folder without a model in it.
    """
    config = _adapter_config(name, revision)
    if config is None:
        return None
    said = json.loads(config.read_text())
    named = said.get("base_model_name_or_path")
    if not named or Path(named).expanduser().resolve() == Path(name).resolve():
        raise AdaptersError(
            f"The adapters of {name} do not say to which other model they belong: set "
            f"base_model_name_or_path in their {_ADAPTERS}."
        )
    return located(named, said.get("revision") or "main")


def _adapter_config(name: str, revision: str | None) -> Path | None:
    if Path(name).is_dir():
        config = Path(name) / _ADAPTERS
        return config if config.is_file() else None
    from transformers.utils.peft_utils import find_adapter_config_file

    found = find_adapter_config_file(name, revision=revision or "main")
    return Path(found) if found else None


def tokenizer(name: str, revision: str | None) -> Any:
    """The tokenizer of what `source` gives; of adapters that come without one, their base's.

    Raises:
        AdaptersError: as `base`.
    """
    from transformers import AutoTokenizer
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    adapted = base(name, revision)
    if adapted and not get_tokenizer_config(name, revision=revision or "main"):
        return tokenizer(*adapted)
    return AutoTokenizer.from_pretrained(name, revision=revision or "main")


def load(name: str, revision: str | None, precision: Precision) -> Any:
    """A causal language model for text alone, from what `source` gives.

    Adapters are merged into the weights of their base, in the precision that is asked for. Gemma 3
    of 4B and more is released with a part for images: what reads and writes text is taken out of
    it, since trainers and engines would wait for images and their processor otherwise.

    Raises:
        NotForTextError: if a model that sees images has no such part that transformers knows.
        NoModelError: if adapters are not there as safetensors.
        AdaptersError: as `base`, and if adapters do not fit their base.
    """
    import torch
    from transformers import AutoModelForCausalLM

    if adapted := base(name, revision):
        return _merged(_adapters(name, revision), *adapted, precision)
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


def _adapters(name: str, revision: str | None) -> Path:
    """A folder with the adapters, downloaded if need be, and nothing that runs code."""
    folder = Path(name)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        patterns = [_ADAPTERS, _ADAPTED]
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    if not (folder / _ADAPTED).is_file():
        # PEFT would load a pickle in their place.
        raise NoModelError(
            f"The adapters of {name} are not there as safetensors: only {_ADAPTED} is loaded, "
            "since other formats can run code."
        )
    return folder


def _merged(adapters: Path, name: str, revision: str, precision: Precision) -> Any:
    from peft import PeftModel

    model = load(name, revision, precision)
    try:
        with warnings.catch_warnings():
            # PEFT would go on with weights of its own for those that it does not find.
            warnings.filterwarnings("error", "Found missing adapter keys")
            # On the CPU, as the model is: vLLM's processes are to start before a GPU is touched.
            model = PeftModel.from_pretrained(model, str(adapters), torch_device="cpu")
    except (UserWarning, ValueError, RuntimeError) as error:
        raise AdaptersError(
            f"The adapters in {adapters} do not fit {name}, which they name as their base: see "
            f"base_model_name_or_path in their {_ADAPTERS}."
        ) from error
    return model.merge_and_unload()


@contextmanager
def for_text(name: str, revision: str | None, precision: Precision) -> Iterator[str]:
    """A folder or hub id whose model is whole and for text alone, from what `source` gives.

    It is the given one, or a folder that is gone afterwards: with a model's part for text, or with
    a base and the adapters in its weights.

    Raises:
        NotForTextError, NoModelError, AdaptersError: as `load`.
    """
    from transformers import AutoConfig

    if base(name, revision) is None:
        config = AutoConfig.from_pretrained(name, revision=revision or "main")
        if config.get_text_config() is config:
            yield name
            return
    with TemporaryDirectory(prefix="reasoning-guards-text-") as folder:
        load(name, revision, precision).save_pretrained(folder)
        tokenizer(name, revision).save_pretrained(folder)
        yield folder
