"""The ledger against the paper and the design."""

from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from reasoning_guards import claims, paper
from reasoning_guards.claims import Claim, UnknownAverageError, cells, load
from reasoning_guards.synthetic.sets import SETS

AVERAGE, ESPECIALLY = load()["rq1_average"], load()["rq1_especially"]
CHAPTERS = [
    "rq1_efficacy", "rq2_data_efficiency", "rq3_reasoning_budgets", "rq4_dual_mode",
    "rq5_sample_diversity",
    "rq6_difficult_samples", "rq7_prompt_distribution", "rq8_custom_policies", "inference_time",
    "second_backbone", "verdict_probabilities",
]  # fmt: skip


def test_ids_are_unique_and_each_chapter_has_one_primary_claim():
    ledger = claims._ledger()
    assert len(load()) == len(ledger.claims)
    primary = [claim.chapter for claim in ledger.claims if claim.primary]
    assert primary == CHAPTERS


def test_the_safety_average_is_the_nine_cells_the_paper_averages():
    row = "L3.1-8B-WILDGUARDMIX-R (Full)"
    ledger = claims._ledger()
    table_of = dict.fromkeys(ledger.averages["prompt"], 5) | dict.fromkeys(
        ledger.averages["response"], 6
    )
    values = [paper.value(table_of[name], row, name) for name in ledger.averages["safety"]]
    assert np.mean(values) == pytest.approx(paper.value(1, row, "safety_avg"), abs=6e-4)


@pytest.mark.parametrize("world", ["hub", "embedded"])
def test_named_averages_are_made_of_the_cells_they_say(world):
    prompt, response = cells("prompt", world), cells("response", world)
    assert [cell.rsplit(":")[-1] for cell in prompt] == ["prompt"] * 5
    assert [cell.rsplit(":")[-1] for cell in response] == ["response"] * 4
    assert cells("safety", world) == prompt + response
    especially, elsewhere = cells("especially", world), cells("elsewhere", world)
    assert sorted(especially + elsewhere) == sorted(prompt + response)
    assert len(especially) == 2


def test_each_world_has_its_own_nine_cells():
    hub, embedded = (cells("safety", world) for world in ("hub", "embedded"))
    assert {cell.rsplit(":")[0] for cell in hub} == {
        "Bertievidgen/SimpleSafetyTests",
        "JailbreakBench/JBB-Behaviors",
        "allenai/wildguardmix",
        "allenai/xstest-response",
        "lmsys/toxic-chat",
        "mmathys/openai-moderation-api-evaluation",
        "nvidia/Aegis-AI-Content-Safety-Dataset-2.0",
    }
    assert all(cell.startswith("synthetic/") for cell in embedded)
    assert len(set(hub)) == len(set(embedded)) == 9


def test_the_claim_of_especially_is_about_the_sets_the_paper_names():
    assert cells("especially", "hub") == [
        "allenai/xstest-response:response",
        "mmathys/openai-moderation-api-evaluation:prompt",
    ]
    assert cells("especially", "embedded") == ["synthetic/fork:response", "synthetic/brook:prompt"]


def test_an_unknown_average_is_refused_with_the_known_ones():
    with pytest.raises(UnknownAverageError, match=r"'safty'.*prompt, response, safety"):
        cells("safty", "hub")


def test_the_papers_numbers_bear_out_its_claims():
    assert AVERAGE.paper.difference() == pytest.approx(0.841 - 0.832)
    hard = (0.938 - 0.879 + 0.793 - 0.724) / 2
    rest = (-0.003 - 0.004 - 0.010 + 0.008 - 0.011 + 0.014 - 0.042) / 7
    assert ESPECIALLY.paper.difference() == pytest.approx(hard - rest)


SUMMARIES = {
    "safety": "safety_avg",
    "prompt": "safety_prompt",
    "response": "safety_response",
    "custom": "custom_avg",
    "dynaguard": "dynaguard_avg",
    "cosa": "cosa_avg",
}
SPREADS = {
    "sd_over_subsets_overall": (4, "safety_avg_subset_std"),
    "sd_over_subsets_prompt": (4, "safety_prompt_subset_std"),
    "sd_over_subsets_response": (4, "safety_response_subset_std"),
    "smallest_fall_in_sd_over_subsets": (4, "safety_response_subset_std"),
}
PRINTED = [
    pytest.param(claim, test, id=claim.id)
    for claim in load().values()
    for test in claim.tests
    if test.paper is not None
]


@pytest.mark.parametrize(("claim", "test"), PRINTED)
def test_the_papers_columns_are_those_of_the_claims_own_averages(claim, test):
    averages = claims._ledger().averages
    if claim.measure is not None:
        (printed,) = test.paper.average
        assert (printed.table, printed.column) == SPREADS[claim.measure]
        return
    for average, columns in ((test.average, test.paper.average), (test.beyond, test.paper.beyond)):
        named = tuple(column.column for column in columns)
        expected = (SUMMARIES[average],) if average in SUMMARIES else averages.get(average, ())
        assert named == expected


SECOND_BACKBONE = range(9, 13)
WG, AEGIS, GEMMA = "L3.1-8B-WILDGUARDMIX", "L3.1-8B-Aegis", "Gemma-3-4B-WILDGUARDMIX"
# Variant and table -> row, read off the paper's tables. Table 8 leaves "(5k)" unsaid, and Table 9
# "(Full)".
ROW_OF = {
    ("nr", 1): f"{WG} (NR)", ("nr", 5): f"{WG} (NR)", ("nr", 6): f"{WG} (NR)",
    ("r_full", 1): f"{WG}-R (Full)", ("r_full", 5): f"{WG}-R (Full)",
    ("r_full", 6): f"{WG}-R (Full)",
    ("r_5k", 1): f"{WG}-R (5k)", ("r_5k", 8): f"{WG}-R",
    ("r_500", 4): "500", ("r_1k", 4): "1000", ("r_2500", 4): "2500", ("r_5k", 4): "5000",
    ("r_1", 1): f"{WG}-R (1 sentence)", ("r_1", 8): f"{WG}-R (1 sentence)",
    ("r_500x50", 1): f"{WG}-R (0.5k)",
    ("dual_nr", 1): f"{WG}-Dual (NR)", ("dual_r", 1): f"{WG}-Dual (R)",
    ("continual_sft", 1): f"{WG}-R (Continual SFT)",
    ("aegis_r_full", 1): f"{AEGIS}-R (Full)", ("aegis_r_5k", 1): f"{AEGIS}-R (5k)",
    ("aegis_r_1", 1): f"{AEGIS}-R (1 sentence)", ("aegis_r_5k", 8): f"{AEGIS}-R",
    ("tf_r", 8): f"{WG}+TF-R", ("tf_r_1", 8): f"{WG}+TF-R (1 sentence)",
    ("aegis_tf_r", 8): f"{AEGIS}+TF-R",
    ("aegis", 1): "AEGIS 2.0", ("wildguard", 1): "WILDGUARD",
    ("nr", 9): f"{GEMMA} (NR)", ("r_full", 9): f"{GEMMA}-R",
    ("r_1", 9): f"{GEMMA}-R (1 sentence)", ("tf_r", 9): f"{GEMMA}+TF-R",
    ("dual_nr", 9): f"{GEMMA}-Dual (NR)", ("dual_r", 9): f"{GEMMA}-Dual (R)",
}  # fmt: skip


@pytest.mark.parametrize(("claim", "test"), PRINTED)
def test_the_papers_rows_are_those_of_the_claims_own_variants(claim, test):
    assert (test.over is None) == (test.paper.over is None)
    for contrast, printed in ((test.contrast, test.paper), (test.over, test.paper.over)):
        for column in (*printed.average, *printed.beyond) if printed and contrast else ():
            assert printed.treatment == ROW_OF[contrast.treatment, column.table]
            assert printed.control == ROW_OF[contrast.control, column.table]
            assert (column.table in SECOND_BACKBONE) == (claim.chapter == "second_backbone")


# Claim: average, and what it is to exceed: treatment-control of each test, read off the paper.
READ_OFF = """
rq1_average: safety: r_full-nr
rq1_especially: especially>elsewhere: r_full-nr
rq2_match: safety: r_5k-r_full
rq2_growth: safety: r_1k-r_500 r_2500-r_1k r_5k-r_2500
rq2_plateau: safety: r_2500-r_1k r_5k-r_full
rq2_diminishing: safety: r_2500-r_1k r_5k-r_2500
rq2_fewer: safety: r_5k-nr
rq3_one_sentence: safety: r_1-r_full
rq3_no_need: safety: r_1-r_full
rq3_any_budget: safety: r_1-r_full r_2-r_full r_3-r_full r_5-r_full r_10-r_full
rq4_dual_nr: safety: dual_nr-nr
rq4_dual_nr_gain: safety: dual_nr-nr
rq4_dual_r: safety: dual_r-r_full
rq4_either_mode: safety: dual_r-r_full dual_nr-r_full
rq5_within: safety: r_500x50-r_full
rq5_overfitting: safety: r_500x50-r_500
rq6_continual: safety: continual_sft-r_full
rq6_continual_gain: safety: continual_sft-r_full
rq6_continual_consistent: safety: continual_sft-r_full
rq6_grpo: safety: r_5k-grpo
rq6_grpo_loss: safety: grpo-r_5k
rq6_grpo_jbb: jbb: grpo-r_5k
rq6_grpo_elsewhere: all_but_jbb: grpo-r_5k
rq6_grpo_recall: recall_lost_by_grpo: r_5k-grpo
rq7_equal: safety: aegis_r_full-r_full
rq7_equal_5k: safety: aegis_r_5k-r_5k
rq7_equal_one_sentence: safety: aegis_r_1-r_1
rq7_released: safety: wildguard-aegis
rq8_average: custom: r_full-nr
rq8_gain: custom: r_full-nr
rq8_cosa_beyond_dynaguard: cosa>dynaguard: r_full-nr
rq8_dynaguard: dynaguard: r_full-nr
rq8_dual_between: custom: dual_nr-nr dual_r-dual_nr
rq8_dual_pronounced: custom>safety: dual_r-dual_nr
rq8_one_sentence: custom: r_full-r_1
rq8_fixed_taxonomy: custom: nr-wildguard
rq8_topic_following: custom: tf_r-r_5k aegis_tf_r-aegis_r_5k
rq8_topic_following_one: custom: tf_r_1-r_1
rq8_topic_following_dynaguard: dynaguard: tf_r-r_5k tf_r_1-r_1 aegis_tf_r-aegis_r_5k
rq8_topic_following_cosa: cosa: tf_r-r_5k tf_r_1-r_1 aegis_tf_r-aegis_r_5k
gemma_safety: safety: r_full-nr
gemma_custom: custom: r_full-nr
gemma_particularly: custom>safety: r_full-nr
gemma_topic_following: custom: tf_r-r_full
gemma_one_sentence: safety: r_1-r_full
gemma_one_sentence_custom: custom: r_full-r_1
gemma_one_sentence_small: custom: r_1-r_full
gemma_dual_nr: safety: dual_nr-nr
gemma_dual_r: safety: dual_r-r_full
probability_recall: recall_at_one_percent_false_positives: r_full-nr
probability_ranking: area_under_precision_and_recall: r_full-nr
"""


def test_every_claim_compares_what_the_papers_sentence_does():
    found = []
    for claim in load().values():
        pairs = [
            f"{test.contrast.treatment}-{test.contrast.control}"
            for test in claim.tests
            if test.contrast is not None
        ]
        if pairs and claim.measure not in SPREADS:
            beyond = f">{claim.beyond}" if claim.beyond else ""
            what = claim.measure or f"{claim.average}{beyond}"
            found.append(f"{claim.id}: {what}: {' '.join(dict.fromkeys(pairs))}")
    assert found == READ_OFF.strip().splitlines()


def test_every_row_a_claim_may_name_is_printed_in_its_table():
    printed = paper.results().groupby("table")["row"].unique()
    for (variant, table), row in ROW_OF.items():
        assert row in printed[table], (variant, table)


def test_what_the_paper_says_of_time_is_what_its_transcript_says():
    latency = paper.latency().set_index("row")
    for name, row in (("time_full", "unrestricted"), ("time_one_sentence", "1 sentence")):
        overhead = latency.loc[f"Reasoning ({row})", "overhead_percent"]
        assert load()[name].stated.low * 100 == pytest.approx(overhead)
    seconds = latency.loc["Non-reasoning", "seconds_per_sample"]
    assert load()["time_seconds"].stated.low == seconds


def test_bands_hold_what_the_paper_states():
    banded = [claim for claim in load().values() if claim.kind == "magnitude"]
    assert len(banded) > 10
    for claim in banded:
        low, high = claim.band
        assert low <= claim.stated.low <= claim.stated.high <= high, claim.id
    for part in load()["rq6_grpo_elsewhere"].parts:
        assert part.band == (-0.025, -0.005)


def test_what_is_called_comparable_is_given_the_designs_margin():
    for claim in load().values():
        for test in claim.tests:
            if test.kind == "equivalence" and test.average is not None:
                assert test.margin == (0.02 if test.average == "custom" else 0.01)
    assert load()["rq5_within"].margin == 0.03


def test_the_claims_that_the_papers_own_tables_go_against_are_these():
    against = [
        claim.id
        for claim in load().values()
        for test in claim.tests
        if test.paper is not None and test.region().room(test.paper.difference()) < 0
    ]
    assert against == [
        "rq2_spread_steps",
        "rq7_released",
        "gemma_particularly",
        "gemma_one_sentence_custom",
    ]


def test_the_smallest_step_of_the_spreads_is_the_one_the_ledger_names():
    sizes = ["500", "1000", "2500", "5000"]
    falls = {
        (few, many, part): paper.value(4, few, part) - paper.value(4, many, part)
        for few, many in pairwise(sizes)
        for part in ("safety_prompt_subset_std", "safety_response_subset_std")
    }
    named = load()["rq2_spread_steps"].paper
    (column,) = named.average
    assert min(falls, key=falls.get) == (named.treatment, named.control, column.column)
    assert load()["rq2_spread_steps"].claimed_effect() is None


def test_what_this_study_adds_is_not_said_to_be_the_papers():
    ours = [claim.id for claim in load().values() if claim.place == "this study"]
    assert ours == ["probability_recall", "probability_ranking"]
    assert load()["rq1_average"].place == "§5.1"


def steps(contrasts):
    return [(each.control, each.treatment) for each in contrasts]


def test_growth_is_every_step_between_neighbouring_sizes():
    growth = load()["rq2_growth"]
    found = steps(test.contrast for test in growth.tests)
    assert found == [("r_500", "r_1k"), ("r_1k", "r_2500"), ("r_2500", "r_5k")]


def test_no_substantial_improvement_bounds_the_gain_and_not_the_loss():
    rise, plateau = load()["rq2_plateau"].tests
    assert (rise.kind, steps([rise.contrast])) == ("direction", [("r_1k", "r_2500")])
    assert (plateau.kind, steps([plateau.contrast])) == ("non_inferiority", [("r_full", "r_5k")])


def test_diminishing_returns_are_each_step_set_over_the_next():
    parts = load()["rq2_diminishing"].tests
    assert {part.kind for part in parts} == {"direction"}
    assert steps(part.contrast for part in parts) == [("r_1k", "r_2500"), ("r_2500", "r_5k")]
    assert steps(part.over for part in parts) == [("r_2500", "r_5k"), ("r_5k", "r_full")]
    first, second = (part.paper.difference() for part in parts)
    assert first == pytest.approx((0.828 - 0.780) - (0.840 - 0.828))
    assert second == pytest.approx((0.840 - 0.828) - (0.841 - 0.842))


def test_a_variant_in_two_contrasts_counts_for_both():
    first, second = load()["rq2_diminishing"].tests
    assert first.coefficients() == {"r_2500": 2, "r_1k": -1, "r_5k": -1}
    assert second.coefficients() == {"r_5k": 2, "r_2500": -1, "r_full": -1}
    assert AVERAGE.coefficients() == {"r_full": 1, "nr": -1}
    assert load()["time_full"].coefficients() == {}


def test_every_budget_is_held_against_full_reasoning():
    parts = load()["rq3_any_budget"].parts
    assert [part.contrast.treatment for part in parts] == ["r_1", "r_2", "r_3", "r_5", "r_10"]
    assert {part.contrast.control for part in parts} == {"r_full"}
    assert {(part.kind, part.margin, part.average) for part in parts} == {
        ("non_inferiority", 0.01, "safety")
    }


def test_a_straight_line_is_linear_and_a_logarithm_is_not():
    budgets = np.arange(1, 11)
    region = load()["rq3_words_linear"].region()
    for words, inside in ((2 * budgets + 5, True), (10 * np.log(budgets), False)):
        left = [np.var(words - np.polyval(np.polyfit(budgets, words, n), budgets)) for n in (1, 2)]
        assert (region.room((left[0] - left[1]) / np.var(words)) > 0) == inside


@pytest.mark.parametrize("suite", ["dynaguard", "cosa"])
def test_topic_following_is_claimed_for_each_suite_and_each_pair_of_guards(suite):
    parts = load()[f"rq8_topic_following_{suite}"].parts
    pairs = [("r_5k", "tf_r"), ("r_1", "tf_r_1"), ("aegis_r_5k", "aegis_tf_r")]
    assert steps(part.contrast for part in parts) == pairs
    assert {(part.kind, part.average) for part in parts} == {("direction", suite)}


def test_grpo_is_claimed_to_lose_on_each_cell_but_one():
    claim = load()["rq6_grpo_elsewhere"]
    assert tuple(part.average for part in claim.parts) == claims._ledger().averages["all_but_jbb"]
    assert len(claim.parts) == 8
    assert cells("jbb", "embedded") == ["synthetic/burr:response"]
    assert set(cells("safety", "hub")) == set(claim.weights("hub")) | set(cells("jbb", "hub"))


@pytest.mark.parametrize("world", ["hub", "embedded"])
def test_the_custom_average_is_of_nine_prompt_cells_in_two_suites(world):
    dynaguard, cosa = cells("dynaguard", world), cells("cosa", world)
    assert (len(dynaguard), len(cosa)) == (4, 5)
    assert cells("custom", world) == dynaguard + cosa
    assert len({*cells("custom", world)}) == 9
    assert all(cell.endswith(":prompt") for cell in dynaguard + cosa)
    first, second = {
        "hub": ("dynamofl/DynaGuardrail/", "microsoft/CoSApien/"),
        "embedded": ("synthetic/charter/", "synthetic/masks/"),
    }[world]
    assert all(cell.startswith(first) for cell in dynaguard)
    assert all(cell.startswith(second) for cell in cosa)


def test_every_embedded_cell_is_of_a_set_there_is():
    for cell in cells("safety", "embedded") + cells("custom", "embedded"):
        assert cell.rsplit(":")[0] in SETS


def test_the_average_beside_the_safety_average_lacks_the_set_without_negatives():
    (left_out,) = set(cells("safety", "hub")) - set(cells("safety_without_all_positive", "hub"))
    assert left_out == "Bertievidgen/SimpleSafetyTests:prompt"


def entry(**fields):
    base = {
        "id": "x", "chapter": "c", "section": "1", "statement": "s", "primary": False,
        "kind": "direction", "contrast": {"treatment": "a", "control": "b"}, "average": "safety",
    }  # fmt: skip
    return Claim.model_validate({**base, **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"margin": 0.01}, "take a margin"),
        ({"kind": "equivalence"}, "take a margin"),
        ({"kind": "magnitude"}, "takes a band"),
        ({"band": (0, 1)}, "takes a band"),
        ({"kind": "shape"}, "a shape has parts"),
        ({"average": None}, "average or another measure"),
        ({"measure": "seconds"}, "average or another measure"),
        ({"contrast": None}, "two variants and an average"),
        (
            {"contrast": None, "over": {"treatment": "a", "control": "b"}},
            "only a contrast is set over another",
        ),
        ({"verdict": "reproduced"}, "Extra inputs"),
    ],
)
def test_an_entry_that_its_rule_cannot_judge_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        entry(**fields)


def test_a_claimed_effect_is_the_way_from_the_papers_number_to_the_nearest_edge():
    assert AVERAGE.claimed_effect() == pytest.approx(0.009)
    assert load()["rq2_match"].claimed_effect() == pytest.approx(0.01 - 0.001)
    assert load()["rq2_growth"].claimed_effect() == pytest.approx(0.012)
    assert load()["rq5_within"].claimed_effect() == pytest.approx(0.03 - 0.013)
    assert load()["rq6_grpo"].claimed_effect() == pytest.approx(0.011)
    assert load()["gemma_one_sentence_custom"].claimed_effect() is None
    assert load()["rq5_overfitting"].claimed_effect() is None


def test_weights_set_the_average_against_what_it_is_to_exceed():
    weights = ESPECIALLY.weights("embedded")
    assert weights["synthetic/fork:response"] == 0.5
    assert weights["synthetic/burr:response"] == pytest.approx(-1 / 7)
    assert len(weights) == 9
    assert sum(weights.values()) == pytest.approx(0)
    assert AVERAGE.weights("hub") == dict.fromkeys(cells("safety", "hub"), 1 / 9)
