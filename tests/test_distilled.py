"""Distilling in the embedded world, training on what came out, and what is shown of it."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reasoning_guards import artifacts, cli, traces
from reasoning_guards.distil import annotation, quality, rehearsal, releases
from reasoning_guards.distil.answers import Answer
from reasoning_guards.distil.attempts import Item, Outcome, question
from reasoning_guards.distil.client import Endpoint
from reasoning_guards.distil.releases import NoDistilledTracesError
from reasoning_guards.distil.spec import Distillation, identity
from reasoning_guards.distil.store import Store
from reasoning_guards.distillation import answered, asking, examining
from reasoning_guards.distillation.answered import Found
from reasoning_guards.distillation.sources import Source
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


def test_another_model_judges_at_its_own_endpoint_or_at_the_teacher_s() -> None:
    def endpoint(**urls: str) -> str:
        named = {"teacher_model": "t", "judge_model": "j"} | urls
        with ExitStack() as stack:
            asker = asking.askers(PROFILE.model_copy(update=named), ["j"], stack)["j"]
        assert isinstance(asker, Endpoint)
        return asker.url

    assert endpoint(teacher_url="http://t/v1") == "http://t/v1"
    assert endpoint(teacher_url="http://t/v1", judge_url="http://j/v1") == "http://j/v1"
    with pytest.raises(asking.NoEndpointError, match="The judge 'j' has no endpoint"):
        endpoint()


def test_filters_and_versions_are_part_of_a_distillation_s_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = Distillation(teacher="m")
    assert identity(spec) == identity(Distillation(teacher="m"))
    assert identity(spec) != identity(Distillation(teacher="m", rounds=2))
    before = identity(spec)
    monkeypatch.setattr("reasoning_guards.distil.sentences.version", lambda: "another 1")
    assert identity(spec) != before


def test_what_the_rule_answered_about_another_world_is_not_taken_for_its_answer_about_this_one(
    cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stores() -> set[Path]:
        rule = answered.open_store(Distillation(teacher="rule", failures=0.1))
        model = answered.open_store(Distillation(teacher="m"))
        return {rule.path, examining.open_store("rule").path, model.path}

    before = stores()
    monkeypatch.setattr(corpora, "WORLD_VERSION", 99)
    assert len(before | stores()) == 5  # a model's answers do not hang on our world


def test_what_is_shown_adds_up_and_finds_most_failures(cached: Path) -> None:
    shown = distilled.found(PROFILE.model_copy(update={"n_train": 60, "sizes": [10, 20, 30, 60]}))
    rounds = distilled.rounds(shown)
    assert (rounds["Came in"] == rounds["Rejected"] + rounds["Passed"]).all()
    assert list(rounds["Rejected"][:-1]) == list(rounds["Came in"][1:])
    counts = distilled.counts(shown).loc[MEADOW, "full"]
    assert counts["Kept"] == rounds["Passed"].sum()
    rewrites = distilled.reasons(shown, 1)
    assert rewrites.loc["over budget", "Recovered"] > 0
    measured = filtering.precision(shown)
    for name in ("cut off", "contradicts the label", "label leak"):
        assert measured.loc[name, "Precision"].startswith("1.00")
    assert float(measured.loc["any reason", "Recall"][:4]) > 0.8
    side_by_side = trace_quality.teachers(shown).loc["full"]
    assert side_by_side.loc["rule, distilled", "Rejected by filters"].startswith("0.00")
    assert not side_by_side.loc["rule, first answers", "Rejected by filters"].startswith("0.00")
    page = distilled.examples(shown, rejected=True).data
    assert page.count("<details>") == distilled.SHOWN
    assert distilled.by_budget(shown).run == identity(shown.spec)


@pytest.mark.parametrize(("failed", "left"), [((True, False), "0.00"), ((False, True), "1.00")])
def test_what_is_left_in_is_what_the_answer_that_was_kept_had(
    tmp_path: Path, failed: tuple[bool, bool], left: str
) -> None:
    spec = Distillation(teacher="rule", failures=0.1)
    examples = tuple(
        example
        for example in corpora.load(MEADOW, "train")[:100]
        if failed
        == tuple(
            bool(rehearsal.failures(question(spec, "full", Item(example, "policy"), n), 0.1))
            for n in range(2)
        )
    )
    assert len(examples) > 5
    outcomes = [Outcome(e.id, "kept", "trace", (("no verdict",), ())) for e in examples]
    source = Source(MEADOW, examples, ("full",))
    found = Found(PROFILE, spec, [source], Store(tmp_path / "a"), {(MEADOW, "full"): outcomes})
    assert filtering.left_in(found).startswith(left)


def test_the_judge_is_held_to_what_came_to_it_and_could_be_read() -> None:
    for stage, kinds in (("full", rehearsal.OF_TRACES), (1, rehearsal.OF_REWRITES)):
        filters = [kind for kind in kinds if not kind.startswith("judge")]
        assert len(filters) == len(kinds) - 1
        for said, wanted in (
            ((), [*kinds]),
            (("judge: not grounded",), [*kinds]),
            (("repetition",), filters),
            (("judge: unreadable",), filters),
        ):
            assert filtering._answerable(stage, said) == wanted


def test_what_is_cut_off_counts_as_without_a_verdict_too(cached: Path) -> None:
    shown = distilled.found(PROFILE.model_copy(update={"n_train": 60, "sizes": [10, 20, 30, 60]}))
    measured = filtering.precision(shown)
    assert measured.loc["no verdict", "Made"] > measured.loc["cut off", "Made"]
    for name in ("no verdict", "over budget"):
        assert measured.loc[name, "Precision"].startswith("1.00")


@pytest.mark.parametrize("world", ["embedded", "hub"])
def test_examples_are_shown_escaped_and_neither_harmful_ones_nor_any_of_real_sets(
    tmp_path: Path, world: str
) -> None:
    known = corpora.load(MEADOW, "train")
    harmless = next(e for e in known if not (e.prompt_harmful or e.response_harmful))
    harmful = next(e for e in known if e.prompt_harmful)
    spec, answers = Distillation(teacher="m"), Store(tmp_path / "a.jsonl")
    for example, text in ((harmless, "<script>fine</script>"), (harmful, "taboo")):
        asked = question(spec, "full", Item(example, "policy"), 0)
        answers.add([(asked, Answer(text, "<img src=x>", "stop", False, 1, 1))])
    source = Source(MEADOW, (harmless, harmful), ("full",))
    outcomes = [Outcome(e.id, "kept", "", ((),)) for e in source.examples]
    profile = PROFILE.model_copy(update={"world": world})
    found = Found(profile, spec, [source], answers, {(MEADOW, "full"): outcomes})
    page = distilled.examples(found, rejected=False).data
    assert ("&lt;script&gt;fine" in page) == ("&lt;img" in page) == (world == "embedded")
    assert "<script" not in page
    assert "<img" not in page
    assert "taboo" not in page


def test_labels_are_balanced_beside_those_of_what_was_kept(tmp_path: Path) -> None:
    both = [
        LADDER.model_copy(update={"id": str(n), "prompt_harmful": n < 3, "response_refusal": n < 1})
        for n in range(4)
    ]
    bare = LADDER.model_copy(update={"id": "4", "response": None, "response_harmful": None})
    source = Source("s", (*both, bare), ("full",))
    outcomes = [Outcome(str(n), "kept" if n in (0, 3) else "lost") for n in range(5)]
    spec = Distillation(teacher="m")
    found = Found(PROFILE, spec, [source], Store(tmp_path / "a"), {("s", "full"): outcomes})
    shown = distilled.balance(found)
    assert list(shown.loc["s", "all"]) == ["5", "80%", "4", "0%", "25%"]
    assert list(shown.loc["s", "kept"]) == ["2", "50%", "2", "0%", "50%"]


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


@pytest.mark.parametrize("count", ["-3", "0"])
def test_a_trial_of_no_examples_is_refused_in_one_sentence(
    cache: Path, capsys: pytest.CaptureFixture[str], count: str
) -> None:
    assert cli.main(["distil", "--profile", "smoke", "--examples", count]) == 2
    said = f"reasoning-guards: --examples is {count}: give at least 1, or leave it out.\n"
    assert capsys.readouterr().err == said


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
