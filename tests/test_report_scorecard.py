"""The scorecard: all claims, this run's where there is one, and a download that holds the same."""

import base64
import io
import re
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.claims import load
from reasoning_guards.decisions import Finding, Measured
from reasoning_guards.intervals import Interval
from reasoning_guards.params import Profile
from reasoning_guards.power import effects
from reasoning_guards.report import frames, glued, measures, scorecard, tables
from reasoning_guards.study import Study

GAIN = Interval(0.02, 0.01, 0.03, 0.005, 0.95)
NARROW = Interval(0.001, -0.004, 0.006, 0.003, 0.90)
FOUND = {
    "rq1_average": Finding("pattern seen", (Measured(GAIN, GAIN, GAIN, (), NARROW),), 0.02),
    "rq2_match": Finding("pattern seen", (Measured(NARROW, NARROW, NARROW),), 0.03, 0.006),
    "rq2_growth": Finding("unclear", (Measured(GAIN, GAIN, GAIN),) * 3, 0.001, None, ("seeds",)),
}


@pytest.fixture
def shown():
    return scorecard.table(FOUND)


def test_every_claim_has_its_row_and_the_rest_was_not_run(shown):
    assert list(shown.index) == list(load())
    rest = shown.drop(index=list(FOUND))
    assert (rest["Verdict"] == "not run").all()
    assert (rest["This run"] == "not run").all()
    seen = shown["Verdict"][list(FOUND)].tolist()
    assert seen == ["pattern seen", "pattern seen", "unclear (seeds)"]


def test_a_row_says_what_the_paper_printed_and_what_this_run_found(shown):
    row = shown.loc["rq1_average"]
    papers = [row[f"Paper: {name}"] for name in ("treatment", "control", "difference")]
    assert papers == ["0.841", "0.832", "+0.009"]
    assert row["This run"] == "+0.020 [+0.010, +0.030]"
    assert row["Without all-harmful set"] == "+0.001 [-0.004, +0.006]"
    match = shown.loc["rq2_match"]
    assert match["This run"] == "+0.001 [-0.004, +0.006] (90%)"
    assert match["Smallest margin"] == "0.006"
    assert match["Rule"] == "equivalence, margin 0.01"
    assert shown.loc["rq2_growth", "Paper: difference"] == "+0.034; +0.048; +0.012"
    assert shown.loc["rq2_growth", "This run"].count("[") == 3
    assert shown.loc["rq6_grpo_loss", "Paper: difference"] == "-0.011 F1 (in words)"
    gain = shown.loc["rq4_dual_nr_gain", "Paper: difference"]
    assert gain == "+0.015; +0.01 to +0.03 F1 (in words)"
    assert shown.loc["rq3_words_per_trace", "Paper: difference"] == "not given"
    assert shown.loc["rq2_plateau", "Rule"] == (
        "direction; non-inferiority, margin 0.01 (all of them)"
    )
    diminishing = shown.loc["rq2_diminishing"]
    assert diminishing["Rule"] == "direction of one gain over another (all of them)"
    assert diminishing["Paper: difference"] == "+0.036; +0.013"


def test_a_row_says_what_the_paper_could_have_detected_and_whether_its_numbers_bear_it_out(shown):
    detected = shown["Paper could detect"]
    assert detected["rq1_average"] == f"{effects.detectable_effects()['rq1_average']:.3f}"
    assert (detected["rq2_match"], detected["time_full"]) == ("none", "not computed")
    remarks = shown["Paper's own numbers"]
    assert remarks["rq1_average"] == "bear it out"
    assert remarks["gemma_particularly"] == "do not bear it out"
    assert remarks["time_full"] == "none in tables"
    assert remarks["rq3_any_budget"] == "bear it out, given in part"


def test_a_chapter_that_there_is_can_be_reached_from_its_claims(shown):
    html = frames.html(scorecard.page(shown))
    links = re.findall(r'<td><a href="(\w+).html">(\w+)</a></td>', html)
    assert set(links) == {(chapter, chapter) for chapter in CHAPTERS}
    assert len(links) == len(shown)
    shown.loc["rq1_average", "Chapter"] = "not_written"
    html = frames.html(scorecard.page(shown))
    assert html.count('<td><a href="') == len(shown) - 1


def test_holm_counts_every_primary_claim_and_shows_those_that_were_run(shown):
    corrected = shown["Holm's p"]
    assert corrected["rq1_average"] == "0.2200"
    assert corrected["rq2_match"] == "0.3000"
    assert set(corrected.drop(["rq1_average", "rq2_match"])) == {""}


def test_the_front_page_shows_the_verdict_of_each_primary_claim_beside_its_chapter():
    page = (Path(__file__).parents[1] / "book" / "index.md").read_text()
    rows = re.findall(r"<../notebooks/(\w+)>`.*?claims.ipynb::(\w+)_verdict:s`", page)
    assert rows == [(claim.chapter, claim.id) for claim in load().values() if claim.primary]


def test_the_tally_counts_every_claim_whatever_left_it_open():
    other = Finding("unclear", reasons=("kappa",))
    found = FOUND | {"rq2_fewer": other, "rq8_average": other}
    counted = f"{len(load()) - 5} not run, 3 unclear, 2 pattern seen"
    assert scorecard.tally(found) == counted


def test_a_chapters_table_says_why_a_claim_is_open_and_its_prose_the_verdict_alone():
    study = CHAPTERS["rq2_data_efficiency"](Profile())
    open_claim = {"rq2_growth": FOUND["rq2_growth"]}
    assert tables.findings(study, open_claim)["Verdict"].tolist() == ["unclear (seeds)"]
    assert glued.findings(open_claim)["rq2_growth_verdict"] == "unclear"


def test_the_download_and_the_table_hold_the_scorecard(shown):
    html = frames.html(scorecard.page(shown))
    encoded = re.search(r'href="data:text/csv;base64,([^"]+)"', html)[1]
    text = base64.b64decode(encoded).decode()
    read = pd.read_csv(io.StringIO(text), index_col="Id", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(read, shown, check_names=False)
    cells = re.findall(r"<(?:td|th(?: [^>]*)?)>(.*?)</t[dh]>", html)
    width = 1 + len(shown.columns)
    assert len(cells) == width * (1 + len(shown))
    plain = [unescape(re.sub("<[^>]+>", "", cell)) for cell in cells]
    assert plain[width : 2 * width] == [
        "rq1_average",
        *shown.loc["rq1_average"],
    ]
    assert "\n" not in html


def test_texts_in_the_table_are_escaped(shown):
    shown.loc["rq1_average", "Claim"] = "<b>a & b"
    assert "<td>&lt;b&gt;a &amp; b</td>" in frames.html(scorecard.page(shown))


def test_every_chapter_is_asked_for_its_findings_and_none_is_run(monkeypatch):
    monkeypatch.delattr(Study, "run")
    monkeypatch.setattr(Study, "has_answers", lambda self, name: name != "r_1")
    monkeypatch.setattr(Study, "judgements", lambda self, name: name)
    monkeypatch.setattr(measures, "of", lambda study, judged: f"measures of {len(judged)}")
    monkeypatch.setattr(
        Study, "findings",
        lambda self, judged, measured: {
            self.chapter: (self.profile.profile, list(judged), measured)
        },
    )  # fmt: skip
    found = scorecard.findings(Profile())
    assert list(found) == list(CHAPTERS)
    for chapter, (profile, judged, measured) in found.items():
        assert profile == "smoke"
        assert measured == f"measures of {len(judged)}"
        assert judged == [name for name in CHAPTERS[chapter](Profile()).variants if name != "r_1"]


def test_before_anything_has_run_every_claim_says_so():
    shown = scorecard.table(scorecard.findings(Profile()))
    assert set(shown["Verdict"]) == set(shown["This run"]) == {"not run"}
