"""Which sets the embedded world has, and what each is like.

`meadow` and `orchard` are for training; `brook`, `pebble`, `thicket`, `fork` and `burr` differ from
them in what is new; the `charter` and `masks` suites judge by policies that training never showed;
`lanes` are dialogues with a policy of their own each, about topics instead of harms; `commons` has
the prompts of `meadow`, and a policy for each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reasoning_guards.synthetic import lexicon
from reasoning_guards.synthetic.sampling import Style, Unseen

Split = Literal["train", "validation", "test"]

NOISE = 0.035
ADVERSARIAL = Style(wrapped=(0.45, 0.2), protective=0.15, fiction=0.1, double=0.25)
PLAIN = Style()
BARE = Style(wrapped=(0, 0), protective=0, fiction=0, double=0)
USUAL_REQUESTS = {"harm": 0.55, "advice": 0.1, "fine": 0.35}


@dataclass(frozen=True)
class SetSpec:
    """How one set is drawn.

    Attributes:
        sizes: split → number of examples.
        style: how requests are dressed.
        requests: pool of `lexicon.POOLS` → weight.
        banned: categories banned in every example, the others being allowed.
        also_banned: how many more are banned at random, for each example anew.
        own_order: each example lists the categories in an order of its own.
        unseen: for the test split, combinations of what is held out, one drawn for each example.
        answered: probability of a response; 0 makes a prompts-only set.
        refusal_labelled: whether `response_refusal` is given.
        contrasts: every second example is the contrast of the one before it.
        noise: probability that a harmfulness label is flipped.
        setting: template that a persona's users speak in, now and then.
        dialogues: the policy is about topics, and earlier turns may come before the prompt.
        late: drawn after all others were, without any prompt or policy of their other splits.
    """

    sizes: Mapping[Split, int]
    style: Style
    requests: Mapping[str, float]
    banned: tuple[str, ...] = lexicon.HARMS
    also_banned: int = 0
    own_order: bool = False
    unseen: tuple[frozenset[Unseen], ...] = (frozenset(),)
    answered: float = 0.0
    refusal_labelled: bool = True
    contrasts: bool = False
    noise: float = NOISE
    setting: str = ""
    dialogues: bool = False
    late: bool = False


def _charter(topic: str) -> SetSpec:
    """House rules against one advice topic; two more categories banned, the others allowed."""
    requests = {topic: 0.45, "harm": 0.25, "advice": 0.15, "fine": 0.15}
    return SetSpec({"test": 120}, PLAIN, requests, (topic,), also_banned=2, own_order=True)


def _mask(persona: str) -> SetSpec:
    """House rules of a persona for which some trained harms are the day's work."""
    allows = lexicon.PERSONA_ALLOWS[persona]
    return SetSpec(
        {"test": 120},
        PLAIN,
        {**dict.fromkeys(allows, 0.1), "harm": 0.65, "fine": 0.15},
        tuple(harm for harm in lexicon.HARMS if harm not in allows),
        own_order=True,
        setting=lexicon.PERSONA_SETTING[persona],
    )


_TRAINING_SIZES: dict[Split, int] = {"train": 4000, "validation": 600, "test": 300}
SETS: dict[str, SetSpec] = {
    "synthetic/meadow": SetSpec(
        _TRAINING_SIZES,
        ADVERSARIAL,
        USUAL_REQUESTS,
        unseen=(frozenset({"pair"}), frozenset({"noun"})),
        answered=0.93,
    ),
    "synthetic/orchard": SetSpec(
        _TRAINING_SIZES,
        PLAIN,
        USUAL_REQUESTS,
        banned=(*(h for h in lexicon.HARMS if h != "privacy"), "finance", "medical"),
        unseen=(frozenset({"pair"}), frozenset({"verb"})),
        answered=0.93,
        refusal_labelled=False,
    ),
    "synthetic/brook": SetSpec(
        {"test": 300}, PLAIN, USUAL_REQUESTS, unseen=(frozenset({"noun", "verb", "frame"}),)
    ),
    "synthetic/pebble": SetSpec(
        {"test": 100}, BARE, {"harm": 1}, unseen=(frozenset({"pair"}),), noise=0
    ),
    "synthetic/thicket": SetSpec(
        {"test": 300},
        Style(wrapped=(0.5, 0.5), protective=0.2, fiction=0.2, double=0.3),
        {"harm": 0.4, "advice": 0.1, "fine": 0.5},
        unseen=(frozenset({"noun", "frame", "wrapper"}),),
    ),
    "synthetic/fork": SetSpec(
        {"test": 300},
        Style(protective=0.2, fiction=0.1),
        {"harm": 0.7, "fine": 0.3},
        unseen=(frozenset({"cell"}), frozenset({"pair"})),
        answered=1,
        contrasts=True,
    ),
    "synthetic/burr": SetSpec(
        {"test": 300},
        Style(wrapped=(0.8, 0.8), protective=0.1, fiction=0),
        {"harm": 0.75, "fine": 0.25},
        unseen=(frozenset({"pair", "frame", "wrapper"}),),
        answered=1,
    ),
    **{f"synthetic/charter/{topic}": _charter(topic) for topic in lexicon.ADVICE},
    "synthetic/charter/general": SetSpec(
        {"test": 120},
        PLAIN,
        {"harm": 0.7, "advice": 0.15, "fine": 0.15},
        banned=(),
        also_banned=6,
        own_order=True,
    ),
    **{f"synthetic/masks/{persona}": _mask(persona) for persona in lexicon.PERSONA_ALLOWS},
    "synthetic/lanes": SetSpec(
        {"train": 1000}, BARE, {"advice": 0.1, "harm": 0.3, "fine": 0.6}, dialogues=True
    ),
    "synthetic/commons": SetSpec(
        {"train": 1000},
        ADVERSARIAL,
        USUAL_REQUESTS,
        banned=(),
        also_banned=6,
        own_order=True,
        answered=0.93,
        late=True,
    ),
}
