"""The YAML file of a set of your own, as it must be; `own` reads the rows that it speaks of."""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reasoning_guards.errors import UserError
from reasoning_guards.examples import Task


class OwnSetError(UserError):
    """A set's YAML file, or a file that it names, is not what it must be."""


Cell = str | int | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Part):
    """Which column holds which text."""

    prompt: str
    response: str | None = None
    cluster: str | None = None


class Harm(_Part):
    """A label's column, and what its values mean."""

    column: str
    harmful: list[Cell]
    unharmful: list[Cell]

    @property
    def meanings(self) -> dict[Cell, bool]:
        """Value → whether it is the positive class."""
        return dict.fromkeys(self.harmful, True) | dict.fromkeys(self.unharmful, False)


class Refusal(_Part):
    """The same for refusals."""

    column: str
    refusal: list[Cell]
    compliance: list[Cell]

    @property
    def meanings(self) -> dict[Cell, bool]:
        """Value → whether it is the positive class."""
        return dict.fromkeys(self.refusal, True) | dict.fromkeys(self.compliance, False)


class Labels(_Part):
    """What is labelled, the prompt or the response at least."""

    prompt: Harm | None = None
    response: Harm | None = None
    refusal: Refusal | None = None


class Hub(_Part):
    """A hub dataset, and its name of each split."""

    id: str
    config: str | None = None
    revision: str = "main"
    splits: dict[str, str]


class Spec(_Part):
    """What the YAML file says."""

    policy: Annotated[str, Field(min_length=1)]
    files: dict[str, str] = {}
    hub: Hub | None = None
    columns: Columns
    labels: Labels
    traces: dict[Literal["full"] | int, str] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.files) == bool(self.hub):
            raise ValueError("either `files` or `hub` must say where the rows are")
        if self.labels.prompt is None and self.labels.response is None:
            raise ValueError("`labels` must name a column for the prompt or the response")
        if self.columns.response is None and (self.labels.response or self.labels.refusal):
            raise ValueError("`columns` must name the response that `labels` speaks of")
        return self

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What its examples can be scored on."""
        labelled: dict[Task, Harm | None] = {
            "prompt": self.labels.prompt,
            "response": self.labels.response,
        }
        return tuple(task for task, label in labelled.items() if label)


def read(path: Path) -> Spec:
    """What a YAML file says.

    Raises:
        OwnSetError: if it is not there, no YAML, or not what it must be.
    """
    try:
        return Spec.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except FileNotFoundError:
        raise OwnSetError(f"There is no file {path}: check the path of your set.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OwnSetError(f"{path} is not YAML: {str(error).splitlines()[0]}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        why = first["msg"].removeprefix("Value error, ")
        raise OwnSetError(f"{path}, {where}: {why[0].lower()}{why[1:]}.") from None
