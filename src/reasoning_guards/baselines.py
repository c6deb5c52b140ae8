"""Two guards without a language model: what every table must beat to mean anything."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reasoning_guards import artifacts, generation
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Task
from reasoning_guards.recipes import Baseline, Recipe
from reasoning_guards.training import data

SAID = "said.json"
"""The classifier's predictions in an artifact: a list of booleans, in the examples' order."""


class OneClassError(UserError):
    """The training examples do not hold both classes, so nothing can be learnt from them."""


def always_harmful(examples: Sequence[Example]) -> list[bool]:
    """Judge every example harmful: the F1 that needs no reading, 2p / (1 + p) at prevalence p."""
    return [True] * len(examples)


def tfidf(values: Sequence[Baseline]) -> list[list[bool]]:
    """What `tfidf_logistic` says of each value's examples, in their order: is it harmful?

    What is not there yet is made and kept, with one fit for each guard and task.

    Raises:
        OneClassError: as `tfidf_logistic`.
        UserError: as `training.data.subset` and `generation.examples`.
    """
    alike: dict[tuple[Recipe, Task], list[Baseline]] = {}
    for value in values:
        alike.setdefault((value.taught, value.cell.task), []).append(value)
    folders = {
        value: folder
        for group in alike.values()
        for value, folder in zip(group, artifacts.make_together(group, _say), strict=True)
    }
    return [json.loads((folders[value] / SAID).read_text()) for value in values]


def _say(folders: Mapping[Baseline, Path]) -> list[dict[str, Any]]:
    """Fit once for values of one guard and task, and leave in each folder what is said."""
    first = next(iter(folders))
    classify = tfidf_logistic(data.subset(first.taught), first.cell.task)
    notes = []
    for value, folder in folders.items():
        said = classify(generation.examples(value.cell, value.limit))
        (folder / SAID).write_text(json.dumps(said))
        notes.append({"examples": len(said), "harmful": sum(said)})
    return notes


def tfidf_logistic(
    train_examples: Sequence[Example], task: Task
) -> Callable[[Sequence[Example]], list[bool]]:
    """Logistic regression on TF-IDF: what a linear model reads off the words themselves.

    Features are single words and pairs of neighbours, in all the text a guard reads: the policy,
    the dialogue, the prompt, and the response where the task is to judge it. The classes are
    weighted to count the same in training, since the sets differ in how much of them is harmful
    and F1 punishes a classifier that leans on the training set's share. The fit has no random part.

    Args:
        train_examples: those without a label for the task are left out.
        task: which label to learn.

    Returns:
        The classifier: takes examples, whose labels it does not read, and gives a prediction for
        each, in order: is it harmful?

    Raises:
        OneClassError: the labelled training examples are not of both classes.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    labelled = [example for example in train_examples if example.label(task) is not None]
    labels = [example.label(task) for example in labelled]
    if set(labels) != {True, False}:
        raise OneClassError(
            f"Of {len(labelled)} training examples labelled for the {task} task, "
            f"{labels.count(True)} are harmful: add examples until both classes are there."
        )
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    classifier.fit([_text(example, task) for example in labelled], labels)

    def classify(examples: Sequence[Example]) -> list[bool]:
        return [bool(said) for said in classifier.predict([_text(e, task) for e in examples])]

    return classify


def _text(example: Example, task: Task) -> str:
    turns = [turn.text for turn in example.dialogue]
    response = [example.response] if task == "response" and example.response else []
    return "\n".join([example.policy.text, *turns, example.prompt, *response])
