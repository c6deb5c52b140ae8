"""Batched generation with `transformers`, whose answers do not depend on the batch."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from reasoning_guards.engines import Answer, Request
from reasoning_guards.recipes import Decoding, Precision
from reasoning_guards.resources import Resources

# Rows that have ended are taken out of the batch once they are this share of it: each time costs a
# copy of the cache.
ENDED_SHARE = 0.2


def draw(scores: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Each row's next token, by inverting its cumulative distribution at a given number.

    With the random numbers fixed per request beforehand, an answer is the same in whatever batch,
    order or resumed run it is drawn; the batch's shared generator would not give that.

    Args:
        scores: logits, shape (rows, vocabulary).
        uniforms: shape (rows,), in [0, 1), float64: in float32 the greatest of them would round up
            to 1, where there is no token.

    Returns:
        Token ids, shape (rows,).
    """
    cumulative = scores.double().softmax(-1).cumsum(-1)
    return (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(-1)


class TransformersEngine:
    """A causal language model from a hub-format folder or id."""

    def __init__(
        self, source: str, revision: str | None, resources: Resources, precision: Precision
    ) -> None:
        revision = revision or "main"
        self.tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        dtype = getattr(torch, precision)
        model: Any = AutoModelForCausalLM.from_pretrained(source, revision=revision, dtype=dtype)
        self.model = model.to(resources.device).eval()
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        listed = model.generation_config.eos_token_id
        ends = listed if isinstance(listed, list) else [listed]
        self.ends = {self.tokenizer.eos_token_id, *ends} - {None}
        self.batch = resources.generate_batch

    def answer(
        self, requests: list[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, list[Answer]]]:
        """Answers in batches of prompts of like length, the longest first."""
        by_length = sorted(requests, key=lambda request: -len(request.prompt))
        for start in range(0, len(by_length), self.batch):
            batch = by_length[start : start + self.batch]
            written = self._write(batch, decoding)
            for index, request in enumerate(batch):
                first = index * decoding.generations
                yield (
                    request,
                    [self._answer(ids) for ids in written[first : first + decoding.generations]],
                )

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _write(self, batch: list[Request], decoding: Decoding) -> list[list[int]]:
        """Token ids of each generation of each request, past their end tokens where there are some.

        `generate` would read a prompt once for each of its generations, and go on computing rows
        that have ended until the longest has: for answers of mixed length that is twice the work.
        """
        count, device = decoding.generations, self.model.device
        padded = self.tokenizer.pad(
            {"input_ids": [request.prompt for request in batch]},
            padding_side="left",
            return_tensors="pt",
        ).to(device)
        seen = padded["attention_mask"]
        output = self.model(
            **padded,
            position_ids=(seen.cumsum(-1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        cache.batch_repeat_interleave(count)
        scores = output.logits[:, -1].repeat_interleave(count, 0)
        seen = seen.repeat_interleave(count, 0)
        pick = self._picker(batch, decoding)
        ends = torch.tensor(sorted(self.ends), device=device)
        written = ends.new_full((len(scores), decoding.max_new_tokens), int(ends[0]))
        rows = torch.arange(len(scores), device=device)  # of `written`, by place in the batch
        going = torch.ones_like(rows, dtype=torch.bool)
        for step in range(decoding.max_new_tokens):
            tokens = pick(scores, rows, step)
            written[rows, step] = torch.where(going, tokens, ends[0])
            going &= ~torch.isin(tokens, ends)
            left = int(going.sum())
            if left == 0:
                break
            if left <= len(rows) * (1 - ENDED_SHARE):
                cache.batch_select_indices(going.nonzero()[:, 0])
                rows, tokens, seen, going = rows[going], tokens[going], seen[going], going[going]
            seen = torch.cat([seen, seen.new_ones(len(seen), 1)], -1)
            output = self.model(
                input_ids=tokens[:, None],
                attention_mask=seen,
                position_ids=seen.sum(-1, keepdim=True) - 1,
                past_key_values=cache,
                use_cache=True,
            )
            scores = output.logits[:, -1]
        answers: list[list[int]] = written.tolist()
        return answers

    def _picker(
        self, batch: list[Request], decoding: Decoding
    ) -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
        """What chooses the next token of each row, given scores, rows and step."""
        if decoding.temperature == 0:
            return lambda scores, rows, step: scores.argmax(-1)
        # One row per request and generation, one column per token.
        drawn = np.stack(
            [
                np.random.default_rng(request.seed(decoding, generation)).random(
                    decoding.max_new_tokens
                )
                for request in batch
                for generation in range(decoding.generations)
            ]
        )
        uniforms = torch.tensor(drawn, device=self.model.device)
        warp = LogitsProcessorList(
            [TemperatureLogitsWarper(decoding.temperature), TopPLogitsWarper(decoding.top_p)]
        )
        return lambda scores, rows, step: draw(warp(None, scores), uniforms[rows, step])

    def _answer(self, ids: list[int]) -> Answer:
        end = next((index for index, token in enumerate(ids) if token in self.ends), None)
        kept = ids if end is None else ids[:end]
        return Answer(
            text=self.tokenizer.decode(kept, skip_special_tokens=True),
            tokens=len(kept),
            finish="length" if end is None else "stop",
        )
