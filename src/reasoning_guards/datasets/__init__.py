"""Every set that guards are trained or scored on, by name: hub ids and `synthetic/…`."""

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from reasoning_guards import policies
from reasoning_guards.datasets import (
    aegis2,
    cosapien,
    dynaguardrail,
    hub,
    jailbreakbench,
    openai_moderation,
    own,
    released_traces,
    simple_safety_tests,
    topic_following,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.datasets.rows import select
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy, Task
from reasoning_guards.recipes import Reading
from reasoning_guards.synthetic import corpora

_HUB_SETS: dict[str, Callable[..., list[Example]]] = {
    wildguardmix.HUB_ID: wildguardmix.examples,
    aegis2.HUB_ID: aegis2.examples,
    openai_moderation.HUB_ID: openai_moderation.examples,
    toxic_chat.HUB_ID: toxic_chat.examples,
    simple_safety_tests.HUB_ID: simple_safety_tests.examples,
    jailbreakbench.HUB_ID: jailbreakbench.examples,
    xstest.HUB_ID: xstest.examples,
}
_WITH_POLICIES: dict[str, Callable[..., list[Example]]] = {
    topic_following.HUB_ID: topic_following.examples,
    **{
        f"{dynaguardrail.HUB_ID}/{part}": partial(dynaguardrail.examples, part)
        for part in dynaguardrail.PARTS
    },
    **{f"{cosapien.HUB_ID}/{part}": partial(cosapien.examples, part) for part in cosapien.PARTS},
}
"""Hub sets whose examples bring their policies; a suite's parts are sets of their own."""

HUB_SPLITS: dict[str, Mapping[str, str | None]] = {
    module.HUB_ID: module.SPLITS
    for module in (
        wildguardmix,
        aegis2,
        openai_moderation,
        toxic_chat,
        simple_safety_tests,
        jailbreakbench,
        xstest,
        topic_following,
        dynaguardrail,
        cosapien,
        released_traces,
    )
}
"""Each hub dataset's splits → the config each is in."""

TEST_SPLITS = {
    openai_moderation.HUB_ID: "train",
    xstest.HUB_ID: "response_harmfulness",
    **{f"{cosapien.HUB_ID}/{part}": part for part in cosapien.PARTS},
}
"""The hub's name of the split that is scored, where that is not `test`."""

OPTIONS: dict[str, tuple[str, ...]] = {
    wildguardmix.HUB_ID: ("prompt_task_response",),
    aegis2.HUB_ID: ("redacted", "prompt_task_response"),
    toxic_chat.HUB_ID: ("toxic_chat_rows",),
    jailbreakbench.HUB_ID: ("jailbreakbench_prompt",),
    cosapien.HUB_ID: ("cosapien_partial",),
}
"""What a hub dataset's rows leave open, as fields of `Reading`; the others leave nothing open."""

_OWN_POLICY = {wildguardmix.HUB_ID: "wildguardmix", aegis2.HUB_ID: "aegis2"}


class UnknownDatasetError(UserError):
    """No dataset of that name is known."""


class NoPolicyError(UserError):
    """A set without a taxonomy of its own was asked for without one."""


def require(name: str) -> str:
    """The name, if it is one that `load` takes.

    Raises:
        UnknownDatasetError: naming the nearest one there is.
    """
    known = [*_HUB_SETS, *_WITH_POLICIES, *corpora.SETS]
    if name in known or name.startswith(own.PREFIX):
        return name
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
    raise UnknownDatasetError(f"There is no dataset {name!r}: did you mean {nearest!r}?")


def hub_id(name: str) -> str | None:
    """The hub's id of a set, which for a suite's part is the suite's; None if it is none of these.

    Args:
        name: as `load` takes it.
    """
    owner_and_name = "/".join(name.split("/")[:2])
    return owner_and_name if owner_and_name in HUB_SPLITS else None


def on_hub(
    name: str, split: str, revision: str = "main"
) -> tuple[str, str | None, str, str] | None:
    """What `hub.rows` is asked for a split; None for a set that is not read from the hub.

    Raises:
        own.OwnSetError: if a set of your own has no such split.
    """
    if name.startswith(own.PREFIX):
        return own.on_hub(name, split)
    owner_and_name = hub_id(name)
    if owner_and_name is None:
        return None
    return owner_and_name, HUB_SPLITS[owner_and_name][split], split, revision


def commit(name: str, revision: str) -> str | None:
    """Which commit a set's rows were of that were loaded last; None for a set that has none."""
    if name.startswith(own.PREFIX):
        return own.commit(name)
    owner_and_name = hub_id(name)
    return hub.commit(owner_and_name, revision) if owner_and_name else None


def load(
    name: str,
    split: str,
    task: Task | None,
    policy: Policy | None = None,
    revision: str = "main",
    reading: Reading = Reading(),  # noqa: B008  # frozen
) -> tuple[Example, ...]:
    """The examples of a split, ready for a task, or for training where the task is None.

    Args:
        name: hub id, for a suite's part `<hub id>/<part>`, `synthetic/<name>`, or what `own.adopt`
            called a set of your own.
        split: the hub's name of it (`train` for OpenAI moderation, `response_harmfulness` for
            XSTest).
        task: what the examples will be scored on; see `rows.for_task` for what it leaves out.
        policy: what hub examples are judged by: at evaluation the taxonomy that the guard was
            trained on. None is WildGuardMix's and Aegis 2.0's own; synthetic examples, sets of
            your own, topic following and the custom-policy suites always keep the policies that
            they carry.
        revision: branch, tag or commit of a hub set; `commit` tells what it was.
        reading: how rows are read where the paper leaves it open.

    Raises:
        UnknownDatasetError, NoPolicyError, rows.NoExamplesError: as their names say. And whatever
            reading the set raises, which is one clear sentence too.
    """
    if name.startswith(own.PREFIX):
        return tuple(own.load(name, split, task, reading.prompt_task_response))
    if name in corpora.SETS:
        examples = corpora.load(name, split)  # type: ignore[arg-type]  # refuses unknown splits
        given = reading.prompt_task_response
        return tuple(select(examples, task, name, split, prompt_task_response=given))
    options = _options(name, reading)
    if name in _WITH_POLICIES:
        return tuple(_WITH_POLICIES[name](split, task, revision, **options))
    require(name)
    if policy is None:
        if name not in _OWN_POLICY:
            raise NoPolicyError(
                f"{name} has no taxonomy of its own: name the policy its rows are judged by, one "
                f"of {', '.join(policies.names())}."
            )
        policy = policies.load(_OWN_POLICY[name])
    return tuple(_HUB_SETS[name](split, policy, task, revision, **options))


def reading(name: str, task: Task | None, wanted: Reading) -> Reading:
    """Those of the wanted choices that a set and task leave open; the others as by default.

    Two readings of a set are equal if and only if its examples are read alike.
    """
    fields = _options(name, wanted) if hub_id(name) else {"prompt_task_response"}
    if task != "prompt":
        fields = set(fields) - {"prompt_task_response"}
    return Reading(**{field: getattr(wanted, field) for field in fields})


def _options(name: str, wanted: Reading) -> dict[str, Any]:
    """What a hub set's reader is told of a reading."""
    return {field: getattr(wanted, field) for field in OPTIONS.get(hub_id(name) or "", ())}


def policy(name: str) -> Policy:
    """A policy that ships with this package, or that of a set of your own, by name.

    Raises:
        policies.UnknownPolicyError, own.OwnSetError: if there is none.
    """
    return own.policy(name) if name.startswith(own.PREFIX) else policies.load(name)
