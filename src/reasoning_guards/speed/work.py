"""What is timed: a model of random weights, and prompts as guards are asked them."""

from itertools import cycle
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reasoning_guards import datasets, policies, prompts
from reasoning_guards.examples import Example, Policy

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}


class Size(BaseModel):
    """How much work there is; a test makes less of it.

    Attributes:
        prompts, tokens: how many prompts, and of about how many tokens each.
        generations, written: answers to each, and tokens of an answer.
        verdict: tokens of an answer that is a verdict alone.
        width, layers, vocabulary: of the model; its MLP is 2.75 times as wide.
        lessons: sequences of a training.
        growth: samples of three runs, each four times as many as before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["cpu", "cuda"] = "cpu"
    prompts: int = 64
    tokens: int = 1000
    generations: int = 4
    written: int = 40
    verdict: int = 20
    width: int = 512
    layers: int = 6
    vocabulary: int = 4096
    lessons: int = 512
    growth: tuple[int, ...] = (64, 256, 1024)

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        return 2 * self.tokens


def examples(size: Size) -> list[str]:
    """H.3's prompts under one taxonomy, which is four of the package, one below the other.

    They judge texts of the embedded world, as many as make the prompt's length.
    """
    names = ("wildguardmix", "aegis2", *(f"dynaguardrail-{part}" for part in ("safety", "tax")))
    taxonomy = Policy(name="all", text="\n".join(policies.load(name).text for name in names))
    texts = cycle(datasets.load("synthetic/meadow", "train", None))
    found = []
    for number in range(size.prompts):
        asked = answered = f"{number} ."
        while True:
            example = Example(
                id=str(number), cluster=str(number), policy=taxonomy, prompt=asked,
                response=answered, prompt_harmful=False,
            )  # fmt: skip
            text = prompts.guard_prompt(example, "reasoning", "paper")
            if len(text.split()) >= 0.8 * size.tokens:  # words; punctuation makes up the rest
                break
            more = next(texts)
            asked, answered = f"{asked} {more.prompt}", f"{answered} {more.response or ''}"
        found.append(text)
    return found


def build(size: Size, folder: Path) -> None:
    """Write a Llama of random weights, and a tokenizer that was trained on the prompts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size.vocabulary,
        special_tokens=[*SPECIAL.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(examples(size), trainer)
    words = PreTrainedTokenizerFast(
        tokenizer_object=backend, model_max_length=size.context, **SPECIAL
    )
    words.chat_template = CHAT_TEMPLATE
    words.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        intermediate_size=11 * size.width // 4,
        num_hidden_layers=size.layers,
        num_attention_heads=size.width // 64 or 1,
        num_key_value_heads=size.width // 128 or 1,
        head_dim=64,
        max_position_embeddings=size.context,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def encoded(size: Size, tokenizer: Any) -> list[list[int]]:
    """The prompts as token ids."""
    return [prompts.plain_tokens(tokenizer, text) for text in examples(size)]
