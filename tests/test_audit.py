"""The audit against the CSVs themselves, and against made-up tables with a planted error."""

import pandas as pd
import pytest

from reasoning_guards import paper
from reasoning_guards.audit import checks, prose, tables
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


def test_the_tables_disagree_where_their_common_rows_and_columns_do():
    """Tables 1, 2 and 9 summarise the tables of cells; Table 2 and Table 8 agree throughout."""
    apart = set()
    for main, others in ((1, (2, 5, 6, 7)), (2, (8,)), (9, (10, 11, 12))):
        for other in others:
            named = {"prompt_avg": "safety_prompt", "response_avg": "safety_response"}
            ours, theirs = WIDE[main], WIDE[other].rename(columns=named)
            for row in set(ours.index) & set(theirs.index):
                for column in set(ours.columns) & set(theirs.columns):
                    pair = ours.loc[row, column], theirs.loc[row, column]
                    if pair[0] != pair[1]:
                        apart.add((row, column, main, pair[0], other, pair[1]))
    found = set(tables.disagreements().itertuples(index=False, name=None))
    assert found == apart
    assert len(found) == 8
    assert ("Gemma-3-4B", "custom_avg", 9, 0.809, 12, 0.829) in found
    assert ("L3.1-8B-Aegis-R (Full)", "cosa_avg", 1, 0.848, 7, 0.856) in found
    assert not [each for each in found if each[2] == 2]


SUITES = ["dynaguard_avg", "cosa_avg", "custom_avg"]


def test_the_reasoning_row_of_the_topic_following_table_is_the_5k_row():
    pairs = tables.twins().set_index(["table", "row", "other_table", "other_row"])
    five, called = "L3.1-8B-WILDGUARDMIX-R (5k)", "L3.1-8B-WILDGUARDMIX-R"
    shared = [*DYNA, *COSA, "dynaguard_avg", "cosa_avg"]
    assert (WIDE[7].loc[five, shared] == WIDE[8].loc[called, shared]).all()
    assert pairs.loc[(7, five, 8, called)].tolist() == [11, 11]
    assert (WIDE[1].loc[five, SUITES] == WIDE[2].loc[called, SUITES]).all()
    assert pairs.loc[(1, five, 2, called)].tolist() == [3, 3]


def test_with_aegis_that_row_has_the_cells_of_5k_and_the_averages_of_the_full_set():
    pairs = tables.twins().set_index(["table", "row", "other_table", "other_row"])
    five, full, called = (f"L3.1-8B-Aegis-R{which}" for which in (" (5k)", " (Full)", ""))
    cells = [*DYNA, *COSA]
    equal = WIDE[7].loc[five, cells] == WIDE[8].loc[called, cells]
    assert equal[~equal].index.tolist() == ["cosa_prosecutor"]
    assert pairs.loc[(7, five, 8, called), "equal"] == 8  # of 11, the two averages among the rest
    assert (WIDE[1].loc[full, SUITES] == WIDE[8].loc[called, SUITES]).all()
    assert (WIDE[1].loc[five, SUITES] != WIDE[8].loc[called, SUITES]).all()
    assert pairs.loc[(1, full, 8, called)].tolist() == [3, 3]
    assert len(pairs) == 6


def test_standard_deviations_that_are_alike_make_no_twins():
    cells = pd.DataFrame(
        [(3, name, f"{column}_run_std", 0.002) for name in "ab" for column in SUITES],
        columns=["table", "row", "column", "value"],
    )
    assert tables.twins(cells).empty
    scores = cells.assign(column=cells["column"].str.removesuffix("_run_std"))
    assert len(tables.twins(scores)) == 1
    assert tables.twins(scores.assign(value=1.0)).empty


def test_rows_that_share_little_are_no_twins():
    rows = [(8, name, column, value) for name, values in (("a", (0.1, 0.2, 0.3, 0.4, 0.5)),
            ("b", (0.1, 0.2, 0.3, 0.4, 0.6))) for column, value in zip(DYNA + COSA[:1], values,
            strict=True)]  # fmt: skip
    cells = pd.DataFrame(rows, columns=["table", "row", "column", "value"])
    assert tables.twins(cells, least=5).empty
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


def test_topic_following_raises_cosa_for_each_guard():
    pairs = [("L3.1-8B-WILDGUARDMIX+TF-R", "L3.1-8B-WILDGUARDMIX-R"),
             ("L3.1-8B-WILDGUARDMIX+TF-R (1 sentence)", "L3.1-8B-WILDGUARDMIX-R (1 sentence)"),
             ("L3.1-8B-Aegis+TF-R", "L3.1-8B-Aegis-R")]  # fmt: skip
    assert all((WIDE[8].loc[a, COSA] - WIDE[8].loc[b, COSA]).mean() > 0 for a, b in pairs)
    assert judgement("improves CoSA").judgement == "borne out"


def test_the_spread_shrinks_at_every_step_on_prompts_alone():
    spreads = {
        part: WIDE[4].loc[["500", "1000", "2500", "5000"], f"safety_{part}_subset_std"]
        for part in ("prompt", "response", "avg")
    }
    shrinks = {part: found.is_monotonic_decreasing for part, found in spreads.items()}
    assert shrinks == {"prompt": True, "response": False, "avg": False}
    assert all(found.iloc[-1] < found.iloc[0] for found in spreads.values())
    assert judgement("spread between training subsets").judgement == "in part"


def test_one_sentence_costs_gemma_nothing_on_custom_policies():
    one, full = "Gemma-3-4B-WILDGUARDMIX-R (1 sentence)", "Gemma-3-4B-WILDGUARDMIX-R"
    apart = WIDE[9].loc[one, "custom_avg"] - WIDE[9].loc[full, "custom_avg"]
    assert apart > 0
    check = judgement("costs Gemma a little")
    assert (check.shown, check.judgement) == (f"{apart:+.3f}.", "not borne out")


def test_gemma_gains_less_from_reasoning_on_custom_policies_than_on_safety():
    gains = WIDE[9].loc["Gemma-3-4B-WILDGUARDMIX-R"] - WIDE[9].loc["Gemma-3-4B-WILDGUARDMIX (NR)"]
    assert gains["safety_avg"] > gains["custom_avg"] > 0
    assert judgement("above all on custom policies").judgement == "in part"


def test_the_difficult_samples_gain_nothing_on_prompts_over_5k():
    gain = WIDE[1].loc["L3.1-8B-WILDGUARDMIX-R (Continual SFT)"]
    over = {name: gain - WIDE[1].loc[f"L3.1-8B-WILDGUARDMIX-R ({name})"] for name in ("Full", "5k")}
    assert (
        over["Full"][["safety_prompt", "safety_response"]].min() > 0 > over["5k"]["safety_prompt"]
    )
    assert judgement("gain is consistent").judgement == "in part"


def test_the_row_of_500_examples_is_not_that_of_the_table_of_sizes():
    row = WIDE[1].loc["L3.1-8B-WILDGUARDMIX-R (0.5k)", "safety_avg"]
    usual = WIDE[4].loc["500", "safety_avg"]
    assert row - usual > 0.08
    assert judgement("seen fifty times").shown.endswith(
        f"at {row:.3f} it is not that of Table 4, {usual:.3f}."
    )


def test_returns_diminish_from_step_to_step():
    averages = WIDE[4].loc[["1000", "2500", "5000"], "safety_avg"].diff().dropna().tolist()
    full, five = (
        WIDE[1].loc[f"L3.1-8B-WILDGUARDMIX-R ({n})", "safety_avg"] for n in ("Full", "5k")
    )
    assert averages[0] > averages[1] > full - five
    assert judgement("returns diminish").judgement == "borne out"


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
        ("keep up with a guard", "borne out"),
        ("not shown the policy", "borne out"),
        ("of the dual guard that is not said", "borne out"),
    ],
)
def test_the_judgements_are_those_the_cells_give(statement, expected):
    assert judgement(statement).judgement == expected


WG, AEGIS, GEMMA = "L3.1-8B-WILDGUARDMIX", "L3.1-8B-Aegis", "Gemma-3-4B-WILDGUARDMIX"


@pytest.mark.parametrize(
    ("statement", "table", "column", "pairs", "holds"),
    [
        ("keep up with a guard", 1, "safety_avg", [(f"{WG}-R (5k)", f"{WG} (NR)")], -0.01),
        ("Guards that reason do better", 1, "safety_avg", [(f"{WG}-R (Full)", f"{WG} (NR)")], 0),
        ("5,000 examples match", 1, "safety_avg", [(f"{WG}-R (Full)", f"{WG}-R (5k)")], "equal"),
        ("does as well as a full trace.", 1, "safety_avg",
         [(f"{WG}-R (1 sentence)", f"{WG}-R (Full)")], "equal"),
        ("Asked to reason, the dual", 1, "safety_avg",
         [(f"{WG}-Dual (R)", f"{WG}-R (Full)")], "equal"),
        ("Asked not to reason, it does as well", 1, "safety_avg",
         [(f"{WG}-Dual (NR)", f"{WG}-R (Full)")], "equal"),
        ("seen fifty times", 1, "safety_avg", [(f"{WG}-R (0.5k)", f"{WG}-R (Full)")], -0.03),
        ("gains 0.5 %", 1, "safety_avg",
         [(f"{WG}-R (Continual SFT)", f"{WG}-R ({n})") for n in ("Full", "5k")], 0.0049),
        ("gives comparable guards", 1, "safety_avg",
         [(f"{WG}-R (Full)", f"{AEGIS}-R (Full)")], "equal"),
        ("One sentence does worse", 1, "custom_avg",
         [(f"{WG}-R (1 sentence)", f"{WG}-R (Full)")], "falls"),
        ("policies for both datasets", 8, "custom_avg",
         [(f"{WG}+TF-R", f"{WG}-R"), (f"{WG}+TF-R (1 sentence)", f"{WG}-R (1 sentence)"),
          (f"{AEGIS}+TF-R", f"{AEGIS}-R")], 0),
        ("improves Gemma", 9, "custom_avg", [(f"{GEMMA}+TF-R", f"{GEMMA}-R")], 0),
        ("full trace for Gemma", 9, "safety_avg",
         [(f"{GEMMA}-R (1 sentence)", f"{GEMMA}-R")], "equal"),
    ],
)  # fmt: skip
def test_a_sentence_borne_out_is_so_by_the_rows_that_it_speaks_of(
    statement, table, column, pairs, holds
):
    gains = [WIDE[table].loc[a, column] - WIDE[table].loc[b, column] for a, b in pairs]
    if holds == "equal":
        assert all(abs(gain) < 0.0101 for gain in gains)
    elif holds == "falls":
        assert max(gains) < 0
    else:
        assert min(gains) > holds
    check = judgement(statement)
    assert all(f"{round(gain, 3):+.3f}" in check.shown for gain in gains)
    assert check.judgement == "borne out"


def test_the_other_sentences_show_their_own_cells():
    dual = [WIDE[1].loc[row, "custom_avg"] for row in (f"{WG} (NR)", f"{WG}-Dual (NR)",
                                                       f"{WG}-Dual (R)")]  # fmt: skip
    assert dual == sorted(dual)
    shown = " < ".join(f"{value:.3f}" for value in dual)
    assert judgement("lies between").shown == f"{shown}."
    gains = WIDE[1].loc[f"{WG}-R (Full)"] - WIDE[1].loc[f"{WG} (NR)"]
    cells = (WIDE[7].loc[f"{WG}-R (Full)", DYNA] - WIDE[7].loc[f"{WG} (NR)", DYNA]).mean()
    for value in (gains["dynaguard_avg"], gains["cosa_avg"], cells):
        assert f"{value:+.3f}" in judgement("DynaGuardrail is modest").shown
    assert judgement("DynaGuardrail is modest").judgement == "in part"
    noise = paper.results().query("table == 3")
    for part, below in (("prompt", 6), ("response", 3), ("avg", 6)):
        printed = noise[noise["column"] == f"safety_{part}_run_std"]["value"]
        assert (printed < 0.005).sum() == below
        assert f"{part} {below} of 6" in judgement("vary by less than 0.005").shown


def test_a_judgement_follows_the_numbers(monkeypatch):
    monkeypatch.setattr(paper, "value", lambda *_: 0.5)
    assert judgement("Guards that reason do better").judgement == "not borne out"
    assert judgement("5,000 examples match").judgement == "borne out"


def test_what_stays_the_same_does_not_rise():
    assert checks.rises([0.1, 0.2, 0.3])
    assert not checks.rises([0.1, 0.2, 0.2])


def test_the_page_counts_what_its_tables_hold():
    numbers = shown.numbers()
    assert numbers["audit_mismatches"] == str(len(shown.mismatches()))
    assert numbers["audit_statements"] == str(len(shown.statements()))
    counts = [numbers[f"audit_{name}"] for name in ("borne_out", "in_part", "not_borne_out")]
    assert sum(map(int, counts)) == int(numbers["audit_statements"])
    assert (numbers["audit_dynaguard_misfit"], numbers["audit_dynaguard_rows"]) == ("13", "22")
    assert numbers["audit_nine_fit"] == numbers["audit_nine_rows"] == "17"
