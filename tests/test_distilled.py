"""Distilling in the embedded world, training on what came out, and what is shown of it."""

from pathlib import Path
from typing import Any

import pytest

from reasoning_guards import artifacts, cli, traces
from reasoning_guards.distil import annotation, quality, releases
from reasoning_guards.distil.releases import NoDistilledTracesError
from reasoning_guards.distil.spec import Distillation, identity
from reasoning_guards.distillation import asking
from reasoning_guards.examples import Example, Policy
from reasoning_guards.params import Profile
from reasoning_guards.recipes import SFT, Backbone, Recipe, TraceSpec
from reasoning_guards.report import distilled, filtering, trace_quality
from reasoning_guards.synthetic import corpora
from reasoning_guards.training import data

MEADOW = "synthetic/meadow"
PROFILE = Profile(teacher_failures=0.1, budgets=[1])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distilled")


@pytest.fixture
def cached(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which a part of the training set is distilled once for all tests."""
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(shared))
    return shared


def distil(**changes: Any) -> asking.Distilled:
    profile = PROFILE.model_copy(update=changes)
    return asking.run(profile, lambda line: None, limit=40, only=MEADOW)


def recipe(teacher: str, **changes: Any) -> Recipe:
    sft = SFT(
        epochs=1, learning_rate=1e-3, batch_size=2, warmup_ratio=0.1, weight_decay=0.0,
        max_length=512, precision="float32",
    )  # fmt: skip
    return Recipe(
        backbone=Backbone(name="synthetic/llama-64-0", template="compact"),
        train_set=MEADOW,
        n_train=200,
        traces=TraceSpec(teacher=teacher, **changes),
        sft=sft,
    )


def test_what_is_distilled_is_trained_on_by_its_name_and_no_answer_is_asked_for_twice(
    cached: Path,
) -> None:
    first = distil()
    assert first.name is not None
    assert first.asked > 40
    again = distil()
    assert (again.name, again.asked) == (first.name, 0)
    assert again.budget.answers == first.budget.answers
    counted = first.tallies[MEADOW, "full"]
    assert counted.states["kept"] + counted.states["lost"] == 40
    assert counted.came[0] == 40
    lessons = data.lessons(recipe(first.name))
    assert len(lessons) == counted.states["kept"]
    short = data.lessons(recipe(first.name, sentences=1))
    assert {lesson.trace for lesson in short}.isdisjoint({lesson.trace for lesson in lessons})


def test_another_distillation_is_another_guard_and_a_changed_file_is_none(cached: Path) -> None:
    name, other = distil().name, distil(teacher_rounds=1).name
    assert name is not None
    assert other is not None
    assert artifacts.key(recipe(name)) != artifacts.key(recipe(other))
    path = cached / other / "0.jsonl"
    path.write_text(path.read_text().replace(" banned", " allowed", 1))
    with pytest.raises(NoDistilledTracesError, match="is not what it was"):
        traces.write(TraceSpec(teacher=other), list(corpora.load(MEADOW, "train")), 0)


def test_what_was_not_distilled_is_refused_in_one_sentence(cached: Path) -> None:
    name = distil().name or ""
    for spec, dataset in (
        (TraceSpec(teacher="distilled/nothing-0"), MEADOW),
        (TraceSpec(teacher="distilled/../../etc"), MEADOW),
        (TraceSpec(teacher=name, sentences=7), MEADOW),
        (TraceSpec(teacher=name), "synthetic/orchard"),
    ):
        with pytest.raises(NoDistilledTracesError) as caught:
            traces.require(spec, dataset)
        assert "\n" not in str(caught.value)
    relabelled = [
        e.model_copy(update={"prompt_harmful": not e.prompt_harmful})
        for e in corpora.load(MEADOW, "train")
    ]
    with pytest.raises(NoDistilledTracesError, match="None of the"):
        releases.traces(name, None, relabelled)


def test_filters_and_versions_are_part_of_a_distillation_s_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = Distillation(teacher="m")
    assert identity(spec) == identity(Distillation(teacher="m"))
    assert identity(spec) != identity(Distillation(teacher="m", rounds=2))
    before = identity(spec)
    monkeypatch.setattr("reasoning_guards.distil.sentences.version", lambda: "another 1")
    assert identity(spec) != before


def test_what_is_shown_adds_up_and_finds_most_failures(cached: Path) -> None:
    shown = distilled.found(PROFILE.model_copy(update={"n_train": 60, "sizes": [10, 20, 30, 60]}))
    rounds = distilled.rounds(shown)
    assert (rounds["Came in"] == rounds["Rejected"] + rounds["Passed"]).all()
    assert list(rounds["Rejected"][:-1]) == list(rounds["Came in"][1:])
    counts = distilled.counts(shown).loc[MEADOW, "full"]
    assert counts["Kept"] == rounds["Passed"].sum()
    measured = filtering.precision(shown)
    for name in ("cut off", "contradicts the label", "label leak"):
        assert measured.loc[name, "Precision"].startswith("1.00")
    assert float(measured.loc["any reason", "Recall"][:4]) > 0.8
    side_by_side = trace_quality.teachers(shown).loc["full"]
    assert side_by_side.loc["rule, distilled", "Rejected by filters"].startswith("0.00")
    assert not side_by_side.loc["rule, first answers", "Rejected by filters"].startswith("0.00")
    page = distilled.examples(shown, rejected=True).data
    assert page.count("<details>") == distilled.SHOWN


def test_the_command_line_says_what_to_train_with(
    cached: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["distil", "--profile", "smoke", "--examples", "3"]) == 0
    assert "Train with `teacher: distilled/rule-" in capsys.readouterr().out
    tight = tmp_path / "tight.yaml"
    values = Path("params/smoke.yaml").read_text().replace("failures: 0.06", "failures: 0.5")
    tight.write_text(values.replace("token_budget: null", "token_budget: 900"))
    assert cli.main(["distil", "--profile", str(tight), "--examples", "3"]) == 1
    assert "Stopped: the budget of 900 tokens is spent." in capsys.readouterr().out


LADDER = Example(
    id="l", cluster="l", policy=Policy(name="p", text="S1: Violence.\nS9: PII/Privacy."),
    prompt="May I take the ladder?", response="No, ask first.",
    prompt_harmful=True, response_harmful=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("The request is harmful. The response is safe.", (True, False)),
        ("The prompt is not harmful, and the answer is not safe.", (False, True)),
        ("It is harmful. No: it is unharmful.", (False, None)),
        ("The assistant is helpful.", (None, None)),
    ],
)
def test_conclusions_are_what_is_said_last(trace: str, said: tuple[bool | None, ...]) -> None:
    assert quality.conclusions(trace) == said


def test_quality_is_told_from_the_text() -> None:
    assert quality.concludes((True, False), "The request is harmful.") is True
    assert (
        quality.concludes((True, False), "The request is harmful. The reply is harmful.") is False
    )
    assert quality.concludes((True, False), "Well.") is None
    assert quality.categories(LADDER.policy) == ("Violence", "PII/Privacy")
    assert quality.names_category(LADDER, "This is about privacy.") is True
    assert quality.names_category(LADDER, "This is about ladders.") is False
    assert quality.names_annotated("Violent.", ["Violence"]) is True
    assert quality.names_annotated("Violent.", []) is None
    assert quality.cites(LADDER, "They want to take the ladder.")
    assert not quality.cites(LADDER, "They want it.")


def test_a_sheet_comes_back_as_it_was_filled_in_and_runs_no_formula(tmp_path: Path) -> None:
    shown = [
        annotation.Shown(LADDER, f"=SUM({n})", "So.", ("label leak",) if n % 2 else ())
        for n in range(30)
    ]
    drawn = annotation.draw(shown, 10)
    assert sum(bool(one.reasons) for one in drawn) == 5
    path = tmp_path / "sheet.csv"
    annotation.write(path, drawn)
    assert ",=" not in path.read_text()
    assert annotation.read(path, 10) == [frozenset()] * 10
    lines = path.read_text().splitlines()
    column = annotation.REASONS.index("label leak") - len(annotation.REASONS)
    cells = lines[1].rsplit(",", len(annotation.REASONS))
    assert len(drawn) == 10
    path.write_text(path.read_text().replace(lines[-1], _filled(lines[-1], column), 1))
    assert annotation.read(path, 10)[9] == {"label leak"}
    assert cells
    with pytest.raises(annotation.SheetError, match="none of this sheet"):
        annotation.read(path, 5)
    with pytest.raises(annotation.SheetError, match="11 rows"):
        annotation.read(path, 11)


def _filled(line: str, column: int) -> str:
    cells = line.split(",")
    cells[column] = "Yes"
    return ",".join(cells)
