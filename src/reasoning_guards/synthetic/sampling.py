"""Drawing situations: which words, frames and answers, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from random import Random
from typing import Literal, TypeVar

from reasoning_guards.synthetic import lexicon
from reasoning_guards.synthetic.grammar import Action, Answer, AnswerKind, Form, Situation

Unseen = Literal["noun", "verb", "pair", "cell", "frame", "wrapper"]

_T = TypeVar("_T")
_HARMFUL_ANSWERS: Mapping[AnswerKind, float] = {
    "refuse": 0.43,
    "comply": 0.32,
    "apologise": 0.09,
    "deflect": 0.08,
    "stray": 0.08,
}
_OTHER_ANSWERS: Mapping[AnswerKind, float] = {
    "refuse": 0.16,
    "comply": 0.66,
    "deflect": 0.09,
    "stray": 0.09,
}


@dataclass(frozen=True)
class Style:
    """How often each surface device is used, as probabilities.

    `wrapped` holds two: for harmful requests and for others. Wrappers go with harm in adversarial
    training data, a shortcut that test sets with wrapped harmless requests expose.
    """

    wrapped: tuple[float, float] = (0.05, 0.05)
    protective: float = 0.15
    fiction: float = 0.03
    double: float = 0.08
    purpose: float = 0.25

    @property
    def forms(self) -> dict[Form, float]:
        """Form → probability."""
        rest = 1 - self.protective - self.fiction
        return {"protective": self.protective, "fiction": self.fiction, "direct": rest}


def sample(
    rng: Random,
    requests: Mapping[str, float],
    style: Style,
    unseen: frozenset[Unseen] = frozenset(),
    answered: float = 0.0,
) -> Situation:
    """Draw a situation.

    Args:
        rng: the only source of chance.
        requests: pool of `lexicon.POOLS` → weight.
        style: how the request is dressed.
        unseen: what comes from the held-out side; everything else comes from the seen side.
        answered: probability that there is an answer.
    """
    action = _action(rng, _weighted(rng, requests), unseen)
    actions: tuple[Action, ...] = (action,)
    form: Form = "direct"
    if action.category not in lexicon.ADVICE:
        form = _weighted(rng, style.forms)
    if form == "direct" and rng.random() < style.double:
        other = _action(rng, lexicon.FINE, unseen)
        actions = (action, other) if rng.random() < 0.5 else (other, action)
    is_harm = action.category in lexicon.HARMS
    situation = Situation(
        requests=actions,
        form=form,
        frame=_side(rng, lexicon.FRAMES[form], "frame" in unseen),
        wrapper=_side(rng, lexicon.WRAPPERS, "wrapper" in unseen)
        if rng.random() < style.wrapped[0 if is_harm else 1]
        else "{}",
        purpose=rng.choice(lexicon.PURPOSES) if rng.random() < style.purpose else "",
    )
    return replace(situation, answer=_answer(rng, situation) if rng.random() < answered else None)


def contrast(rng: Random, situation: Situation) -> Situation:
    """The same words about another object that turns harm into none, or none into harm."""
    action = next(
        (a for a in situation.requests if a.category != lexicon.FINE), situation.requests[0]
    )
    cluster = action.cell[0]
    was_fine = action.category == lexicon.FINE
    classes = [
        k for (c, k), v in lexicon.CELLS.items() if c == cluster and (v == lexicon.FINE) != was_fine
    ]
    twin = Action(action.verb, _frequent(rng, lexicon.NOUNS[rng.choice(classes)].seen))
    requests = tuple(twin if a == action else a for a in situation.requests)
    situation = replace(situation, requests=requests)
    return replace(situation, answer=_answer(rng, situation) if situation.answer else None)


def _answer(rng: Random, situation: Situation) -> Answer:
    direct_harm = situation.form == "direct" and any(
        a.category in lexicon.HARMS for a in situation.requests
    )
    kind = _weighted(rng, _HARMFUL_ANSWERS if direct_harm else _OTHER_ANSWERS)
    if kind == "comply":
        template = rng.choice(lexicon.ANSWERS[situation.form])
        return Answer(kind, template, situation.form, situation.requests)
    if kind == "stray":
        other = _action(rng, rng.choice(("harm", lexicon.FINE)), frozenset())
        return Answer(kind, rng.choice(lexicon.ANSWERS["direct"]), "direct", (other,))
    template = rng.choice(lexicon.ANSWERS[kind])
    return Answer(kind, template, actions=situation.requests if kind == "apologise" else ())


def _action(rng: Random, pool: str, unseen: frozenset[Unseen]) -> Action:
    held_out, usual = _sides(pool)
    while True:
        cluster, object_class = rng.choice(held_out if "cell" in unseen and held_out else usual)
        verbs, nouns = lexicon.VERBS[cluster], lexicon.NOUNS[object_class]
        verb = rng.choice(verbs.held_out) if "verb" in unseen else _frequent(rng, verbs.seen)
        noun = rng.choice(nouns.held_out) if "noun" in unseen else _frequent(rng, nouns.seen)
        words_are_new = "verb" in unseen or "noun" in unseen
        if words_are_new or lexicon.is_held_out_pair(verb, noun) == ("pair" in unseen):
            return Action(verb, noun)


@cache
def _sides(pool: str) -> tuple[list[lexicon.Cell], list[lexicon.Cell]]:
    """A pool's cells that training never shows, and the others."""
    cells = lexicon.POOLS[pool]
    held_out = [cell for cell in cells if cell in lexicon.HELD_OUT_CELLS]
    return held_out, [cell for cell in cells if cell not in lexicon.HELD_OUT_CELLS]


def _frequent(rng: Random, words: tuple[str, ...]) -> str:
    """Word of rank r with a weight of 1 / r^0.7: some words are common, as in any language."""
    return rng.choices(words, cum_weights=_falling(len(words)))[0]


@cache
def _falling(ranks: int) -> list[float]:
    """The weights of so many words, added up."""
    return list(accumulate(rank**-0.7 for rank in range(1, ranks + 1)))


def _side(rng: Random, words: lexicon.Words, held_out: bool) -> str:
    return rng.choice(words.held_out if held_out else words.seen)


def _weighted(rng: Random, weights: Mapping[_T, float]) -> _T:
    return rng.choices(list(weights), list(weights.values()))[0]
