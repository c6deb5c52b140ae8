"""The embedded world as its chapter shows it: sets, an example, traces, backbones.

Everything here follows from the world's version and from what ships with the package, so the
chapter's outputs are the same on every machine.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from reasoning_guards.examples import Example, Task
from reasoning_guards.report import markup
from reasoning_guards.synthetic import (
    backbone,
    corpora,
    grammar,
    lexicon,
    pretraining,
    teacher,
    tokenizer,
)
from reasoning_guards.synthetic.sampling import Unseen

if TYPE_CHECKING:
    from IPython.display import Markdown

_SPLITS: tuple[corpora.Split, ...] = ("train", "validation", "test")
_UNSEEN: Mapping[Unseen, str] = {
    "noun": "nouns",
    "verb": "verbs",
    "pair": "verb–noun pairs",
    "cell": "combinations",
    "frame": "frames",
    "wrapper": "wrappers",
}
_DOCUMENTS = {
    "facts": "A noun's class, a verb's kind, a combination's category, held-out ones included.",
    "chat": "A message and an answer, in every frame and wrapper, held-out ones included.",
    "extraction": "The same, then what was asked for, and often the facts about it.",
    "look-up": "Random rules, then what they say of one topic after the other.",
    "pairs": "The same with random words in place of rules.",
    "repetition": "Random words, three times over.",
    "spans": "Random words, then pieces of them in any order.",
}


def sets() -> pd.DataFrame:
    """One row per set: examples by split, and what its scored split holds.

    Columns: Train, Validation, Test (examples); then, of the test split or else of the training
    split, Harmful prompts, Answered, Harmful answers (share of the answers), and, of all splits
    together, Labels flipped (share of the harmfulness labels that are not what the rules say).
    """
    return pd.DataFrame({_short(name): _set_row(name) for name in corpora.SETS}).T.rename_axis(
        columns="Set"
    )


def novelty() -> pd.DataFrame:
    """One row per set with a test split: what its test examples hold that no training set does.

    Columns: New words and forms ("or" parts the kinds of example, each has one of them), New rules
    (share of the examples whose policy no training set has), Policies (how many different ones).
    """
    trained = [name for name, spec in corpora.SETS.items() if "train" in spec.sizes]
    known = {_rules(example) for name in trained for example in corpora.load(name, "train")}
    rows = {}
    for name, spec in corpora.SETS.items():
        if "test" in spec.sizes:
            examples = corpora.load(name, "test")
            rows[_short(name)] = {
                "New words and forms": " or ".join(map(_unseen, spec.unseen)),
                "New rules": _share([_rules(example) not in known for example in examples]),
                "Policies": str(len({example.policy.text for example in examples})),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Set")


def policies(names: Sequence[str]) -> pd.DataFrame:
    """What the one policy of each named set says of each category."""
    return pd.DataFrame(
        {_short(name): grammar.rules_of(corpora.load(name, "train")[0].policy) for name in names}
    ).rename_axis(columns="Category")


def find(example_id: str) -> Example:
    """The example of that id.

    Raises:
        UnknownSetError: when its set or split does not exist.
    """
    name, split, index = example_id.rsplit("/", 2)
    return corpora.load(name, split)[int(index)]  # type: ignore[arg-type]  # refuses unknown splits


def example(example_id: str) -> "Markdown":
    """An example field by field, as the code holds it."""
    found = find(example_id)
    return _definitions(
        {name: str(value) for name, value in found.model_dump(exclude={"policy"}).items()}
        | {"policy": found.policy.text}
    )


def traces(example_id: str, budgets: Sequence[int | None]) -> "Markdown":
    """An example's trace within each budget of sentences; None is the full trace."""
    found = find(example_id)
    return _definitions({_budget(budget): teacher.trace(found, budget) for budget in budgets})


def trace_lengths(name: str, split: corpora.Split, budgets: Sequence[int | None]) -> pd.DataFrame:
    """Tokens of a split's traces by budget: mean, least and greatest (each word is a token)."""
    lengths = {
        _budget(budget): [
            len(teacher.trace(example, budget).split()) for example in corpora.load(name, split)
        ]
        for budget in budgets
    }
    table = pd.DataFrame(lengths).agg(["mean", "min", "max"]).T
    table.columns = pd.Index(["Mean tokens", "Least", "Greatest"], name="Budget")
    return table.round({"Mean tokens": 1}).astype({"Least": int, "Greatest": int})


def backbones() -> pd.DataFrame:
    """One row per shipped backbone: size, what it read, and its measured skills (accuracies)."""
    rows = {}
    for name in backbone.NAMES:
        story = _pretraining(name)
        rows[_short(name)] = {
            "Parameters": f"{story['parameters']:,}",
            "Documents": f"{story['documents']:,}",
            "Tokens": f"{story['tokens'] / 1e6:.1f} M",
            **{skill.capitalize(): f"{score:.3f}" for skill, score in story["skills"].items()},
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="Backbone")


def pretraining_text() -> "Markdown":
    """What the backbones read: each kind of document, and its share of all documents."""
    return _definitions(
        {f"{kind}, {share:.0%}": _DOCUMENTS[kind] for kind, share in pretraining.SHARES.items()}
    )


def numbers() -> dict[str, str]:
    """What the chapter's prose quotes, by name."""
    stories = [_pretraining(name) for name in backbone.NAMES]
    skills = [score for story in stories for score in story["skills"].values()]
    pairs = [(verb, noun) for verb in lexicon.CLUSTER_OF for noun in lexicon.CLASS_OF]
    flips = [flip for name in corpora.SETS for flip in _flips(name)]
    full, one = (
        trace_lengths("synthetic/meadow", "test", [budget])["Mean tokens"].iloc[0]
        for budget in (None, 1)
    )
    return {
        "world_version": str(corpora.WORLD_VERSION),
        "world_sets": str(len(corpora.SETS)),
        "world_examples": f"{sum(sum(spec.sizes.values()) for spec in corpora.SETS.values()):,}",
        "world_vocabulary": str(len(tokenizer.vocabulary())),
        "world_verbs": str(len(lexicon.CLUSTER_OF)),
        "world_actions": str(len(lexicon.VERBS)),
        "world_nouns": str(len(lexicon.CLASS_OF)),
        "world_classes": str(len(lexicon.NOUNS)),
        "world_combinations": str(len(lexicon.CELLS)),
        "world_harms": str(len(lexicon.HARMS)),
        "world_advice": str(len(lexicon.ADVICE)),
        "world_held_out_pairs": _share([lexicon.is_held_out_pair(*pair) for pair in pairs]),
        "world_flipped": _share(flips, 1),
        "world_full_trace": f"{full:.0f}",
        "world_one_sentence": f"{one:.0f}",
        "world_backbones": str(len(stories)),
        "world_least_parameters": f"{min(story['parameters'] for story in stories):,}",
        "world_most_parameters": f"{max(story['parameters'] for story in stories):,}",
        "world_pretraining_tokens": f"{max(story['tokens'] for story in stories) / 1e6:.1f}",
        "world_least_skill": f"{min(skills):.3f}",
    }


def _set_row(name: str) -> dict[str, str]:
    sizes = corpora.SETS[name].sizes
    scored = corpora.load(name, "test" if "test" in sizes else "train")
    answered = [example.response is not None for example in scored]
    return {
        **{split.capitalize(): f"{sizes[split]:,}" if split in sizes else "–" for split in _SPLITS},
        "Harmful prompts": _share(_labels(scored, "prompt")),
        "Answered": _share(answered),
        "Harmful answers": _share(_labels(scored, "response")),
        "Labels flipped": _share(_flips(name), 1),
    }


def _flips(name: str) -> list[bool]:
    """For each harmfulness label of a set, whether it departs from what the rules say."""
    flips = []
    for split in corpora.SETS[name].sizes:
        for example in corpora.load(name, split):
            gold = corpora.gold(example.id)
            flips.append(example.prompt_harmful != gold.prompt_harmful)
            if example.response_harmful is not None:
                flips.append(example.response_harmful != gold.response_harmful)
    return flips


def _rules(example: Example) -> frozenset[tuple[str, str]]:
    """What a policy says, in whatever order."""
    return frozenset(grammar.rules_of(example.policy).items())


def _labels(examples: Sequence[Example], task: Task) -> list[bool]:
    labels = (example.label(task) for example in examples)
    return [label for label in labels if label is not None]


def _share(flags: Sequence[bool], decimals: int = 0) -> str:
    return f"{sum(flags) / len(flags):.{decimals}%}" if flags else "–"


def _unseen(kinds: frozenset[Unseen]) -> str:
    return ", ".join(_UNSEEN[kind] for kind in _UNSEEN if kind in kinds) or "none"


def _budget(sentences: int | None) -> str:
    if sentences is None:
        return "full"
    return f"{sentences} sentence{'' if sentences == 1 else 's'}"


def _short(name: str) -> str:
    return name.removeprefix("synthetic/")


def _pretraining(name: str) -> dict[str, Any]:
    story: dict[str, Any] = json.loads((backbone.path(name) / "pretraining.json").read_text())
    return story


def _definitions(entries: Mapping[str, str]) -> "Markdown":
    """Names and texts as a list, which wraps where a table would not; the texts are inert."""
    items = (
        f"<dt>{escape(name)}</dt><dd>{markup.inert(text)}</dd>" for name, text in entries.items()
    )
    return markup.show(f"<dl>{''.join(items)}</dl>")
