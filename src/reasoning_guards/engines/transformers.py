"""Batched generation with `transformers`, whose answers do not depend on the batch."""

from collections.abc import Iterator
from itertools import groupby, takewhile
from typing import Any

import torch

from reasoning_guards import backbones, chat
from reasoning_guards.engines import Answer, Question, Request, attention, sampling
from reasoning_guards.engines.cache import branch, has_windows, with_room
from reasoning_guards.recipes import Decoding, Precision
from reasoning_guards.resources import Resources

# Rows that have ended are taken out of the batch once they are this share of it: each time costs a
# copy of the cache.
ENDED_SHARE = 0.2
# What a batch's prompts begin with is read once if it has so many tokens: that is a pass more.
SHARED_LEAST = 16


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
        # Between what prompts begin with and the rest stands padding, which a window would count.
        self.reads_in_parts = not has_windows(model)
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
        """What `read` gives of some prompts' questions."""
        scores, cache, seen = self._see([list(run[0].prompt) for run in runs])
        cache = with_room(cache)
        found: list[list[list[float]]] = [[] for _ in runs]
        # The first questions of all prompts, then the second: a prompt with fewer repeats its last.
        for turn in range(max(map(len, runs))):
            asked = [run[min(turn, len(run) - 1)] for run in runs]
            known = self._after(scores, branch(cache), seen, asked).double().log_softmax(-1).cpu()
            for row, (run, question) in enumerate(zip(runs, asked, strict=True)):
                if turn < len(run):
                    found[row].append(known[row, list(question.tokens)].tolist())
        return found

    def _after(
        self, scores: torch.Tensor, cache: Any, seen: torch.Tensor, asked: list[Question]
    ) -> torch.Tensor:
        """The next token's logits after each prompt and its question's lead.

        Args:
            scores, cache, seen: of the prompts, as `_see` gives them.
            asked: a question about each prompt.

        Returns:
            Shape (prompts, vocabulary).
        """
        if not any(question.lead for question in asked):
            return scores
        # A lead of no tokens is given one, so that no row is empty, and is not looked at.
        leads = self._padded([list(each.lead) or [self.ends[0]] for each in asked], "right")
        mask = torch.cat([seen, leads["attention_mask"]], -1)
        output = self.model(
            input_ids=leads["input_ids"],
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1)[:, seen.shape[1] :],
            past_key_values=cache,
            use_cache=True,
        )
        last = leads["attention_mask"].sum(-1) - 1
        led = output.logits[torch.arange(len(asked), device=last.device), last]
        empty = torch.tensor([not question.lead for question in asked], device=last.device)
        return torch.where(empty[:, None], scores, led)

    def _see(self, prompts: list[list[int]]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Read prompts, and what all of them begin with, such as a policy, once.

        Returns:
            The next token's logits, shape (prompts, vocabulary); the cache; where it holds tokens
            of the prompt and where padding, shape (prompts, positions).
        """
        begun, cache = self._alike(prompts), None
        if begun:
            begin = torch.tensor([prompts[0][:begun]], device=self.model.device)
            cache = self.model(input_ids=begin, use_cache=True, logits_to_keep=1).past_key_values
            cache.batch_repeat_interleave(len(prompts))
        rest = self._padded([ids[begun:] for ids in prompts], "left")
        there = rest["attention_mask"]
        seen = torch.cat([there.new_ones(len(prompts), begun), there], -1)
        output = self.model(
            input_ids=rest["input_ids"],
            attention_mask=seen,
            position_ids=(seen.cumsum(-1) - 1).clamp(min=0)[:, begun:],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1], output.past_key_values, seen

    def _alike(self, prompts: list[list[int]]) -> int:
        """How many tokens of these prompts are to be read once for all of them."""
        if len(prompts) == 1 or not self.reads_in_parts:
            return 0
        # Of each prompt a token is left to be read.
        places = zip(*(ids[:-1] for ids in prompts), strict=False)
        alike = sum(1 for _ in takewhile(lambda place: len(set(place)) == 1, places))
        return alike if alike >= SHARED_LEAST else 0

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
        scores, cache, seen = self._see([request.prompt for request in batch])
        cache = with_room(cache, count)
        scores = scores.repeat_interleave(count, 0)
        seen = seen.repeat_interleave(count, 0)
        pick = sampling.picker(batch, decoding, device)
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

    def _answer(self, ids: list[int]) -> Answer:
        end = next((index for index, token in enumerate(ids) if token in self.ends), None)
        kept = ids if end is None else ids[:end]
        return Answer(
            text=self.tokenizer.decode(kept, skip_special_tokens=True),
            tokens=len(kept),
            finish="length" if end is None else "stop",
        )
