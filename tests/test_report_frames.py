"""Tables and figures as pages show them: whose numbers, which is best, files, inert texts."""

import base64
import io
import re

import pandas as pd
import pytest

from reasoning_guards import chapters
from reasoning_guards.params import Profile
from reasoning_guards.report import drawing, frames, markup, tables

STUDY = chapters.rq1_efficacy(Profile(bootstrap_replicates=100))


def of_run(values, best, apart=()):
    frame = pd.DataFrame(values, index=["a", "b", "c", "d"][: len(values["F1"])])
    return frames.html(frames.of_run(frame, STUDY, "some", best, apart))


def starred(html):
    return re.findall(r'<b class="rg-best">([^<]*)', html)


def test_the_best_of_a_column_has_a_sign_and_a_word_beside_its_weight():
    html = of_run({"F1": ["0.500 [0.4, 0.9]", "0.700", "0.700", "0.6"], "Failed": [3, 1, 2, 4]},
                  {"F1": "max", "Failed": "min"})  # fmt: skip
    assert starred(html) == ["0.700", "1", "0.700"]
    assert html.count("★") == 4  # and once below, to say what it means
    assert html.count('<span class="rg-said"> best</span>') == 3


def test_nothing_is_best_that_most_rows_share_and_rows_apart_do_not_compete():
    assert starred(of_run({"F1": ["0.5", "0.5"]}, {"F1": "max"})) == []
    assert starred(of_run({"F1": ["0 of 9", "1 of 9", "0 of 9"]}, {"F1": "min"})) == []
    assert len(starred(of_run({"F1": ["0", "1", "0", "2"]}, {"F1": "min"}))) == 2
    html = of_run({"F1": ["0.5", "0.6", "12"]}, {"F1": "max"}, ["c"])
    assert starred(html) == ["0.6"]
    first = of_run({"F1": ["12", "0.5", "0.6"]}, {"F1": "max"}, ["a"])
    assert starred(first) == ["0.6"]
    assert re.search(r"<tfoot><tr><th scope=\"row\">c</th>", html)


def test_the_papers_tables_and_this_runs_are_told_apart_in_words():
    printed = frames.html(tables.printed({"R": "L3.1-8B-WILDGUARDMIX-R (Full)"},
                                         {"Safety": (1, "safety_avg")}))  # fmt: skip
    assert "<b>The paper</b> Table 1, as printed" in printed
    mine = of_run({"F1": ["0.5"]}, {})
    assert "<b>This run</b> profile smoke, embedded world" in mine
    assert re.search(r"run <code>[0-9a-f]{12}</code>", mine)
    assert "run <code>" not in printed


def test_a_table_brings_its_file():
    frame = pd.DataFrame({"F1": [0.25, 0.5]}, index=["a", "b"])
    html = frames.html(frames.of_run(frame, STUDY, "some"))
    name, data = re.search(r'download="([^"]+)" href="data:text/csv;base64,([^"]+)"', html).groups()
    assert name == "rq1_efficacy-some.csv"
    read = pd.read_csv(io.BytesIO(base64.b64decode(data)), index_col=0)
    pd.testing.assert_frame_equal(read, frame)


def test_values_of_a_linked_column_lead_to_their_pages_and_others_stay_text():
    frame = frames.linked(pd.DataFrame({"Chapter": ["x", "<y>"], "Other": ["x", "x"]}),
                          "Chapter", {"x": "x.html"})  # fmt: skip
    html = frames.html(frame)
    assert html.count('<td><a href="x.html">x</a></td>') == 1
    assert "<td>&lt;y&gt;</td>" in html


def test_long_tables_can_be_sorted():
    short, long = (frames.html(pd.DataFrame({"a": range(n)})) for n in (10, 11))
    assert "sortable" not in short
    assert 'class="dataframe sortable"' in long


HOSTILE = "<script>alert(1)</script> \u202eright to left\x00 $x$ **b** {doc}`x`" + "y" * 100_000


def test_hostile_text_is_escaped_named_and_shortened():
    shown = markup.inert(HOSTILE)
    assert "<script" not in shown
    assert "⟨U+202E⟩right to left⟨U+0000⟩" in shown
    assert len(shown) < 1.2 * markup.LONGEST
    assert f"and {len(HOSTILE) - markup.LONGEST:,} more characters" in shown


@pytest.mark.parametrize("where", ["value", "column", "index"])
def test_hostile_text_anywhere_in_a_table_is_inert(where):
    frame = pd.DataFrame({"a": ["b"]})
    if where == "value":
        frame.loc[0, "a"] = HOSTILE
    elif where == "column":
        frame.columns = [HOSTILE]
    else:
        frame.index = [HOSTILE]
    html = frames.html(frame).split('<p class="rg-below">')[0]
    assert "<script" not in html
    assert "\x00" not in html
    assert len(html) < 5_000


def test_a_drawing_has_both_versions_alt_text_and_data():
    drawn = drawing.draw(
        lambda axes, ink: axes.plot([0, 1], color=ink.blue),
        2,
        'R "leads" <b>',
        pd.DataFrame({"F1": [1]}),
        "x",
    )
    html = drawn._repr_html_()
    light, dark = (
        base64.b64decode(d).decode()
        for d in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)', html)
    )
    assert drawing.LIGHT.blue.lower() in light
    assert drawing.DARK.blue.lower() in dark
    assert drawing.DARK.line.lower() in dark
    assert "<text" in light  # letters, and not their outlines
    assert html.count('alt="R &quot;leads&quot; &lt;b&gt;"') == 2
    assert re.search(r'class="rg-dark[^>]*style="display: none"', html)
    assert 'download="x.csv"' in html
    assert drawn._repr_html_() == html
