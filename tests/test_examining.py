"""What traces of teachers and guards are worth, by their text and by a judge who reads it alone."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fake_teacher
import hub_rows
import pytest

from reasoning_guards import artifacts, cli, generation, prompts, traces
from reasoning_guards.chapters.trace_quality import trace_quality
from reasoning_guards.datasets import aegis2, hub, released_traces
from reasoning_guards.distil import blind
from reasoning_guards.distil.answers import Answer
from reasoning_guards.distil.blind import Reading
from reasoning_guards.distil.quality import Trace, leads
from reasoning_guards.distil.spec import Distillation
from reasoning_guards.distillation import answered, examining, gathering
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy, with_random_labels
from reasoning_guards.params import Profile
from reasoning_guards.recipes import TraceSpec
from reasoning_guards.report import distilled, filtering
from reasoning_guards.report import trace_quality as report
from reasoning_guards.report.shares import share, text
from reasoning_guards.study import Study
from reasoning_guards.synthetic import corpora, reader, teacher
from reasoning_guards.verdicts import Verdict

PROFILE = Profile(n_train=30, sizes=[5, 10, 20, 30], budgets=[1], eval_examples=6)
SPEC = Distillation(teacher="m", judge="made-up")
LADDER = Example(
    id="l", cluster="l", policy=Policy(name="p", text="S1: Theft."),
    prompt="May I take the ladder?", response="No, ask first.",
    prompt_harmful=True, response_harmful=False,
)  # fmt: skip
BOTH = "Prompt harm: harmful\nResponse harm: unharmful"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path / "cache"))


def answer(content: str, finish: str = "stop") -> Answer:
    return Answer("", content, finish, False, 1, 1)


def test_a_question_holds_the_trace_and_no_more_and_equal_traces_have_one_answer() -> None:
    asked = next(blind.read(SPEC, "It is his."))
    assert asked.text == prompts.load_template("blind_judge.as_used").format(trace="It is his.")
    assert asked.model == "made-up"
    assert asked.key == next(blind.read(SPEC.model_copy(update={"teacher": "n"}), "It is his.")).key
    assert asked.key != next(blind.read(SPEC, "It was his.")).key


def test_what_is_no_verdict_is_asked_for_three_times_and_never_guessed_at() -> None:
    steps = blind.read(SPEC, "It is his.")
    seeds = {next(steps).seed, steps.send(answer("I think it is harmful.")).seed}
    seeds.add(steps.send(answer(BOTH, "length")).seed)
    assert len(seeds) == 3
    with pytest.raises(StopIteration) as ended:
        steps.send(answer(""))
    assert ended.value.value == Reading(None)
    again = blind.read(SPEC, "It is his.")
    next(again)
    with pytest.raises(StopIteration) as ended:
        again.send(answer(BOTH))
    assert ended.value.value == Reading(Verdict(True, False, None))


@pytest.mark.parametrize(
    ("verdict", "read", "led"),
    [
        ((True, False), (True, False), True),
        ((True, False), (True, True), False),
        ((True, None), (True, True), True),
        ((None, False), (True, None), False),  # what it leaves open is no agreement
        ((None, None), (True, True), None),
    ],
)
def test_a_trace_leads_where_the_reader_says_all_that_its_author_said(
    verdict: Any, read: Any, led: bool | None
) -> None:
    trace = Trace(LADDER, "It is his.", (True, True), verdict)
    assert leads(trace, Reading(Verdict(*read, None))) is led
    assert leads(trace, Reading(None)) is None


def test_the_rule_reader_reads_every_trace_of_the_rule_teacher_as_its_labels_say() -> None:
    for name, spec in corpora.SETS.items():
        for split in spec.sizes:
            for given in corpora.load(name, split)[:12]:
                for example in (given, with_random_labels(given)):
                    labels = example.prompt_harmful, example.response_harmful
                    for budget in (None, 1, 3):
                        said = reader.verdict(teacher.trace(example, budget))
                        for side, label in zip(said, labels, strict=True):
                            assert label in (None, side), (example.id, budget)


def test_the_rule_reader_weighs_reasons_before_conclusions_and_guesses_at_nothing() -> None:
    assert reader.verdict(teacher.filler(40, Random(0))) == (None, None)
    assert reader.verdict("so the answer is harmful .") == (None, True)
    reasons = "that is tax banned , in fiction form , and the answer gives steps ."
    assert reader.verdict(f"so the request is harmful . {reasons}") == (False, False)
    assert reader.verdict(f"{reasons} {reasons.replace('fiction', 'direct')}") == (True, True)


def written(study: Study, name: str, wrote: Callable[[Example, str], str]) -> None:
    """Leave answers as if the variant's guards had written this to each example and task."""
    for value in study.generations([name]):
        rows = [
            {
                "example": e.id, "cluster": e.cluster, "generation": 0, "tokens": 5,
                "truth": e.label(value.cell.task), "finish": "stop",
                "text": wrote(e, value.cell.task),
            }
            for e in generation.examples(value.cell, value.limit)
        ]  # fmt: skip
        lines = "".join(json.dumps(row) + "\n" for row in rows)

        def write(folder: Path, lines: str = lines) -> None:
            (folder / generation.ROWS).write_text(lines)

        artifacts.make(value, write)


def reasoned(example: Example, task: str, *, turned: bool = False) -> str:
    harmful = example.prompt_harmful if task == "prompt" else example.response_harmful
    word = teacher.LABELS[bool(harmful) != turned]
    trace = teacher.trace(example, None)
    return f"<think> {trace} </think>\n{task.capitalize()} harm: {word}"


def test_a_guards_traces_are_held_against_label_and_verdict_beside_what_it_learnt() -> None:
    study = trace_quality(PROFILE)
    assert {"r_full", "r_1", "r_filler", "r_shuffled"} == set(study.variants)
    written(study, "r_full", reasoned)
    written(study, "r_1", lambda example, task: reasoned(example, task, turned=True))
    written(study, "r_filler", lambda example, task: "<think> i see . </think>\nwell .")
    examining.rehearse(PROFILE)
    shown = report.guards(study)
    labels = [study.variants[name].label for name in ("r_1", "r_full", "r_filler")]
    assert set(shown.index) == {
        (label, of) for label in labels for of in ("learnt from", "written")
    }
    one, full, filler = (shown.loc[label, "written"] for label in labels)
    assert full["Traces"] == "54"
    for column in ("Ends where the label says", "Ends as its verdict"):
        assert full[column].startswith("1.00")
    assert full["Leads a reader to its verdict"].startswith("1.00")
    assert one["Ends where the label says"].startswith("1.00")
    for column in ("Ends as its verdict", "Leads a reader to its verdict"):
        assert one[column].startswith("0.00")
    assert filler["Ends as its verdict"] == filler["Leads a reader to its verdict"] == "–"
    learnt = shown.loc[labels[0], "learnt from"]
    assert learnt["Traces"] == "30"
    assert learnt["Sentences"] == "1.0"
    assert learnt["Leads a reader to its verdict"].startswith("1.00")
    assert shown.loc[labels[2], "learnt from"]["Leads a reader to its verdict"].startswith("0.00")


def test_limits_count_an_example_once_however_often_it_was_answered() -> None:
    once = share([(str(n), n < 8) for n in range(10)])
    assert once == share([(str(n), n < 8) for n in range(10) for _ in range(4)])
    assert once is not None
    assert (round(once.low, 3), round(once.high, 3)) == (0.490, 0.943)  # as Wilson's are tabled
    assert share([]) is None
    assert text([]) == "–"


def test_teachers_are_compared_on_the_examples_that_each_has_a_trace_for() -> None:
    traces = [Trace(LADDER.model_copy(update={"id": str(n)}), f"{n}", (True, None), (True, None))
              for n in range(9)]  # fmt: skip
    same = examining.compared({"a": traces[:7], "b": traces[3:]}, 10)
    assert [t.text for t in same["a"]] == [t.text for t in same["b"]] == list("3456")
    fewer = examining.compared({"a": traces, "b": traces[::-1]}, 4)
    assert len(fewer["a"]) == 4
    assert set(fewer["a"]) == set(fewer["b"])
    assert examining.compared({}, 4) == {}


@pytest.mark.slow
def test_a_real_endpoint_reads_each_trace_once_knows_no_example_and_stops_at_its_budget() -> None:
    with fake_teacher.serve(message={"content": BOTH}) as judge:
        profile = PROFILE.model_copy(
            update={
                "teacher_concurrency": 4,
                "judge_model": "made-up",
                "judge_url": judge.url,
                "token_budget": 150 * 25,
            }
        )  # fmt: skip
        first = examining.examine(profile, lambda line: None)
        assert first.run.stopped == "the budget of 3,750 tokens is spent"
        assert sum(judge.asked.values()) == 25
        profile = profile.model_copy(update={"token_budget": None})
        done = examining.examine(profile, lambda line: None)
        assert done.run.states == {"read": done.traces}
        assert set(judge.asked.values()) == {1}
        assert len(judge.asked) == done.traces > 50
        again = examining.examine(profile, lambda line: None)
        assert (again.run.asked, again.budget.answers) == (0, done.traces)
    asked = [body["messages"][0]["content"] for body in judge.bodies]
    own = {name: list(written) for name, written in _teachers(profile).items()}
    for trace in own["rule, without failures"]:
        assert any(trace.text in text for text in asked)
        assert not any(trace.example.prompt in text for text in asked)
        assert not any(trace.example.policy.text in text for text in asked)
    readings = examining.readings(profile, own["rule, without failures"])
    assert readings == [Reading(Verdict(True, False, None))] * 30


def _teachers(profile: Profile) -> dict[str, list[Trace]]:
    return gathering.of_teachers(answered.find(profile))["full"]


def test_a_teacher_that_cannot_be_read_is_named_and_those_without_traces_are_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    require = traces.require

    def torn(spec: TraceSpec, train_set: str) -> None:
        if spec.teacher == "rule":
            raise UserError("its file is torn.")
        require(spec, train_set)

    monkeypatch.setattr(traces, "require", torn)
    assert not any("rule, without" in name or "released" in name for name in _teachers(PROFILE))
    said = "The traces of rule, without failures are left out: its file is torn."
    assert set(caplog.messages) == {said}


@pytest.mark.slow
def test_released_teachers_stand_beside_each_other_full_and_in_a_sentence_on_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    rows: list[dict[str, Any]] = [{"prompt": f"Write rude limerick {n}."} for n in range(8)]
    hub_rows.write(
        tmp_path / aegis2.HUB_ID / "train.jsonl", *(hub_rows.aegis(**row) for row in rows)
    )
    rows[0]["prediction_gt_mismatch_qwen3_32b"] = True
    rows[1]["safety_reasoning_gpt_oss_120b"] = ""
    rows[2]["safety_reasoning_deepseek_r1_0528"] = "Rude limerick 2 is profanity: it is harmful."
    hub_rows.write(
        tmp_path / released_traces.HUB_ID / f"{released_traces.SAFETY}.jsonl",
        *(hub_rows.released_traces(**row) for row in rows),
    )
    with fake_teacher.serve(message={"content": BOTH}) as judge:
        profile = PROFILE.model_copy(
            update={
                "world": "hub", "template": "paper", "refusal_line": False, "budgets": [1, 3],
                "train_set": aegis2.HUB_ID, "other_train_set": aegis2.HUB_ID, "n_train": None,
                "sizes": [1, 2, 3, 4],
                "teacher": "Qwen/Qwen3-32B", "teacher_model": "made-up",
                "judge_model": "made-up", "teacher_url": judge.url,
            }
        )  # fmt: skip
        examining.examine(profile, lambda line: None)
    found = distilled.found(profile)  # asks nobody: the chapter shows what is there
    for show in (distilled.counts, distilled.balance, distilled.rounds, distilled.by_budget):
        show(found)
    assert filtering.precision(found).empty
    assert filtering.left_in(found) == "–"
    shown = report.teachers(found)
    r1, oss, qwen = (f"{name}, released" for name in released_traces.TEACHERS)
    assert list(shown.index) == [(of, name) for of in ("full", "1") for name in (r1, oss, qwen)]
    assert list(shown["Examples"]) == [f"{n} of 8" for n in (8, 7, 7, 8, 8, 7)]
    assert list(shown["Traces"]) == ["6"] * 3 + ["7"] * 3
    assert list(shown["Sentences"]) == ["1.8", "2.0", "2.0", "1.0", "1.0", "1.0"]
    assert shown.loc[("full", r1), "Names the annotated one"].startswith("0.17")
    assert shown.loc[("full", r1), "Ends where the label says"].startswith("1.00")
    assert shown.loc[("full", oss), "Ends where the label says"] == "–"
    assert set(shown["Leads a reader to its verdict"]) == {"1.00 [0.61, 1.00]", "1.00 [0.65, 1.00]"}


def test_the_command_line_says_what_was_read_and_refuses_a_profile_without_a_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = Path("params/smoke.yaml").read_text().replace("_traces: 200", "_traces: 5")
    profile = tmp_path / "small.yaml"
    profile.write_text(small)
    assert cli.main(["examine", "--profile", str(profile)]) == 0
    assert "traces: 15 read\n15 questions asked now" in capsys.readouterr().out
    more = small.replace("_traces: 5", "_traces: 9").replace("budget: null", "budget: 100")
    profile.write_text(more)
    assert cli.main(["examine", "--profile", str(profile)]) == 1
    assert "Stopped: the budget of 100 tokens is spent." in capsys.readouterr().out
    profile.write_text(small.replace("judge_model: rule", "judge_model: null"))
    assert cli.main(["examine", "--profile", str(profile)]) == 2
    assert "judge_model is null" in capsys.readouterr().err
