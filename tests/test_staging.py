"""What is added to executed notebooks, and what is mended in built pages."""

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from reasoning_guards import artifacts, chapters, finishing, plan, staging
from reasoning_guards.params import Profile
from reasoning_guards.recipes import mining, with_needed
from reasoning_guards.report import frames

ROOT = Path(__file__).parents[1]
PROFILE = Profile(eval_examples=2)
STUDY = chapters.rq6_difficult_samples(PROFILE)
NAME = STUDY.chapter
FRAME = pd.DataFrame({"a": [1]})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two notebooks as papermill leaves them: a chapter's, and that of a page without a study."""
    monkeypatch.chdir(ROOT)
    (tmp_path / "notebooks").mkdir()
    for name, seconds in ((NAME, 12.4), ("prompts", 3.0)):
        notebook = nbformat.v4.new_notebook(metadata={"papermill": {"duration": seconds}})
        notebook.cells = [nbformat.v4.new_markdown_cell(text) for text in ("# Title", "Text.")]
        table = nbformat.v4.new_output("display_data", {"text/html": frames.html(FRAME)})
        cell = nbformat.v4.new_code_cell("frame", outputs=[table])
        cell.metadata["mystnb"] = {"figure": {"name": "tab-one"}}
        notebook.cells.append(cell)
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    staging.stage(tmp_path, PROFILE)
    return tmp_path


def read(folder, name):
    return nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4).cells


def cells(folder, name):
    return [cell.source for cell in read(folder, name) if cell.cell_type == "markdown"]


def test_a_chapter_says_below_its_title_how_it_is_run_again_and_at_what_cost(folder):
    title, box, text, _ = cells(folder, NAME)
    assert (title, text) == ("# Title", "Text.")
    assert f"`make chapter CHAPTER={NAME} PROFILE=smoke`" in box
    steps = plan.cost(STUDY).steps
    assert f"0 of {steps} trainings and answered cells" in box
    assert "Profile `gpu`" in box


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0.5, "about 30.0 minutes"),
        (1.2, "about 1 hour "),
        (1.6, "about 2 hours "),
        (40, "about 40 hours "),
    ],
)
def test_the_cost_of_a_chapter_is_said_in_words(monkeypatch, hours, said):
    monkeypatch.setattr(plan, "cost", lambda study: plan.Cost(hours, "assumed", 0, 3))
    assert said in staging.rerun_box(STUDY)


def test_a_page_without_a_study_has_no_box_and_both_say_what_they_are_made_from(folder):
    assert len(cells(folder, "prompts")) == 3
    assert "executed in 3 s" in cells(folder, "prompts")[-1]
    assert "run <code>" not in cells(folder, "prompts")[-1]
    assert f"run <code>{staging.run_id(STUDY)}</code>" in cells(folder, NAME)[-1]


def test_a_table_s_file_is_called_as_the_table_is(folder):
    (cell,) = (c for c in read(folder, NAME) if c.cell_type == "code")
    shown = cell.outputs[0].data["text/html"]
    assert 'download="tab-one.csv"' in shown
    assert 'aria-label="Table tab-one"' in shown
    assert frames.renamed(shown, "tab-two") == shown


def test_the_record_holds_every_parameter_and_what_each_page_is_made_from(folder):
    record = json.loads((folder / "provenance.json").read_text())
    assert Profile(**record["profile"]) == PROFILE
    assert set(record["pages"]) == {NAME, "prompts"}
    assert record["pages"]["prompts"] == {"seconds": 3.0}
    assert record["pages"][NAME]["artifacts"] == []  # nothing was made in this cache


def test_the_record_names_what_was_made_and_where(folder):
    (value, *_) = STUDY.recipes()
    artifacts.make(value, lambda _: None)
    page = staging.provenance(PROFILE, {NAME: STUDY}, {NAME: 1.0})["pages"][NAME]
    assert page["artifacts"] == [artifacts.key(value)]
    assert page["devices"]
    assert page["packages"]


def test_the_cost_of_a_study_counts_all_that_its_answers_wait_for_once():
    steps = with_needed(STUDY.values())
    assert len(steps) == len(set(steps)) == plan.cost(STUDY).steps
    refined = next(iter(STUDY.variants["continual_sft"].guards.values()))
    assert {refined, refined.start, mining(refined)} <= set(steps)


def test_the_first_page_says_at_which_scale_and_from_what_a_copy_was_made(folder):
    said = (folder / "book" / "this_copy.md").read_text()
    assert (
        "profile `smoke`, `synthetic/llama-64`, 100 examples to learn from, 1 training seed, "
        in said
    )
    assert "at most 2 examples a cell" in said
    record = json.loads((folder / "provenance.json").read_text())
    assert f"commit `{record['commit']}`, {record['state']}." in said
    record["profile"] |= {"eval_examples": None, "n_train": None, "seeds": [0, 1]}
    assert (
        "all examples to learn from, 2 training seeds, all examples a cell"
        in staging._this_copy(record)
    )
    assert (folder / "CITATION.cff").read_text() == (ROOT / "CITATION.cff").read_text()


def test_formulas_become_mathml_and_their_typesetter_goes(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<script>window.MathJax = {"options": {}}</script>\n'
        '<script defer="defer" src="https://somewhere/mathjax@3/tex-mml-chtml.js"></script>\n'
        '<div class="math notranslate nohighlight">\n\\[a &lt; b_1\\]</div> '
        '<span class="math notranslate">\\(c\\)</span> \\(d\\)'
    )
    finishing.finish(tmp_path)
    text = page.read_text()
    assert "script" not in text
    assert re.findall(r'<(\w+) class="math[^>]*><math [^>]*display="(\w+)"', text) == [
        ("div", "block"), ("span", "inline")
    ]  # fmt: skip
    assert "<mo>&#x0003C;</mo><msub><mi>b</mi><mn>1</mn></msub>" in text
    assert text.endswith("</math></span> \\(d\\)")


def test_a_page_keeps_its_text_and_loses_what_is_remote(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<script>const THEBE_JS_URL = "https://somewhere/x.js"; const more = 1</script>\n'
        '<script async="async" src="_static/sphinx-thebe.js?v=1"></script>\n'
        '<div role="list" class="citation-list">Kept.</div>'
    )
    finishing.finish(tmp_path)
    assert page.read_text() == '<div class="citation-list">Kept.</div>'
