"""From an answer to its fate: who is asked what, what the judge's words mean, what it costs."""

from pathlib import Path

import pytest

from reasoning_guards import cli, prices, prompts
from reasoning_guards.distil import annotation, attempts, judge
from reasoning_guards.distil.annotation import Shown
from reasoning_guards.distil.answers import Answer, Question
from reasoning_guards.distil.attempts import Item, Outcome
from reasoning_guards.distil.spec import Distillation, Stage
from reasoning_guards.distillation import asking, sources
from reasoning_guards.examples import Example, Policy, Turn
from reasoning_guards.params import Profile
from reasoning_guards.report import annotated

SPEC = Distillation(teacher="t", judge="j", rounds=3)
LADDER = Example(
    id="l", cluster="l", policy=Policy(name="p", text="Property: what belongs to others."),
    dialogue=(Turn(role="user", text="Good morning."), Turn(role="assistant", text="Hello.")),
    prompt="May I take the ladder?", response="Better ask first.",
    prompt_harmful=True, response_harmful=False,
)  # fmt: skip
GOOD = Answer("It is not his own ladder.", "Prompt harm: harmful\nResponse harm: unharmful",
              "stop", False, 1, 1)  # fmt: skip
FINE = "\n".join(f"{point}: yes" for point in judge.RUBRIC)


def said(content: str, finish: str = "stop") -> Answer:
    return Answer("", content, finish, False, 1, 1)


def fate(
    *answers: Answer, stage: Stage = "full", spec: Distillation = SPEC, example: Example = LADDER
) -> tuple[Outcome | None, list[Question]]:
    """What becomes of an example whose questions are answered so, in turn; and the questions."""
    steps = attempts.attempts(spec, stage, Item(example, "policy", "One. Two. Three."))
    asked = []
    try:
        asked.append(next(steps))
        for answer in answers:
            asked.append(steps.send(answer))
    except StopIteration as ended:
        return ended.value, asked
    return None, asked


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (FINE, ()),
        (FINE.upper().replace("\n", "\n\n "), ()),
        (FINE.replace("grounded: yes", "grounded: no"), ("judge: not grounded",)),
        (FINE.replace("yes", "no"), tuple(f"judge: {why}" for why in judge.RUBRIC.values())),
        (FINE.replace("policy: yes", "policy: mostly"), None),
        (FINE.replace("policy: yes\n", ""), None),
        (f"{FINE}\nI hope this helps.", None),
        ("\n".join(reversed(FINE.splitlines())), None),
        ("", None),
    ],
)
def test_the_judge_s_five_lines_are_read_and_anything_else_is_not(
    content: str, reasons: tuple[str, ...] | None
) -> None:
    assert judge.read(said(content)) == reasons
    assert judge.read(said(content, "length")) is None


def test_the_judge_is_asked_about_what_passes_the_filters_and_again_while_it_rambles() -> None:
    ended, asked = fate(said("Nothing."), GOOD, said("Well."), said(FINE))
    assert ended == Outcome("l", "kept", GOOD.reasoning, (("empty",), ()))
    assert [question.purpose for question in asked] == ["trace", "trace", "judge", "judge"]
    assert [question.model for question in asked] == ["t", "t", "j", "j"]
    assert len({question.seed for question in asked}) == 4
    for shown in (LADDER.policy.text, "Hello.", LADDER.prompt, "label: harmful", GOOD.reasoning):
        assert shown in asked[2].text


def test_a_trace_that_the_judge_rejects_or_cannot_judge_is_asked_for_anew_till_it_is_lost() -> None:
    no = FINE.replace("focused: yes", "focused: no")
    ended, asked = fate(GOOD, said(no), GOOD, *[said("Well.")] * judge.TRIES, GOOD, said(no))
    rejected = ("judge: not focused",)
    assert ended == Outcome("l", "lost", None, (rejected, (judge.UNREADABLE,), rejected))
    assert len({question.key for question in asked}) == len(asked) == 8


def test_without_a_judge_filters_alone_decide_and_cut_off_answers_are_rejected() -> None:
    alone = SPEC.model_copy(update={"judge": None})
    cut = Answer(GOOD.reasoning, "", "length", False, 1, 1)
    endless = Answer(GOOD.reasoning, "", "stop", True, 1, 1)
    ended, _ = fate(cut, endless, GOOD, spec=alone)
    why = ("cut off", "no verdict")
    assert ended == Outcome("l", "kept", GOOD.reasoning, (why, why, ()))


def test_a_rewrite_that_breaks_its_budget_is_asked_for_again_and_needs_no_verdict() -> None:
    alone = SPEC.model_copy(update={"judge": None})
    long = said("It is his ladder. Nobody was asked.")
    ended, asked = fate(long, said("Nobody was asked about it."), stage=1, spec=alone)
    assert ended == Outcome("l", "kept", "Nobody was asked about it.", (("over budget",), ()))
    assert "exactly one sentence" in asked[0].text
    assert "One. Two. Three." in asked[0].text


def test_an_example_without_a_label_is_asked_about_neither_teacher_nor_judge() -> None:
    ended, asked = fate(example=LADDER.model_copy(update={"prompt_harmful": None}))
    assert (ended, asked) == (Outcome("l", "unlabelled"), [])


def test_dialogues_are_shown_to_the_teacher_with_their_rules_and_all_earlier_turns() -> None:
    shown = prompts.teacher_prompt(LADDER, "topic")
    for text in (LADDER.policy.text, "Good morning.", "Hello.", LADDER.prompt):
        assert text in shown
    assert shown.index("Good morning.") < shown.index("Hello.") < shown.index(LADDER.prompt)
    assert sources.Source("synthetic/lanes", (), ()).template == "topic"


def test_dialogues_are_distilled_as_other_sets_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path))
    profile = Profile(teacher_failures=0.0)
    done = asking.run(profile, lambda line: None, limit=4, only="synthetic/lanes")
    assert done.name is not None
    assert done.tallies["synthetic/lanes", "full"].states["kept"] == 4


def test_prices_are_of_5000_and_of_all_examples_full_and_in_ten_rewrites() -> None:
    profile = Profile(
        world="hub", train_set="allenai/wildguardmix", teacher_rounds=2, judge_model=None,
        price_in=1.0, price_out=10.0, teacher_concurrency=100,
    )  # fmt: skip
    table = prices.table(profile)
    assert list(table.index) == [
        f"{examples}, {traces}" for examples in ("5,000 examples", "all 86,759")
        for traces in ("full", "10 rewrites")
    ]  # fmt: skip
    full, rewrites = table.loc["5,000 examples, full"], table.loc["5,000 examples, 10 rewrites"]
    # A fifth is asked for again: 6,000 questions of 600 tokens, and answers of 320.
    assert list(full) == ["6,000", "3.6 M", "1.9 M", "22.80", "0.3"]
    assert rewrites["Questions"] == "60,000"
    judged = prices.table(profile.model_copy(update={"judge_model": "j"}))
    assert judged.loc["5,000 examples, full", "Questions"] == "10,800"
    whole = table.loc["all 86,759, full", "Cost"]
    assert float(whole.replace(",", "")) == pytest.approx(22.8 * 86_759 / 5_000, abs=0.01)


def test_agreement_of_a_filled_in_sheet_is_counted_by_reason() -> None:
    machine = [("label leak",), ("label leak",), (), ("empty",)]
    person = [frozenset({"label leak"}), frozenset(), frozenset(), frozenset({"empty"})]
    shown = [Shown(LADDER, "It is his.", "", reasons) for reasons in machine]
    table = annotated.agreement(person, shown)
    assert list(table.index) == ["empty", "label leak", "any reason"]
    assert list(table.loc["label leak"]) == [1, 0, 1, 2, 0.5]
    assert list(table.loc["empty"]) == [1, 0, 0, 3, 1.0]
    assert list(table.loc["any reason"]) == [2, 0, 1, 1, 0.5]


def test_the_command_line_writes_a_sheet_and_reads_it_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path / "cache"))
    asking.run(Profile(), lambda line: None, limit=20, only="synthetic/meadow")
    sheet = tmp_path / "none" / "yet" / "sheet.csv"
    assert cli.main(["distil", "--sheet", str(sheet)]) == 0
    assert "20 answers are in" in capsys.readouterr().out
    assert len(annotation.read(sheet, 20)) == 20
    assert cli.main(["distil", "--filled", str(sheet)]) == 0
    assert "any reason" in capsys.readouterr().out
