"""The format of the guards that are trained here: Appendix H.3's lines, read by `verdicts`."""

from collections.abc import Mapping

from reasoning_guards import verdicts
from reasoning_guards.examples import Task
from reasoning_guards.guards.format import Field

_PROMPT = Field("Prompt harm:", (" harmful",), (" unharmful",))
FIELDS: Mapping[Task, tuple[Field, ...]] = {
    "prompt": (_PROMPT,),
    "response": (_PROMPT, Field("\nResponse harm:", (" harmful",), (" unharmful",))),
}


def parse(text: str, task: Task) -> verdicts.Verdict | verdicts.ParseFailure:
    """One answer states the verdicts of both tasks."""
    del task
    return verdicts.parse(text)
