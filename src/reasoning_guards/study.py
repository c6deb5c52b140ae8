"""A chapter's study: its variants and cells, what is cached, and the answers as judgements."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reasoning_guards import (
    artifacts,
    baselines,
    claims,
    decisions,
    generation,
    guards,
    scheduler,
    verdicts,
)
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example
from reasoning_guards.measuring import Measured
from reasoning_guards.params import Profile
from reasoning_guards.power import effects
from reasoning_guards.power.variance import Design
from reasoning_guards.recipes import (
    Backbone,
    Baseline,
    Cell,
    Decoding,
    Generation,
    Mode,
    Probability,
    Recipe,
    Timing,
    Work,
)
from reasoning_guards.resources import Resources


@dataclass(frozen=True)
class Variant:
    """One row of a chapter's table.

    Attributes:
        name: how claims refer to it.
        label: how tables and figures call it.
        guards: the guard of each training seed.
        mode: how it is asked.
        cells: what it is scored on.
        epoch: the weights of which of its `kept_epochs` are asked, or None for the last.
    """

    name: str
    label: str
    guards: Mapping[int, Recipe | Backbone]
    mode: Mode
    cells: tuple[Cell, ...]
    epoch: int | None = None


@dataclass(frozen=True)
class Study:
    """Everything one chapter runs, as values; nothing runs until `run` is called."""

    chapter: str
    profile: Profile
    variants: dict[str, Variant]
    timing: Timing | None = None
    read: tuple[str, ...] = ()
    """The variants whose verdict probabilities are read as well."""

    def values(self) -> list[Work]:
        """What there is to make: all answers, probabilities, and the timing if there is one."""
        read = [Probability.of(answers) for answers in self.generations(self.read)]
        return [*self.generations(), *read, *([self.timing] if self.timing else [])]

    def generations(self, names: Iterable[str] | None = None) -> list[Generation]:
        """One value per variant, seed and cell."""
        chosen = self.variants.values() if names is None else [self.variants[n] for n in names]
        return [
            self.generation(variant, guard, cell)
            for variant in chosen
            for guard in variant.guards.values()
            for cell in variant.cells
        ]

    def recipes(self) -> list[Recipe]:
        """Each distinct training run once."""
        guards = (guard for variant in self.variants.values() for guard in variant.guards.values())
        return list(dict.fromkeys(guard for guard in guards if isinstance(guard, Recipe)))

    def run(self, report: Callable[[str], None] = lambda _: None) -> None:
        """Make what is not cached yet; see `scheduler.run`."""
        scheduler.run(self.values(), self.resources(), self.profile.workers, report)

    def resources(self) -> Resources:
        """The profile's share of the machine."""
        return Resources(**{name: getattr(self.profile, name) for name in Resources.model_fields})

    def has_answers(self, name: str) -> bool:
        """Whether a variant's answers to all of its cells are there."""
        return all(artifacts.find(value) is not None for value in self.generations([name]))

    def judgements(self, name: str) -> pd.DataFrame:
        """A variant's answers, parsed: one row per seed, cell, example and generation.

        Columns as `scoring` takes them (cell, example, cluster, generation, truth, predicted,
        seed), and with them `tokens` written and `truncated`.
        """
        variant = self.variants[name]
        frames = [
            _judged(self.generation(variant, guard, cell)).assign(seed=seed)
            for seed, guard in variant.guards.items()
            for cell in variant.cells
        ]
        return pd.concat(frames, ignore_index=True)

    def texts(self, name: str) -> list[str]:
        """All that a variant's guards wrote. Untrusted: to be counted, and shown only escaped."""
        variant = self.variants[name]
        return [
            str(row["text"])
            for guard in variant.guards.values()
            for cell in variant.cells
            for row in _rows(self.generation(variant, guard, cell))
        ]

    def judged(self) -> dict[str, pd.DataFrame]:
        """Every variant's judgements, and after them those of the trivial rows."""
        return {name: self.judgements(name) for name in self.variants} | self.trivial()

    def findings(
        self,
        judged: Mapping[str, pd.DataFrame],
        measured: Mapping[str, Measured] | None = None,
        detectable: Mapping[str, float] | None = None,
    ) -> dict[str, decisions.Finding]:
        """Each of this chapter's claims, tested on the judgements of the variants it names.

        Args:
            judged: judgements by variant.
            measured: what was measured for claims about other things than F1, by claim.
            detectable: the smallest effect that can be detected, by claim. By default that of the
                profile's examples and generations, if training did not vary at all.
        """
        world, replicates = self.profile.world, self.profile.bootstrap_replicates
        measured = measured or {}
        if detectable is None:
            detectable = effects.detectable_effects(self.design()) if world == "hub" else {}
        mine = [claim for claim in claims.load().values() if claim.chapter == self.chapter]
        return {
            claim.id: decisions.assess_measure(
                claim, world, measured[claim.id], detectable.get(claim.id)
            )
            if claim.id in measured
            else decisions.assess(
                claim,
                world,
                judged,
                replicates,
                detectable=detectable.get(claim.id),
                policy=self.profile.parse_policy,
            )
            for claim in mine
        }

    def design(self) -> Design:
        """How the study is made, as far as it decides what can be detected."""
        profile = self.profile
        return Design(
            generations=profile.generations, runs=len(profile.seeds), limit=profile.eval_examples
        )

    def trivial(self) -> dict[str, pd.DataFrame]:
        """Judgements that take no language model, one frame per row of `baselines`."""
        frames: dict[str, list[pd.DataFrame]] = {"always_harmful": [], "tfidf": []}
        asked = self.linear_baselines()
        for (seed, value), said in zip(asked, baselines.tfidf([v for _, v in asked]), strict=True):
            shown = generation.examples(value.cell, value.limit)
            guesses = {"always_harmful": baselines.always_harmful(shown), "tfidf": said}
            for name, predicted in guesses.items():
                frames[name].append(_guessed(shown, value.cell, predicted).assign(seed=seed))
        return {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}

    def linear_baselines(self) -> list[tuple[int, Baseline]]:
        """What the linear baseline is asked, each with its seed; nothing without the guard NR.

        It learns from what NR learns from.
        """
        if (reference := self.variants.get("nr")) is None:
            return []
        return [
            (seed, Baseline(taught=guard, cell=cell, limit=self.profile.eval_examples))
            for seed, guard in reference.guards.items()
            if isinstance(guard, Recipe)
            for cell in reference.cells
        ]

    def generation(self, variant: Variant, guard: Recipe | Backbone, cell: Cell) -> Generation:
        """A guard's answers to a cell, with the profile's decoding."""
        profile = self.profile
        return Generation(
            guard=guard,
            cell=cell,
            limit=profile.eval_examples,
            mode=variant.mode,
            decoding=Decoding(
                temperature=profile.temperature,
                top_p=profile.top_p,
                generations=profile.generations,
                **self._lengths(guard, variant.mode),
                precision=profile.precision,
            ),
            engine=profile.engine,
            epoch=variant.epoch,
        )

    def _lengths(self, guard: Recipe | Backbone, mode: Mode) -> dict[str, int]:
        """Room for answer and all: the profile's; a released guard's answer comes on top of it."""
        profile = self.profile
        if isinstance(guard, Backbone) and guard.format:
            cap = guards.named(guard.format).max_new_tokens[mode]
            return {"max_new_tokens": cap, "max_length": profile.max_length + cap}
        kind = "reasoning" if mode == "reasoning" else "non_reasoning"
        cap = getattr(profile, f"max_new_tokens_{kind}")
        return {"max_new_tokens": cap, "max_length": profile.max_length}


def _guessed(shown: list[Example], cell: Cell, predicted: list[bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cell": cell.name,
            "example": [example.id for example in shown],
            "cluster": [example.cluster for example in shown],
            "generation": 0,
            "truth": [bool(example.label(cell.task)) for example in shown],
            "predicted": pd.array(predicted, dtype="boolean"),
        }
    )


class NotRunError(UserError):
    """Results are asked for that are not there yet."""


def _rows(value: Generation) -> list[dict[str, Any]]:
    folder = artifacts.find(value)
    if folder is None:
        raise NotRunError(
            f"The answers to {value.cell.name} are not there yet: run the study before reading it."
        )
    return generation.read_rows(folder / generation.ROWS)


def _judged(value: Generation) -> pd.DataFrame:
    rows = pd.DataFrame(_rows(value))
    format_name, task = value.backbone.format, value.cell.task
    predicted = [
        verdicts.predicted(guards.parse(format_name, text, task), task) for text in rows["text"]
    ]
    return pd.DataFrame(
        {
            "cell": value.cell.name,
            "example": rows["example"],
            "cluster": rows["cluster"],
            "generation": rows["generation"],
            "truth": rows["truth"].astype(bool),
            "predicted": pd.array(predicted, dtype="boolean"),
            "tokens": rows["tokens"],
            "truncated": rows["finish"] == "length",
        }
    )
