"""What a tokenizer's chat template makes of a conversation, and the tokens that end and pad it.

Held against the templates of Llama 3.1, Gemma 2 and 3, Qwen3 and DeepSeek-R1-Distill, which TRL
ships as the hub has them. They differ in what an answer would suffer from: Llama 3 writes a date,
Gemma 2 refuses a system message and Gemma 3 has no turn for one, Qwen3 and DeepSeek cut earlier
thinking out of answers, DeepSeek begins the thinking itself, and Gemma ends an answer with another
token than its tokenizer names. So only what comes before an answer is ever rendered; the answer's
own ids follow it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from reasoning_guards.errors import UserError

DATE = date(2024, 7, 26)
"""What templates are told is today: the date that Llama 3.1's names if it is told none."""

_SLOT = "(what is said)"
_THINKING_BEGUN = re.compile(r"<think>\s*\Z")


class NoChatTemplateError(UserError):
    """A tokenizer without a chat template is to ask as in a chat."""


def rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> str:
    """The conversation up to the answer, special tokens included, with one BOS if there is any.

    Args:
        tokenizer: from transformers.
        messages: role and content of each turn.
        options: what else the template takes, or takes in place of what is said here.

    Raises:
        NoChatTemplateError: if the tokenizer has no template.
    """
    text = _applied(tokenizer, messages, **{"add_generation_prompt": True, **options})
    return with_bos(tokenizer, text)


def with_bos(tokenizer: Any, text: str) -> str:
    """The text beginning with BOS once, if the tokenizer uses it at all."""
    bos = tokenizer.bos_token
    if bos is None or text.startswith(bos):
        return text
    uses_bos = tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]
    return bos + text if uses_bos else text


def frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids before a user's message and after it, up to the answer.

    Thinking that the template begins is left to the answer, which holds all of its own thinking,
    or none.

    Raises:
        NoChatTemplateError: as `rendered`.
    """
    text = _THINKING_BEGUN.sub("", rendered(tokenizer, [{"role": "user", "content": _SLOT}]))
    before, after = text.split(_SLOT)
    return _ids(tokenizer, before), _ids(tokenizer, after)


def turn_end(tokenizer: Any) -> str:
    """The token that the chat template ends an answer with; without one, the tokenizer's own."""
    if tokenizer.chat_template:
        said = [{"role": role, "content": _SLOT} for role in ("user", "assistant")]
        ids = _ids(tokenizer, _applied(tokenizer, said).rpartition(_SLOT)[2])
        token = tokenizer.added_tokens_decoder.get(ids[0]) if ids else None
        if token and token.special:
            return str(token.content)
    return str(tokenizer.eos_token)


def end_ids(tokenizer: Any, listed: int | list[int] | None = None) -> list[int]:
    """Every id that ends an answer, in ascending order.

    Args:
        tokenizer: whose end token and chat template name some.
        listed: those of the model's generation settings.
    """
    several = listed if isinstance(listed, list) else [listed]
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(turn_end(tokenizer)), *several}
    return sorted(ends - {None})


def prepare(tokenizer: Any, model: Any) -> None:
    """Agree with tokenizer and model, before a training, on what ends an answer and what pads.

    The tokenizer's end token becomes the template's, and what ended an answer before still does.
    Padding is another token, a spare one of the vocabulary where the tokenizer names none.
    """
    settings = model.generation_config
    ends = end_ids(tokenizer, settings.eos_token_id)
    settings.eos_token_id = ends if len(ends) > 1 else ends[0]
    tokenizer.eos_token = turn_end(tokenizer)
    tokenizer.pad_token = _padding(tokenizer)


def _padding(tokenizer: Any) -> str:
    """A token that is neither end nor beginning, if the vocabulary has a spare one; else the end.

    What is padded is masked, in the loss as well, so the last is no harm.
    """
    special = [str(each) for _, each in sorted(tokenizer.added_tokens_decoder.items())]
    spare = [token for word in ("pad", "reserved") for token in special if word in token.lower()]
    taken = {tokenizer.eos_token, tokenizer.bos_token, None}
    choice = (tokenizer.pad_token, *spare, tokenizer.unk_token)
    return str(next((token for token in choice if token not in taken), tokenizer.eos_token))


def _applied(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> str:
    if not tokenizer.chat_template:
        raise NoChatTemplateError(
            f"The tokenizer of {tokenizer.name_or_path} has no chat template to ask with: choose "
            "the instruction-tuned release of the model, or give the tokenizer one."
        )
    text: str = tokenizer.apply_chat_template(
        [dict(message) for message in messages],
        tokenize=False,
        # Two ways to ask for the date; the second is a function that templates call.
        date_string=f"{DATE:%d %b %Y}",
        strftime_now=DATE.strftime,
        **options,
    )
    return text


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
