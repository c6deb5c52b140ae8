"""Batched generation with `transformers`, whose answers do not depend on the batch."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from reasoning_guards import backbones, chat
from reasoning_guards.engines import Answer, Question, Request, attention
from reasoning_guards.engines.cache import with_room
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
        self.tokenizer = backbones.tokenizer(source, revision)
        model = backbones.load(source, revision, precision)
        attention.use(model)
        self.model = model.to(resources.device).eval()
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.ends = chat.end_ids(self.tokenizer, model.generation_config.eos_token_id)
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

    def read(self, questions: list[Question]) -> list[list[float]]:
        """Each run of questions about one prompt reads it once, in batches of prompts."""
        runs = [list(run) for _, run in groupby(questions, key=lambda question: question.prompt)]
        by_length = sorted(range(len(runs)), key=lambda place: -len(runs[place][0].prompt))
        found: dict[int, list[list[float]]] = {}
        for start in range(0, len(runs), self.batch):
            places = by_length[start : start + self.batch]
            given = self._read([runs[place] for place in places])
            found.update(zip(places, given, strict=True))
        return [values for place in range(len(runs)) for values in found[place]]

    def forget(self) -> None:
        """Nothing: each batch is read for itself."""

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _read(self, runs: list[list[Question]]) -> list[list[list[float]]]:
        """What `read` gives of some prompts' questions: prompts in one pass, leads in a second."""
        device = self.model.device
        prompts = self._padded([list(run[0].prompt) for run in runs], "left")
        seen = prompts["attention_mask"]
        output = self.model(
            **prompts,
            position_ids=(seen.cumsum(-1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        widest = max(map(len, runs))
        # As many rows for each prompt; those beyond its questions repeat its last one.
        asked = [run[min(row, len(run) - 1)] for run in runs for row in range(widest)]
        scores = output.logits[:, -1].repeat_interleave(widest, 0)
        if any(question.lead for question in asked):
            cache = output.past_key_values
            cache.batch_repeat_interleave(widest)
            # A lead of no tokens is given one, so that no row is empty, and is not looked at.
            leads = self._padded([list(q.lead) or [self.ends[0]] for q in asked], "right")
            mask = torch.cat([seen.repeat_interleave(widest, 0), leads["attention_mask"]], -1)
            output = self.model(
                input_ids=leads["input_ids"],
                attention_mask=mask,
                position_ids=(mask.cumsum(-1) - 1).clamp(min=0)[:, seen.shape[1] :],
                past_key_values=cache,
                use_cache=True,
            )
            last = leads["attention_mask"].sum(-1) - 1
            led = output.logits[torch.arange(len(asked), device=device), last]
            empty = torch.tensor([not question.lead for question in asked], device=device)
            scores = torch.where(empty[:, None], scores, led)
        known = scores.double().log_softmax(-1).cpu()
        values = [known[row, list(question.tokens)].tolist() for row, question in enumerate(asked)]
        return [values[n * widest : n * widest + len(run)] for n, run in enumerate(runs)]

    def _padded(self, rows: list[list[int]], side: str) -> Any:
        return self.tokenizer.pad({"input_ids": rows}, padding_side=side, return_tensors="pt").to(
            self.model.device
        )

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _write(self, batch: list[Request], decoding: Decoding) -> list[list[int]]:
        """Token ids of each generation of each request, past their end tokens where there are some.

        `generate` would read a prompt once for each of its generations, and go on computing rows
        that have ended until the longest has: for answers of mixed length that is twice the work.
        """
        count, device = decoding.generations, self.model.device
        padded = self._padded([request.prompt for request in batch], "left")
        seen = padded["attention_mask"]
        output = self.model(
            **padded,
            position_ids=(seen.cumsum(-1) - 1).clamp(min=0),
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        cache.batch_repeat_interleave(count)
        cache = with_room(cache)
        scores = output.logits[:, -1].repeat_interleave(count, 0)
        seen = seen.repeat_interleave(count, 0)
        pick = self._picker(batch, decoding)
        ends = torch.tensor(self.ends, device=device)
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
