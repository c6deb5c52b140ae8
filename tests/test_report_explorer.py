"""The traces explorer: what it shows is what guards wrote, whatever came of it, and inert."""

import json
import re
from html import unescape

import pytest

from reasoning_guards import artifacts, chapters, generation
from reasoning_guards.chapters import benchmarks
from reasoning_guards.params import Profile
from reasoning_guards.report import explorer
from reasoning_guards.study import Study
from reasoning_guards.synthetic import corpora, teacher

PROFILE = Profile(eval_examples=2)
VERDICT = "Prompt harm: {0}\nResponse harm: {0}\nResponse refusal: None"
WROTE = {
    "nr": VERDICT.format("harmful"),
    "r_1": "<think> so <b>it is & $x$ </think>\n" + VERDICT.format("unharmful"),
    "r_full": "hmm .",
    "dual_nr": VERDICT.format("unharmful"),
    "dual_r": "<think> a </think>\n" + VERDICT.format("harmful"),
}


def answer(study, name, profile=PROFILE):
    """Has a variant answer the same to every example."""
    for value in study.generations([name]):
        rows = [
            {"example": e.id, "generation": number, "truth": e.label(value.cell.task),
             "text": WROTE[name] if number == 0 else "", "tokens": 7}
            for e in generation.examples(value.cell, profile.eval_examples) for number in range(2)
        ]  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        artifacts.make(value, lambda folder, text=text: (folder / generation.ROWS).write_text(text))


@pytest.fixture
def shown():
    for chapter, names in explorer._VARIANTS.items():
        for name in names:
            answer(chapters.CHAPTERS[chapter](PROFILE), name)
    return explorer.shown(PROFILE)


def details(found):
    return re.findall(r"<details.*?</details>", explorer.page(found).data)


def test_each_cells_first_examples_are_there_in_order(shown, monkeypatch):
    cells = benchmarks.safety_cells(PROFILE)
    assert [each.cell for each in shown] == [cell for cell in cells for _ in range(2)]
    for first, second in zip(shown[::2], shown[1::2], strict=True):
        assert [first.example, second.example] == [
            example.id for example in generation.examples(first.cell, 2)
        ]
    monkeypatch.setattr(explorer, "EACH", 1)
    assert explorer.shown(PROFILE) == shown[::2]


def test_an_outcome_is_the_first_answer_held_against_the_label_of_the_task(shown):
    assert {each.harmful for each in shown} == {True, False}
    for each in shown:
        said_harmful, said_unharmful = (
            ("right", "missed") if each.harmful else ("false alarm", "right")
        )
        outcomes = [answer.outcome for answer in each.answers.values()]
        assert outcomes == [
            said_harmful, said_unharmful, "unparsable", said_unharmful, said_harmful
        ]  # fmt: skip
        assert each.together == "they differ"
    counted = explorer.outcomes(shown)
    assert counted.loc["R (full)"].to_dict() == {
        "right": 0, "missed": 0, "false alarm": 0, "unparsable": len(shown)
    }  # fmt: skip
    harmful = sum(each.harmful for each in shown)
    assert counted.loc["NR", ["right", "false alarm"]].tolist() == [harmful, len(shown) - harmful]


def test_without_a_script_every_example_is_there_with_all_its_texts(shown):
    for each, entry in zip(shown, details(shown), strict=True):
        example, text = explorer.world.find(each.example), unescape(entry)
        for there in (example.policy.text, example.prompt, example.response or "none",
                      teacher.trace(example, None), *WROTE.values()):  # fmt: skip
            assert there in text.replace("&#10;", "\n")
        assert f"Label of the {each.cell.task}" in entry


def test_what_guards_wrote_is_inert(shown):
    assert "&lt;b&gt;it is &amp; $x$" in details(shown)[0]
    assert "<b>" not in explorer.page(shown).data


def test_a_flipped_label_says_so(shown):
    each = shown[0]
    flipped = explorer.Shown(each.cell, each.example, not each.harmful, each.answers)
    plain, said = (details([one])[0] for one in (each, flipped))
    assert corpora.gold(each.example).prompt_harmful == each.harmful
    assert "flipped on purpose" in said
    assert "flipped" not in plain


def test_no_text_is_shown_of_a_set_that_may_do_harm(shown):
    each = shown[0]
    cell = each.cell.model_copy(update={"dataset": "some/hub-set"})
    hub = explorer.Shown(cell, "17", each.harmful, each.answers)
    (entry,) = details([hub])
    assert (
        re.sub("<[^>]+>", " ", entry).split()
        == (
            f"17 hub-set, prompt · {explorer._WORDS[each.harmful]} · 2 of 5 guards right "
            "NR: ✗ false alarm · 7 tokens R (1 sentence): ✓ right · 7 tokens "
            "R (full): ? unparsable · 7 tokens Dual, asked to answer at once: ✓ right · 7 tokens "
            "Dual, asked to reason: ✗ false alarm · 7 tokens"
        ).split()
    )


def test_each_choice_that_the_script_offers_has_a_value_in_every_example(shown):
    by = json.loads(unescape(re.search(r'data-by="([^"]+)"', explorer.page(shown).data)[1]))
    assert list(by.values())[3:] == ["NR", "R (1 sentence)", "R (full)",
                                     "Dual, asked to answer at once",
                                     "Dual, asked to reason"]  # fmt: skip
    for entry in details(shown):
        assert re.findall(r' data-(\w+)="[^"]+"', entry) == list(by)


def test_guards_that_have_not_answered_are_left_out_and_nothing_is_run(monkeypatch):
    monkeypatch.delattr(Study, "run")
    assert explorer.shown(PROFILE) == []
    assert "No guard has answered yet" in explorer.page([]).data
    assert explorer.numbers([])["explorer_examples"] == "0"
    answer(chapters.rq4_dual_mode(PROFILE), "dual_r")
    (labels,) = {tuple(each.answers) for each in explorer.shown(PROFILE)}
    assert labels == ("Dual, asked to reason",)


def test_every_guard_of_the_page_leads_to_its_chapter():
    named = explorer.variants(PROFILE)
    assert named.attrs["links"]["Chapter"] == {name: f"{name}.html" for name in set(named.Chapter)}
    assert named.loc["R (full)"].tolist() == ["reasoning", "rq3_reasoning_budgets"]
