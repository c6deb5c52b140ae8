"""Tiny random models of the classes that guards are trained from, each with its real chat template.

The templates are read where TRL keeps them, as the hub has them. Special tokens, and what the
model's settings list as ends, are those of the hub's repositories; words are our own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reasoning_guards import prompts
from reasoning_guards.synthetic import corpora

CONTEXT = 1024
LLAMA = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
    "<|finetune_right_pad_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
    "<|eot_id|>", "<|python_tag|>",
)  # fmt: skip
# Between fullwidth bars, with a block for each blank.
DEEPSEEK = tuple(
    f"<\uff5c{name}\uff5c>"
    for name in ("begin\u2581of\u2581sentence", "end\u2581of\u2581sentence", "User", "Assistant")
)
GEMMA = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_pad|>")
THINKING = ("<think>", "</think>")
# As Llama-3.1-8B's, whose context was stretched to 131,072 from 8,192.
ROPE = {
    "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": CONTEXT // 16,
}  # fmt: skip
SHAPE = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": CONTEXT,
    "tie_word_embeddings": True,
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """What a family's tokenizer and model are like.

    Attributes:
        template: name of the chat template among TRL's.
        special: special tokens, in the order of their ids.
        model: from vocabulary size to a random model.
        bos, eos, pad: what the tokenizer names so; None if it does not.
        ends: what the model's generation settings list.
        turn_end: what ends an answer in the template.
        padding: what a training pads with.
        plain: added tokens that are no special ones.
    """

    template: str
    special: tuple[str, ...]
    model: Callable[[int], Any]
    bos: str | None
    eos: str
    pad: str | None
    ends: tuple[str, ...]
    turn_end: str
    padding: str
    plain: tuple[str, ...] = field(default=())


def llama(size: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(vocab_size=size, rope_parameters=ROPE, **SHAPE))


def qwen3(size: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(vocab_size=size, **SHAPE))


def gemma_text(size: int) -> Any:
    from transformers import Gemma3TextConfig

    layers = ["sliding_attention", "full_attention"]
    return Gemma3TextConfig(vocab_size=size, sliding_window=32, layer_types=layers, **SHAPE)


def gemma3(size: int) -> Any:
    from transformers import Gemma3ForCausalLM

    return Gemma3ForCausalLM(gemma_text(size))


def gemma3_that_sees(size: int) -> Any:
    """What the hub's google/gemma-3-4b-it is."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, SiglipVisionConfig

    seen = SiglipVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=1,
        image_size=16, patch_size=8,
    )  # fmt: skip
    # The last ids, which are no token's, stand for an image and its ends.
    ids = {
        f"{what}_token_index": size - place for place, what in enumerate(("image", "boi", "eoi"), 1)
    }
    return Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=gemma_text(size), vision_config=seen, mm_tokens_per_image=1, **ids)
    )


FAMILIES = {
    "llama": Family(
        "llama3_1", LLAMA, llama, bos="<|begin_of_text|>", eos="<|eot_id|>", pad=None,
        ends=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"), turn_end="<|eot_id|>",
        padding="<|finetune_right_pad_id|>",
    ),
    "gemma": Family(
        "gemma3", GEMMA, gemma3, bos="<bos>", eos="<eos>", pad="<pad>",
        ends=("<eos>", "<end_of_turn>"), turn_end="<end_of_turn>", padding="<pad>",
    ),
    "gemma that sees": Family(
        "gemma3", GEMMA, gemma3_that_sees, bos="<bos>", eos="<eos>", pad="<pad>",
        ends=("<eos>", "<end_of_turn>"), turn_end="<end_of_turn>", padding="<pad>",
    ),
    "qwen": Family(
        "qwen3", QWEN, qwen3, bos=None, eos="<|im_end|>", pad="<|endoftext|>",
        ends=("<|im_end|>", "<|endoftext|>"), turn_end="<|im_end|>", padding="<|endoftext|>",
        plain=THINKING,
    ),
    "deepseek": Family(
        "deepseek_r1_distill", (*DEEPSEEK, *LLAMA[2:]), llama, bos=DEEPSEEK[0], eos=DEEPSEEK[1],
        pad=DEEPSEEK[1], ends=(DEEPSEEK[1],), turn_end=DEEPSEEK[1],
        padding="<|finetune_right_pad_id|>", plain=THINKING,
    ),
}  # fmt: skip


def template(name: str) -> str:
    """A chat template that TRL keeps, which is not imported for it."""
    spec = find_spec("trl")
    assert spec
    assert spec.origin
    return (Path(spec.origin).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


def tokenizer(family: Family) -> Any:
    """Pairs of bytes merged as the embedded world's texts have them, and the family's tokens."""
    from tokenizers import Tokenizer, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer.from_str(_merged())
    backend.add_special_tokens(list(family.special))
    backend.add_tokens(list(family.plain))
    if family.bos:
        backend.post_processor = processors.TemplateProcessing(
            f"{family.bos} $A", special_tokens=[(family.bos, backend.token_to_id(family.bos))]
        )
    named = {"bos_token": family.bos, "eos_token": family.eos, "pad_token": family.pad}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=CONTEXT,
        chat_template=template(family.template),
        **{name: token for name, token in named.items() if token},
    )


def build(family: Family, folder: Path) -> Path:
    """Write a random model and its tokenizer as the hub has them."""
    import torch

    words = tokenizer(family)
    torch.manual_seed(0)
    model = family.model(len(words) + 3)
    model.generation_config.eos_token_id = words.convert_tokens_to_ids(list(family.ends))
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@cache
def _merged() -> str:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    # Llama 3's and Qwen's way to part words, in short: line ends stay with what is before them.
    parts = Regex(r" ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(parts, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    examples = corpora.load("synthetic/meadow", "train")[:200]
    texts = [prompts.guard_prompt(example, "reasoning", "compact") for example in examples]
    texts += [prompts.completion(example, "It is.") for example in examples]
    backend.train_from_iterator(texts, trainer)
    merged: str = backend.to_str()
    return merged
