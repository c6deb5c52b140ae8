"""The variants and cells of each chapter, known without executing its notebook."""

from collections.abc import Callable

from reasoning_guards.chapters.efficacy import rq1_efficacy
from reasoning_guards.params import Profile
from reasoning_guards.study import Study

CHAPTERS: dict[str, Callable[[Profile], Study]] = {"rq1_efficacy": rq1_efficacy}
