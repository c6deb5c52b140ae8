"""Asking a profile's teacher: every set that its guards learn from, full and at every budget."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from filelock import FileLock

from reasoning_guards import resources
from reasoning_guards.distil import loop, releases, serving
from reasoning_guards.distil.attempts import attempts
from reasoning_guards.distil.budget import Budget
from reasoning_guards.distil.client import Endpoint
from reasoning_guards.distil.rehearsal import NAME as RULE
from reasoning_guards.distil.rehearsal import RuleTeacher
from reasoning_guards.distil.releases import Part
from reasoning_guards.distil.spec import identity
from reasoning_guards.distil.tally import Tally, tally
from reasoning_guards.distillation import answered
from reasoning_guards.distillation.sources import sources, spec
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile


class NoEndpointError(UserError):
    """A judge is named whose endpoint is not known."""


@dataclass
class Distilled:
    """What a distillation came to.

    Attributes:
        name: the release's, for `teacher`; None if the run stopped before its end.
        tallies: of each part.
        budget: what was spent, by earlier runs too.
        asked: questions sent by this run.
        stopped: why it stopped early, if it did.
    """

    name: str | None = None
    tallies: dict[Part, Tally] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    asked: int = 0
    stopped: str | None = None


def run(
    profile: Profile,
    say: Callable[[str], None],
    limit: int | None = None,
    only: str | None = None,
) -> Distilled:
    """Distil, or go on with it; publish the traces when all are there.

    A second run of the same distillation waits for the first, and then finds its answers.

    Raises:
        UserError: on an endpoint that refuses, a server that does not start, and whatever reading
            the sets raises.
    """
    wanted = spec(profile)
    done = Distilled(budget=budget(profile))
    found = sources(profile, limit, only)
    with ExitStack() as stack:
        answers = answered.open_store(wanted)
        stack.callback(answers.close)
        stack.enter_context(FileLock(answers.path.with_suffix(".lock")))
        asked = [wanted.teacher, *([wanted.judge] if wanted.judge else [])]
        who = askers(profile, asked, stack)
        for source in found:
            for stage in source.stages:
                to_trace = answered.items(wanted, source, stage, answers)
                passed = loop.run(
                    f"{source.dataset}, {stage}",
                    (attempts(wanted, stage, item) for item in to_trace),
                    len(source.examples),
                    answers,
                    who,
                    done.budget,
                    profile.teacher_concurrency,
                    say,
                )
                done.asked += passed.asked
                part = (source.dataset, stage)
                done.tallies[part] = tally(answered.outcomes(wanted, source, stage, answers))
                if passed.stopped:
                    done.stopped = passed.stopped
                    return done
        parts = {
            (source.dataset, stage): answered.traced(wanted, source, stage, answers)
            for source in found
            for stage in source.stages
        }
        done.name = releases.publish(wanted, parts)
    return done


def budget(profile: Profile) -> Budget:
    """What one command of the profile may spend."""
    return Budget(profile.token_budget, profile.cost_budget, profile.price_in, profile.price_out)


def askers(profile: Profile, models: Iterable[str], stack: ExitStack) -> dict[str, loop.Asker]:
    """Who answers for the teacher and the judge; a server of ours ends with the stack.

    Raises:
        NoEndpointError: if the judge is another model than the teacher and has no endpoint.
        ServerError: if a server of ours does not start.
    """
    found: dict[str, loop.Asker] = {}
    for model in dict.fromkeys(models):
        url = profile.teacher_url
        if model != profile.teacher_model:
            url = profile.judge_url or profile.teacher_url
            if not url and model != RULE:
                raise NoEndpointError(
                    f"The judge {model!r} has no endpoint: set judge_url, or judge_model to the "
                    "teacher's name, or to null for filters alone."
                )
        if model == RULE:
            found[model] = RuleTeacher(profile.teacher_failures)
        else:
            log = resources.cache_folder() / "logs" / f"server-{identity(spec(profile))}.log"
            found[model] = Endpoint(url or stack.enter_context(serving.serve(model, log)))
    return found


def rehearse(profile: Profile, only: str) -> None:
    """Have the rule teacher answer, where the profile names it; from within an event loop, too.

    It knows the embedded world's sets and no others.
    """
    if profile.teacher_model == RULE and only.startswith("synthetic/"):
        with ThreadPoolExecutor(1) as beside:
            beside.submit(run, profile, lambda line: None, only=only).result()
