"""The audit against the CSVs themselves, and against made-up tables with a planted error."""

import pandas as pd
import pytest

from reasoning_guards import paper
from reasoning_guards.audit import prose, tables
from reasoning_guards.report import audit as shown

WIDE = {t: paper.results().query("table == @t").pivot(index="row", columns="column", values="value")
        for t in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12)}  # fmt: skip
DYNA = ["dyna_finance", "dyna_safety", "dyna_injection", "dyna_tax"]
COSA = ["cosa_game", "cosa_prosecutor", "cosa_book", "cosa_language", "cosa_film"]


def made_up(**cells):
    """One row of Table 8 as `paper.results` would give it."""
    return pd.DataFrame(
        [(8, "guard", column, value) for column, value in cells.items()],
        columns=["table", "row", "column", "value"],
    )


RIGHT = dict(zip(DYNA, (0.8, 0.9, 0.7, 0.8), strict=True)) | {"dynaguard_avg": 0.8}


def test_an_average_of_its_cells_is_no_mismatch_and_a_planted_error_is_one():
    assert tables.mismatches(made_up(**RIGHT)).empty
    wrong = tables.mismatches(made_up(**RIGHT | {"dynaguard_avg": 0.803}))
    (row,) = wrong.to_dict("records")
    assert (row["table"], row["row"], row["column"]) == (8, "guard", "dynaguard_avg")
    assert (row["printed"], row["recomputed"]) == (0.803, pytest.approx(0.8))
    assert row["difference"] == pytest.approx(0.003)


@pytest.mark.parametrize(("printed", "fits"), [(0.801, True), (0.8011, False), (0.799, True)])
def test_rounding_alone_is_no_mismatch(printed, fits):
    found = tables.recomputed(made_up(**RIGHT | {"dynaguard_avg": printed}))
    assert found["fits"].tolist() == [fits]


def test_an_average_with_a_missing_cell_is_not_recomputed():
    cells = {name: value for name, value in RIGHT.items() if name != "dyna_tax"}
    assert tables.recomputed(made_up(**cells)).empty


def test_the_rules_tell_weightings_of_two_averages_apart():
    cells = made_up(dynaguard_avg=0.9, cosa_avg=0.0, custom_avg=0.5)
    fitting = tables.recomputed(cells).query("fits")
    assert fitting["rule"].tolist() == ["two averages, 5:4"]
    cells = made_up(dynaguard_avg=0.9, cosa_avg=0.0, custom_avg=0.4)
    assert tables.recomputed(cells).query("fits")["rule"].tolist() == ["two averages, 4:5"]


def test_the_nine_cell_mean_reproduces_every_safety_average_with_cells():
    for main, prompts, responses in ((1, 5, 6), (9, 10, 11)):
        cells = WIDE[prompts].drop(columns="prompt_avg").join(
            WIDE[responses].drop(columns="response_avg"))  # fmt: skip
        assert cells.shape[1] == 9
        apart = (cells.mean(axis=1) - WIDE[main]["safety_avg"].reindex(cells.index)).abs()
        assert (apart <= tables.TOLERANCE).all()
    fits = tables.fits().query("column == 'safety_avg' and rule == 'mean of the nine cells'")
    assert fits["fit"].tolist() == fits["rows"].tolist() == [10, 7]


def test_the_dynaguard_average_is_not_the_mean_of_its_cells_in_thirteen_of_22_rows():
    misfits = {
        (table, row)
        for table in (7, 8, 12)
        for row, cells in WIDE[table].iterrows()
        if abs(cells[DYNA].mean() - cells["dynaguard_avg"]) > tables.TOLERANCE
    }
    found = tables.mismatches().query("column == 'dynaguard_avg' and table in (7, 8, 12)")
    assert set(found[["table", "row"]].itertuples(index=False, name=None)) == misfits
    assert len(misfits) == 13
    assert sum(len(WIDE[table]) for table in (7, 8, 12)) == 22


def test_the_cosa_average_is_the_mean_of_five_in_every_table_with_cells():
    for table in (7, 8, 12):
        apart = (WIDE[table][COSA].mean(axis=1) - WIDE[table]["cosa_avg"]).abs()
        assert (apart <= tables.TOLERANCE).all()
    assert tables.mismatches().query("column == 'cosa_avg' and table in (7, 8, 12)").empty


def test_no_rule_accounts_for_every_custom_average():
    fits = tables.fits().query("column == 'custom_avg'").groupby("rule")[["rows", "fit"]].sum()
    assert (fits["fit"] < fits["rows"]).all()


def test_tables_that_print_one_quantity_differently_are_found():
    found = {
        (row, column, a, b): (x, y)
        for row, column, a, x, b, y in tables.disagreements().itertuples(index=False, name=None)
    }
    dual, aegis = "L3.1-8B-WILDGUARDMIX-Dual (R)", "L3.1-8B-Aegis-R (Full)"
    assert found[dual, "safety_prompt", 1, 5] == (
        WIDE[1].loc[dual, "safety_prompt"], WIDE[5].loc[dual, "prompt_avg"],
    )  # fmt: skip
    assert found[aegis, "cosa_avg", 1, 7] == (
        WIDE[1].loc[aegis, "cosa_avg"], WIDE[7].loc[aegis, "cosa_avg"],
    )  # fmt: skip
    assert ("Gemma-3-4B", "custom_avg", 9, 12) in found
    assert len(found) == len(tables.disagreements()) == 8


def test_the_reasoning_row_of_the_topic_following_table_is_the_5k_row():
    pairs = tables.twins().set_index(["row", "other_row"])
    twin = pairs.loc[("L3.1-8B-WILDGUARDMIX-R (5k)", "L3.1-8B-WILDGUARDMIX-R")]
    assert (twin["table"], twin["other_table"]) == (7, 8)
    shared = [*DYNA, *COSA, "dynaguard_avg", "cosa_avg"]
    assert (
        WIDE[7].loc["L3.1-8B-WILDGUARDMIX-R (5k)", shared]
        == WIDE[8].loc["L3.1-8B-WILDGUARDMIX-R", shared]
    ).all()
    assert twin["equal"] == twin["shared"] == 11
    partly = pairs.loc[("L3.1-8B-Aegis-R (5k)", "L3.1-8B-Aegis-R")]
    assert (partly["equal"], partly["shared"], len(pairs)) == (8, 11, 2)


def test_rows_that_share_little_are_no_twins():
    rows = [(8, name, column, value) for name, values in (("a", (0.1, 0.2, 0.3, 0.4, 0.5)),
            ("b", (0.1, 0.2, 0.3, 0.4, 0.6))) for column, value in zip(DYNA + COSA[:1], values,
            strict=True)]  # fmt: skip
    cells = pd.DataFrame(rows, columns=["table", "row", "column", "value"])
    assert tables.twins(cells).empty
    assert len(tables.twins(cells, least=4)) == 1


def judgement(statement):
    (found,) = (check for check in prose.checks() if statement in check.statement)
    return found


def test_reasoning_is_better_in_four_of_nine_cells_and_worse_without_the_two_named():
    nr, full = "L3.1-8B-WILDGUARDMIX (NR)", "L3.1-8B-WILDGUARDMIX-R (Full)"
    cells = WIDE[5].drop(columns="prompt_avg").join(WIDE[6].drop(columns="response_avg"))
    gains = cells.loc[full] - cells.loc[nr]
    assert (gains > 0).sum() == 4
    others = gains.drop(["xstest", "openai_moderation"])
    check = judgement("especially on XSTest")
    assert check.shown.startswith("Better in 4 of 9 cells")
    assert f"{others.mean():+.3f} on the other 7" in check.shown
    assert check.judgement == "in part"


def test_topic_following_lowers_dynaguard_for_one_of_three_guards():
    pairs = [("L3.1-8B-WILDGUARDMIX+TF-R", "L3.1-8B-WILDGUARDMIX-R"),
             ("L3.1-8B-WILDGUARDMIX+TF-R (1 sentence)", "L3.1-8B-WILDGUARDMIX-R (1 sentence)"),
             ("L3.1-8B-Aegis+TF-R", "L3.1-8B-Aegis-R")]  # fmt: skip
    gains = [(WIDE[8].loc[a, DYNA] - WIDE[8].loc[b, DYNA]).mean() for a, b in pairs]
    assert [gain > 0 for gain in gains] == [False, True, True]
    assert judgement("DynaGuardrail too").judgement == "in part"


def test_the_dual_guard_gains_one_to_three_points_in_two_of_nine_cells_and_loses_in_four():
    nr, dual = "L3.1-8B-WILDGUARDMIX (NR)", "L3.1-8B-WILDGUARDMIX-Dual (NR)"
    cells = WIDE[5].drop(columns="prompt_avg").join(WIDE[6].drop(columns="response_avg"))
    gains = (cells.loc[dual] - cells.loc[nr]).round(3)
    assert (gains.between(0.01, 0.03).sum(), (gains < 0).sum()) == (2, 4)
    assert judgement("by 1 to 3 % across").shown.endswith(
        "2 of 9 cells lie in that range and 4 fall."
    )


def test_the_spread_does_not_shrink_at_every_step():
    spread = WIDE[4].loc[["500", "1000", "2500", "5000"], "safety_avg_subset_std"]
    assert not spread.is_monotonic_decreasing
    assert spread.iloc[-1] < spread.iloc[0]
    assert judgement("spread between training subsets").judgement == "in part"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("Guards that reason do better", "borne out"),
        ("rises with each larger", "borne out"),
        ("5,000 examples match", "borne out"),
        ("beats the non-reasoning one by 1 to 3", "in part"),
        ("vary by less than 0.005", "in part"),
        ("original WildGuard slightly outperforms", "not borne out"),
        ("3 to 4 % on custom policies", "in part"),
        ("above all on custom policies", "in part"),
        ("costs Gemma a little", "not borne out"),
    ],
)
def test_the_judgements_are_those_the_cells_give(statement, expected):
    assert judgement(statement).judgement == expected


def test_a_judgement_follows_the_numbers(monkeypatch):
    monkeypatch.setattr(prose.paper, "value", lambda *_: 0.5)
    assert judgement("Guards that reason do better").judgement == "not borne out"
    assert judgement("5,000 examples match").judgement == "borne out"


def test_the_page_counts_what_its_tables_hold():
    numbers = shown.numbers()
    assert numbers["audit_mismatches"] == str(len(shown.mismatches()))
    assert numbers["audit_statements"] == str(len(shown.statements()))
    counts = [numbers[f"audit_{name}"] for name in ("borne_out", "in_part", "not_borne_out")]
    assert sum(map(int, counts)) == int(numbers["audit_statements"])
    assert (numbers["audit_dynaguard_misfit"], numbers["audit_dynaguard_rows"]) == ("13", "22")
    assert numbers["audit_nine_fit"] == numbers["audit_nine_rows"] == "17"
