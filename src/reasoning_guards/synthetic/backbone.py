"""The embedded backbones: tiny causal language models pretrained from scratch.

    python -m reasoning_guards.synthetic.backbone synthetic/llama-64-0 FOLDER

rebuilds one in the hub's format, in a few minutes on one core. `pretraining` says what they read.
"""

import json
import sys
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from reasoning_guards.errors import UserError
from reasoning_guards.synthetic import lexicon, pretraining, tokenizer
from reasoning_guards.synthetic.corpora import WORLD_VERSION

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Document = tuple[list[int], int]
"""Token ids, and how many of them are given: read, but not learnt to predict."""

DOCUMENTS = 160_000
BATCH = 32
LEARNING_RATE = 1e-3

# vLLM's CPU kernels take heads of 32 and more, which is why head_dim is not hidden_size / heads.
_SHAPES: dict[str, dict[str, Any]] = {
    "llama-64": {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 3},
    "qwen3-48": {"model_type": "qwen3", "hidden_size": 48, "num_hidden_layers": 4},
}
NAMES = (
    *(f"synthetic/llama-64-{seed}" for seed in range(4)),
    *(f"synthetic/qwen3-48-{seed}" for seed in range(4)),
)
"""Architecture and width, then the pretraining seed."""


class UnknownBackboneError(UserError):
    """A backbone that the embedded world does not have."""


def path(name: str) -> Path:
    """The shipped folder of a backbone, in the hub's format.

    Raises:
        UnknownBackboneError: when there is no backbone of that name.
    """
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise UnknownBackboneError(f"There is no backbone {name!r}; choose one of {known}.")
    return Path(__file__).parent / "backbones" / name.removeprefix("synthetic/")


def build(name: str, folder: Path, documents: int = DOCUMENTS) -> None:
    """Pretrain a backbone from nothing and save it, with `pretraining.json` on how it was made.

    Args:
        name: one of NAMES; its last part is the seed of weights and text.
        folder: where to write, in the hub's format.
        documents: how many pretraining documents to read, each once.

    Raises:
        UnknownBackboneError: when there is no backbone of that name.
    """
    import torch
    import transformers

    torch.set_num_threads(1)  # more threads change the sums, and with them the weights
    shape, seed = path(name).name.rsplit("-", 1)
    words = tokenizer.build()
    torch.manual_seed(int(seed))
    model = transformers.AutoModelForCausalLM.from_config(_config(shape, words))
    texts = list(islice(pretraining.documents(Random(f"{WORLD_VERSION}/{name}")), documents))
    encoded = words([f"<bos> {text} <eos>" for text in texts])["input_ids"]
    given = [1 + pretraining.given_words(text) for text in texts]
    _train(model, list(zip(encoded, given, strict=True)), Random(int(seed)))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    report = {
        "name": name,
        "world_version": WORLD_VERSION,
        "documents": documents,
        "tokens": sum(map(len, encoded)),
        "batch": BATCH,
        "learning_rate": LEARNING_RATE,
        "parameters": model.num_parameters(),
        "skills": skills(model, words),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    Path(folder, "pretraining.json").write_text(json.dumps(report, indent=2) + "\n")


def skills(
    model: "PreTrainedModel", words: "PreTrainedTokenizerFast", n: int = 300
) -> dict[str, float]:
    """Share of right next words over `n` texts drawn anew, for each skill that a guard needs.

    copying: the last of a list of random words, said again. facts: a class, cluster or category.
    look-up: what random rules say of one of their topics. extraction: the verb of what was asked
    for.
    """
    rng = Random("skills")
    return {
        "copying": _accuracy(
            model, words, [_opening(pretraining.repetition(rng)) for _ in range(n)]
        ),
        "facts": _accuracy(model, words, rng.sample(_facts(), n)),
        "look-up": _accuracy(model, words, [_opening(pretraining.look_up(rng)) for _ in range(n)]),
        "extraction": _accuracy(
            model, words, [_up_to_verb(pretraining.extraction(rng)) for _ in range(n)]
        ),
    }


def _opening(document: str) -> str:
    """The given part of a document, and the first thing said again."""
    return " . ".join(document.split(" . ")[:2])


def _up_to_verb(document: str) -> str:
    before, asks, after = document.partition("the user asks to ")
    return before + asks + after.split()[0]


def _facts() -> list[str]:
    return [
        *(f"{noun} are {object_class}" for noun, object_class in lexicon.CLASS_OF.items()),
        *(f"{verb} means {cluster}" for verb, cluster in lexicon.CLUSTER_OF.items()),
        *(f"to {c} {k} is {category}" for (c, k), category in lexicon.CELLS.items()),
    ]


def _accuracy(
    model: "PreTrainedModel", words: "PreTrainedTokenizerFast", texts: list[str]
) -> float:
    """How often the model's first choice for the last word of a text is that word."""
    import torch

    encoded = words(
        [f"<bos> {text}" for text in texts],
        padding=True,
        padding_side="left",
        return_tensors="pt",
        return_token_type_ids=False,
    )
    model.eval()
    with torch.inference_mode():
        chosen = model(**encoded).logits[:, -2].argmax(-1)
    right = chosen == encoded["input_ids"][:, -1]
    return round(float(right.float().mean()), 3)


def _config(shape: str, words: "PreTrainedTokenizerFast") -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        **_SHAPES[shape],
        vocab_size=len(words),
        intermediate_size=128,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.03,
        # Contexts are short: with the usual base of 10,000 most rotations would hardly turn.
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def _train(model: "PreTrainedModel", documents: list[Document], rng: Random) -> None:
    """One pass of next-word prediction: AdamW, linear warm-up, then cosine to nothing."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    batches = _batches(documents, rng)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, betas=(0.9, 0.98))
    schedule = get_cosine_schedule_with_warmup(optimizer, len(batches) // 20, len(batches))
    model.train()
    for batch in batches:
        ids, labels = _collate(batch, model.config.pad_token_id)
        model(input_ids=ids, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def _collate(batch: list[Document], padding: int) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Token ids and labels, both (batch, length); -100 marks what carries no loss."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids = pad_sequence([torch.tensor(document) for document, _ in batch], True, padding)
    labels = ids.masked_fill(ids == padding, -100)
    for row, (_, given) in zip(labels, batch, strict=True):
        row[:given] = -100
    return ids, labels


def _batches(documents: list[Document], rng: Random) -> list[list[Document]]:
    """Batches in random order, each of documents of like length, so that little is padding."""
    batches = []
    for start in range(0, len(documents), 32 * BATCH):
        near = sorted(documents[start : start + 32 * BATCH], key=lambda document: len(document[0]))
        batches += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
    rng.shuffle(batches)
    return batches


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
