"""The parameters of every chapter, as one typed model; a profile is one flat YAML of them.

The defaults are the smoke profile. `papermill -f params/gpu.yaml -p n_train 500` sets some of them
in a notebook's namespace, from where `from_notebook` reads and checks them all.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from reasoning_guards.cards import CardName
from reasoning_guards.errors import UserError
from reasoning_guards.recipes import Engine, TeacherVersion, Template
from reasoning_guards.refinements import PreferenceLoss

# What a parameter can be; true and false are integers. What else a notebook has names for, studies
# and modules, is none: the cell that reads the parameters may be run again after the others.
_KINDS = (int, float, str, list, type(None))

TRIED = ("grpo_temperatures", "learning_rates_grpo", "grpo_betas", "grpo_groups")
"""Parameters of which each value but the first is tried in a run of its own."""


class ParameterError(UserError):
    """A parameter is unknown or has a value it cannot have."""


class Profile(BaseModel):
    """Every parameter of the study; a chapter uses some, and knows them all.

    Attributes:
        profile: its name, for banner and provenance.
        world: "embedded" (tiny models, synthetic corpus) or "hub" (the paper's models and data).
        backbone, second_backbone: hub id, a folder in the hub's format, or "synthetic/<name>",
            whose pretrainings the seeds take in turn, each at most once.
        backbone_revision, second_backbone_revision: branch, tag or commit of a hub id.
        teacher: whose traces guards learn: "rule" in the embedded world, "own", a model whose
            traces were released, or "distilled/<name>", as `distil` calls what it made.
        train_set: hub id, "synthetic/<name>", or the YAML file of a set of your own.
        other_train_set: what else guards are trained on, to see whether it matters (paper §5.7).
        dialogues: set of topic-following dialogues that some guards are taught with (§6.2).
        n_dialogues: how many of their turns.
        dataset_revisions: hub id → branch, tag or commit of that dataset; `main` where it has none.
        benchmarks: YAML files of sets of your own that guards are scored on as well.
        n_train: examples trained on, or None for the whole training split.
        sizes: in place of the paper's 500, 1000, 2500 and 5000 examples (§5.2).
        budgets: sentences that a trace may have, beside full ones (§5.3); one is among them.
        subset: whether smaller subsets are heads of larger ones, or drawn anew for each size.
        stratified: whether each subset has the whole split's shares of labels.
        overlapping: whether training examples that overlap with a benchmark are kept, or exact
            copies left out, or near ones too.
        redacted, toxic_chat_rows, jailbreakbench_prompt, cosapien_partial, prompt_task_response:
            how rows are read where the paper leaves it open; see `recipes.Reading`.
        unlabelled_refusals: responses without a refusal label, where the refusal line is asked
            for, are left out of training or answered by `None`.
        seeds: one training run per seed and variant.
        control_seeds: with how many of them controls and exploratory arms are run.
        epochs_*, learning_rate_*: tuned apart for each kind of guard, on validation data.
        batch_size: sequences per optimiser step.
        max_length: tokens of prompt and answer together.
        lora_rank: of the adapters that are trained in place of all weights, with learning rates
            about ten times as high; None for full fine-tuning.
        n_mined: training examples that a trained guard is asked, to find those that are difficult
            for it (§5.6), or None for the whole training split.
        mining_generations, mining_temperature: how its answers to them are drawn.
        difficult_least, difficult_most: how many of them are right for a difficult example.
        difficult_copies: how often each is added to the training set in a second round.
        epochs_continual, learning_rate_continual: of that round.
        dpo_beta, dpo_loss, dpo_reference: as `refinements.Preference` has them.
        dpo_pairs: at most so many of a right and a wrong answer to each difficult example.
        epochs_dpo, learning_rate_dpo: of preference optimisation.
        grpo_seeds: with how many of the seeds policy optimisation is run (Appendix F).
        grpo_temperatures, learning_rates_grpo, grpo_betas, grpo_groups: of policy optimisation,
            as `refinements.GroupRelative` has them. A run takes the first of each; each other one
            is tried in a run of its own, beside the first of the others.
        grpo_batch_size: answers per optimiser step. epochs_grpo: passes over the difficult.
        grpo_prompt, grpo_response, grpo_false_positive, grpo_false_negative, grpo_form,
            grpo_length: the reward, as `refinements.Reward` has it.
        grpo_engine: what writes the answers that are rewarded; vLLM needs a GPU for that.
        temperature, top_p, generations, max_new_tokens_*: decoding (paper §4.2).
        eval_examples: of each benchmark cell, the first so many, or None for all.
        released: guards that others released, by their names in `guards.GUARDS`, as rows of RQ1,
            RQ7, RQ8 and inference time; "name:model" for another model of that format, and
            "own:model" for one that answers as those trained here do, "own_dual:model" if it is
            told its mode.
        parse_policy: what an answer without a readable verdict counts as.
        bootstrap_replicates: resamples behind each interval.
        workers: child processes at once; on GPUs each has `tensor_parallel` of them, or
            `gpus_per_training` if these are more.
        card: the GPU that it is meant for, by which the plan reckons; None for the paper's.
        teacher_model: whom `distil` asks: "rule" in the embedded world, else a model's name.
        teacher_url: of its OpenAI-compatible endpoint; empty starts vLLM on this machine.
        teacher_prompt: Appendix H as we mend it, or as it is printed.
        teacher_temperature, teacher_top_p, teacher_max_tokens: how it answers.
        teacher_concurrency: questions in flight.
        teacher_rounds: how often a trace is asked for at most.
        teacher_failures: rate of each failure that the rule teacher makes.
        judge_model, judge_url: who judges traces, or None for nobody; the teacher's endpoint where
            the second is empty.
        examined_traces: so many of each teacher and each trained guard are measured and are read
            alone by the judge.
        token_budget, cost_budget: at which a distillation stops; None for no limit.
        price_in, price_out: of a million tokens of questions and of answers.
        The rest (device, *_batch, …) are resources: they change speed, never results.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    profile: str = "smoke"
    world: Literal["embedded", "hub"] = "embedded"
    backbone: str = "synthetic/llama-64"
    backbone_revision: str = "main"
    second_backbone: str = "synthetic/qwen3-48"
    second_backbone_revision: str = "main"
    template: Template = "compact"
    refusal_line: bool = True
    teacher: str = "rule"
    train_set: str = "synthetic/meadow"
    other_train_set: str = "synthetic/orchard"
    dialogues: str = "synthetic/lanes"
    n_dialogues: Annotated[int, Field(ge=1)] = 40
    dataset_revisions: dict[str, str] = {}
    benchmarks: list[str] = []
    n_train: Annotated[int, Field(ge=1)] | None = 100
    sizes: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=4, max_length=4)] = [
        8,
        16,
        40,
        80,
    ]
    budgets: Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=1)] = [1, 3]
    subset: Literal["nested", "independent"] = "nested"
    stratified: bool = False
    overlapping: Literal["keep", "drop_exact", "drop_near"] = "keep"
    redacted: Literal["drop", "keep"] = "drop"
    toxic_chat_rows: Literal["annotated", "all"] = "annotated"
    jailbreakbench_prompt: Literal["prompt", "goal"] = "prompt"
    cosapien_partial: Literal["harmful", "unharmful"] = "harmful"
    prompt_task_response: Literal["empty", "given"] = "empty"
    unlabelled_refusals: Literal["drop", "none"] = "drop"
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [0]
    control_seeds: Annotated[int, Field(ge=1)] = 1
    epochs_reasoning: Annotated[int, Field(ge=1)] = 4
    epochs_non_reasoning: Annotated[int, Field(ge=1)] = 6
    learning_rate_reasoning: Annotated[float, Field(gt=0, lt=1)] = 2e-3
    learning_rate_non_reasoning: Annotated[float, Field(gt=0, lt=1)] = 2e-3
    batch_size: Annotated[int, Field(ge=1)] = 2
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_length: Annotated[int, Field(ge=64)] = 512
    n_mined: Annotated[int, Field(ge=1)] | None = 60
    mining_generations: Annotated[int, Field(ge=1)] = 4
    mining_temperature: Annotated[float, Field(gt=0)] = 0.6
    difficult_least: Annotated[int, Field(ge=0)] = 2
    difficult_most: Annotated[int, Field(ge=0)] = 3
    difficult_copies: Annotated[int, Field(ge=1)] = 2
    epochs_continual: Annotated[int, Field(ge=1)] = 1
    learning_rate_continual: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    dpo_beta: Annotated[float, Field(gt=0)] = 0.1
    dpo_loss: PreferenceLoss = "sigmoid"
    dpo_reference: Literal["start", "backbone"] = "start"
    dpo_pairs: Annotated[int, Field(ge=1)] = 4
    epochs_dpo: Annotated[int, Field(ge=1)] = 1
    learning_rate_dpo: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    grpo_seeds: Annotated[int, Field(ge=1)] = 1
    grpo_temperatures: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [1.0]
    learning_rates_grpo: Annotated[
        list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)
    ] = [3e-4]
    grpo_betas: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)] = [0.01]
    grpo_groups: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)] = [4]
    grpo_batch_size: Annotated[int, Field(ge=2)] = 16
    epochs_grpo: Annotated[int, Field(ge=1)] = 2
    grpo_prompt: Annotated[float, Field(ge=0)] = 1.0
    grpo_response: Annotated[float, Field(ge=0)] = 1.0
    grpo_false_positive: Annotated[float, Field(ge=0)] = 0.5
    grpo_false_negative: Annotated[float, Field(ge=0)] = 1.0
    grpo_form: Annotated[float, Field(ge=0)] = 0.2
    grpo_length: Annotated[float, Field(ge=0)] = 0.0
    grpo_engine: Engine = "transformers"
    precision: Literal["float32", "bfloat16"] = "float32"
    lora_rank: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    generations: Annotated[int, Field(ge=1)] = 1
    max_new_tokens_reasoning: Annotated[int, Field(ge=1)] = 128
    max_new_tokens_non_reasoning: Annotated[int, Field(ge=1)] = 16
    engine: Engine = "transformers"
    eval_examples: Annotated[int, Field(ge=1)] | None = 12
    released: list[str] = []
    parse_policy: Literal["wrong", "harmful", "dropped"] = "wrong"
    bootstrap_replicates: Annotated[int, Field(ge=100)] = 500
    teacher_model: str = "rule"
    teacher_url: str = ""
    teacher_prompt: TeacherVersion = "as_used"
    teacher_temperature: Annotated[float, Field(ge=0)] = 0.6
    teacher_top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    teacher_max_tokens: Annotated[int, Field(ge=1)] = 4096
    teacher_concurrency: Annotated[int, Field(ge=1)] = 64
    teacher_rounds: Annotated[int, Field(ge=1)] = 4
    teacher_failures: Annotated[float, Field(ge=0, le=1)] = 0.06
    judge_model: str | None = "rule"
    judge_url: str = ""
    examined_traces: Annotated[int, Field(ge=1)] = 200
    token_budget: Annotated[int, Field(ge=1)] | None = None
    cost_budget: Annotated[float, Field(gt=0)] | None = None
    price_in: Annotated[float, Field(ge=0)] = 0.0
    price_out: Annotated[float, Field(ge=0)] = 0.0
    workers: Annotated[int, Field(ge=1)] = 2
    device: Literal["cpu", "cuda"] = "cpu"
    card: CardName | None = None
    train_batch_per_device: Annotated[int, Field(ge=1)] = 16
    generate_batch: Annotated[int, Field(ge=1)] = 64
    gradient_checkpointing: bool = False
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    tensor_parallel: Annotated[int, Field(ge=1)] = 1
    gpus_per_training: Annotated[int, Field(ge=1)] = 1
    accelerate_config: str = "params/accelerate/fsdp.yaml"
    executor: Literal["local", "slurm"] = "local"
    slurm_minutes: Annotated[int, Field(ge=1)] = 240
    slurm_options: dict[str, bool | int | str] = {}

    @field_validator("seeds", *TRIED, mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, int | float | str) else value

    @field_validator("*", mode="before")
    @classmethod
    def _yes_and_no_are_no_numbers(cls, value: object, info: ValidationInfo) -> object:
        expected = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and expected is not bool:
            raise ValueError("input should not be yes or no")
        return value

    @field_validator("seeds", *TRIED)
    @classmethod
    def _each_is_there_once(cls, values: list[float], info: ValidationInfo) -> list[float]:
        if len(set(values)) < len(values):
            one = "seed" if info.field_name == "seeds" else "value"
            raise ValueError(f"each {one} should be there once")
        return values

    @field_validator("sizes", "budgets")
    @classmethod
    def _rises(cls, numbers: list[int]) -> list[int]:
        if numbers != sorted(set(numbers)):
            raise ValueError("each number should be greater than the one before it")
        return numbers

    @field_validator("budgets")
    @classmethod
    def _one_sentence_is_among_them(cls, budgets: list[int]) -> list[int]:
        if 1 not in budgets:
            raise ValueError("1 should be among them, which the claims on budgets are about")
        return budgets

    @model_validator(mode="after")
    def _values_fit_together(self) -> "Profile":
        if self.temperature == 0 and self.generations > 1:
            raise ValueError(
                "with temperature 0 each generation is the same, so set generations to 1"
            )
        for name in ("batch_size", "grpo_batch_size"):
            batch, gpus = getattr(self, name), self.gpus_per_training
            at_once = min(batch // gpus, self.train_batch_per_device) * gpus
            if not at_once or batch % at_once:
                raise ValueError(
                    f"{name} should be a multiple of train_batch_per_device times gpus_per_training"
                )
        if not self.difficult_least <= self.difficult_most <= self.mining_generations:
            raise ValueError(
                "difficult_least, difficult_most and mining_generations should not fall in this "
                "order"
            )
        if any(self.grpo_batch_size % group for group in self.grpo_groups):
            raise ValueError("grpo_batch_size should be a multiple of each of grpo_groups")
        for kind in ("reasoning", "non_reasoning"):
            if getattr(self, f"max_new_tokens_{kind}") >= self.max_length:
                raise ValueError(f"max_new_tokens_{kind} should be below max_length")
        return self


def from_notebook(namespace: Mapping[str, Any]) -> Profile:
    """The profile a notebook runs with, from its `globals()`, when `profile` may be it already.

    Raises:
        ParameterError: on a name that is no parameter, or a value of the wrong kind.
    """
    return check(
        {
            name: value.profile if isinstance(value, Profile) else value
            for name, value in namespace.items()
            if name in Profile.model_fields
            or (isinstance(value, _KINDS) and not name.startswith("_") and name != "In")
        },
        "the notebook's parameters",
    )


def load(path: Path, changes: Mapping[str, str] | None = None) -> Profile:
    """The profile in a YAML file.

    Args:
        path: of the file.
        changes: parameters that are to have other values, each a piece of YAML.

    Raises:
        ParameterError: if the file is missing, is no flat mapping, names a parameter twice, or
            `check` refuses it.
    """
    try:
        text = path.read_text()
        values, lines = yaml.safe_load(text), _lines(text)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        there = ", ".join(sorted(file.stem for file in Path("params").glob("*.yaml")))
        there = there or "none here, so go to the repository's root first"
        raise ParameterError(
            f"There is no file {path}: give the path of one, or the name of a profile in params/; "
            f"there are {there}."
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f" (line {mark.line + 1})" if mark else ""
        raise ParameterError(f"{path} is not YAML: {str(error).splitlines()[0]}{at}.") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path} must hold `name: value` lines.")
    for name, numbers in lines.items():
        if len(numbers) > 1:
            raise ParameterError(
                f"{path} gives {name!r} in lines {' and '.join(map(str, numbers))}: leave all but "
                "one out."
            )
    given = {name: _value(name, text) for name, text in (changes or {}).items()}
    places = {name: f"{path}, line {numbers[0]}" for name, numbers in lines.items()}
    return check(values | given, str(path), places | dict.fromkeys(given, "the changes by -p"))


def _lines(text: str) -> dict[str, list[int]]:
    """In which lines a YAML mapping gives each of its names."""
    node = yaml.compose(text, yaml.SafeLoader)
    found: dict[str, list[int]] = {}
    for name, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        found.setdefault(str(name.value), []).append(name.start_mark.line + 1)
    return found


def _value(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ParameterError(f"The value {text!r} of {name!r} is not YAML: quote it.") from None


def check(
    values: Mapping[str, Any], where: str, places: Mapping[str, str] | None = None
) -> Profile:
    """The values as a profile; what is not given keeps its default.

    Args:
        values: by parameter.
        where: all of them stand.
        places: more precisely, by parameter.

    Raises:
        ParameterError: one sentence on the first thing that is wrong, with the nearest known name.
    """
    places = places or {}
    for name in map(str, values):
        if name not in Profile.model_fields:
            begun = [known for known in Profile.model_fields if known.startswith(f"{name}_")]
            near = begun or difflib.get_close_matches(name, Profile.model_fields, n=1, cutoff=0.5)
            meant = " or ".join(map(repr, near))
            hint = f"did you mean {meant}?" if near else "see params/ for the known names."
            raise ParameterError(
                f"There is no parameter {name!r} in {places.get(name, where)}: {hint}"
            )
    try:
        return Profile(**values)
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise ParameterError(f"In {where}, {why}.") from None
        name = str(first["loc"][0])
        raise ParameterError(
            f"The parameter {name!r} in {places.get(name, where)} is {first['input']!r}: "
            f"{why[0].lower()}{why[1:]}."
        ) from None
