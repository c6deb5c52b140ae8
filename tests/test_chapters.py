"""Each chapter's study holds the arms that its claims compare, under settings that are alike."""

from pathlib import Path

import pytest

from reasoning_guards import chapters, claims, params
from reasoning_guards.chapters import arms, data_efficiency, diversity, grpo
from reasoning_guards.errors import UserError
from reasoning_guards.params import TRIED, Profile
from reasoning_guards.recipes import Recipe
from reasoning_guards.training import data

EMBEDDED = Profile(seeds=[0, 1, 2, 3], control_seeds=2, budgets=[1, 2, 3, 5, 10])
HUB = Profile(
    world="hub",
    backbone="meta-llama/Llama-3.1-8B-Instruct",
    second_backbone="google/gemma-3-4b-it",
    train_set="allenai/wildguardmix",
    other_train_set="nvidia/Aegis-AI-Content-Safety-Dataset-2.0",
    dialogues="nvidia/CantTalkAboutThis-Topic-Control-Dataset",
    sizes=[500, 1000, 2500, 5000],
    budgets=[1, 2, 3, 5, 10],
    n_train=None,
    seeds=[0, 1, 2, 3],
    epochs_reasoning=5,
)
# Guards that somebody else trained, and what has no chapter yet.
ELSEWHERE = {"wildguard", "aegis"}
every_chapter = pytest.mark.parametrize("chapter", chapters.CHAPTERS)
both_worlds = pytest.mark.parametrize("profile", [EMBEDDED, HUB], ids=["embedded", "hub"])


@both_worlds
@every_chapter
def test_every_claim_of_the_chapter_finds_its_variants_scored_on_its_cells(chapter, profile):
    study = chapters.CHAPTERS[chapter](profile)
    mine = [claim for claim in claims.load().values() if claim.chapter == chapter]
    assert mine
    for claim in mine:
        for test in claim.tests:
            for name in set(test.coefficients()) - ELSEWHERE if claim.measure is None else ():
                scored = {cell.name for cell in study.variants[name].cells}
                assert set(test.weights(profile.world)) <= scored, (claim.id, name)


@every_chapter
def test_the_primary_claims_arms_are_trained_with_every_seed(chapter):
    study = chapters.CHAPTERS[chapter](EMBEDDED)
    primary = [c for c in claims.load().values() if c.chapter == chapter and c.primary]
    assert len(primary) == (0 if chapter == "appendix_grpo" else 1)  # RQ6 has its own already
    for claim in primary:
        named = {name for test in claim.tests for name in test.coefficients()}
        assert named or claim.measure
        for name in named:
            assert list(study.variants[name].guards) == EMBEDDED.seeds


@every_chapter
def test_a_chapters_function_bears_its_name_and_its_labels_tell_its_variants_apart(chapter):
    study = chapters.CHAPTERS[chapter](EMBEDDED)
    assert study.chapter == chapter
    labels = [variant.label for variant in study.variants.values()]
    assert len(set(labels)) == len(labels)


def test_chapters_share_the_guards_that_they_have_in_common():
    recipes = [set(chapter(EMBEDDED).recipes()) for chapter in chapters.CHAPTERS.values()]
    assert len(set.union(*recipes)) < 0.7 * sum(map(len, recipes))
    full = [
        study.variants["r_full"].guards[0]
        for study in (chapter(EMBEDDED) for chapter in chapters.CHAPTERS.values())
        if study.chapter != "second_backbone"
    ]
    assert len(set(full)) == 1


def test_custom_policies_are_met_by_the_guards_of_the_other_chapters_with_all_their_seeds():
    custom = chapters.rq8_custom_policies(EMBEDDED).variants
    for chapter, names in (
        (chapters.rq1_efficacy, ("nr", "r_full")),
        (chapters.rq3_reasoning_budgets, ("r_1",)),
        (chapters.rq4_dual_mode, ("dual_nr", "dual_r")),
    ):
        for name in names:
            assert custom[name].guards == chapter(EMBEDDED).variants[name].guards
            assert list(custom[name].guards) == EMBEDDED.seeds


def test_each_backbone_has_a_revision_of_its_own():
    revisions = {"backbone_revision": "one", "second_backbone_revision": "two"}
    profile = HUB.model_copy(update=revisions)
    for name, chapter in chapters.CHAPTERS.items():
        of_backbones = {
            guard.backbone.revision if isinstance(guard, Recipe) else guard.revision
            for variant in chapter(profile).variants.values()
            for guard in variant.guards.values()
        }
        assert of_backbones == {"two" if name == "second_backbone" else "one"}, name


def test_equal_steps_repeat_few_examples_as_often_as_the_paper_does():
    changed = arms.equal_steps(HUB, 500)
    assert (changed.n_train, changed.epochs_reasoning) == (500, 50)
    steps = {
        size: arms.equal_steps(EMBEDDED, size).epochs_reasoning * size for size in EMBEDDED.sizes
    }
    assert max(steps.values()) - min(steps.values()) < max(EMBEDDED.sizes)


def test_subsets_differ_from_seed_to_seed_and_the_smaller_is_part_of_the_larger():
    study = chapters.rq2_data_efficiency(EMBEDDED)
    smaller: dict[int, set[str]] = {seed: set() for seed in EMBEDDED.seeds}
    for name, size in zip(data_efficiency.NAMES, EMBEDDED.sizes, strict=True):
        guards = study.variants[f"r_{name}"].guards
        drawn = {seed: {one.id for one in data.subset(guards[seed])} for seed in EMBEDDED.seeds}
        for seed in EMBEDDED.seeds:
            assert len(drawn[seed]) == size
            assert smaller[seed] < drawn[seed]
        assert len({frozenset(ids) for ids in drawn.values()}) == len(EMBEDDED.seeds)
        smaller = drawn


def test_the_repeating_guard_is_asked_on_its_way_and_trained_once():
    study = chapters.rq5_sample_diversity(HUB)
    places = diversity.lines(study)["R, repeating its examples"]
    assert places == {5: "r_500x50_5", 10: "r_500x50_10", 25: "r_500x50_25", 50: "r_500x50"}
    once = {study.variants[name].guards[0] for name in places.values()}
    assert len(once) == 1
    assert {value.epoch for value in study.generations(list(places.values()))} == {5, 10, 25, None}


@pytest.mark.parametrize(
    ("parameter", "misspelt", "said"),
    [
        ("train_set", "synthetic/medow", "did you mean 'synthetic/meadow'"),
        ("other_train_set", "synthetic/orchad", "did you mean 'synthetic/orchard'"),
        ("dialogues", "synthetic/lane", "did you mean 'synthetic/lanes'"),
        ("teacher", "ruel", "set `teacher` to 'rule'"),
    ],
)
def test_a_misspelt_name_is_refused_when_studies_are_put_together(parameter, misspelt, said):
    profile = EMBEDDED.model_copy(update={parameter: misspelt})
    with pytest.raises(UserError, match=said):
        chapters.studies(profile)


@pytest.mark.parametrize("profile", [HUB, EMBEDDED], ids=["hub", "embedded"])
def test_the_chapters_that_repeat_the_fewest_examples_ask_one_guard(profile):
    equal_steps = chapters.rq2_data_efficiency(profile).variants["r_500_steps"].guards
    repeating = chapters.rq5_sample_diversity(profile).variants["r_500x50"].guards
    assert len(equal_steps) == min(profile.control_seeds, len(profile.seeds))
    assert equal_steps.items() <= repeating.items()


def test_guards_of_the_other_set_are_not_asked_for_refusals_it_does_not_label():
    study = chapters.rq7_prompt_distribution(EMBEDDED)
    for name, variant in study.variants.items():
        for guard in variant.guards.values():
            assert isinstance(guard, Recipe)
            assert guard.backbone.refusal_line != name.startswith("aegis_")


def test_guards_that_the_claim_on_distributions_compares_have_all_seeds():
    study = chapters.rq7_prompt_distribution(EMBEDDED)
    seeds = {name: len(variant.guards) for name, variant in study.variants.items()}
    full = {"nr", "r_full", "aegis_r_full"}
    assert {name for name, count in seeds.items() if count == len(EMBEDDED.seeds)} == full
    assert {count for name, count in seeds.items() if name not in full} == {EMBEDDED.control_seeds}


def test_the_control_of_the_second_round_has_the_seeds_of_controls():
    variants = chapters.rq6_difficult_samples(EMBEDDED).variants
    assert list(variants["continual_sft"].guards) == EMBEDDED.seeds
    assert list(variants["continual_random"].guards) == EMBEDDED.seeds[: EMBEDDED.control_seeds]


def test_what_is_said_to_vary_the_policies_is_of_the_embedded_world_alone():
    assert "varied_r" in chapters.rq8_custom_policies(EMBEDDED).variants
    assert "varied_r" not in chapters.rq8_custom_policies(HUB).variants


def test_all_guards_are_timed_once_on_the_same_examples():
    study = chapters.inference_time(EMBEDDED)
    assert study.timing is not None
    assert len(study.timing.asked) == len(study.variants) == 8
    assert {one.cell.dataset for one in study.timing.asked} == {"synthetic/meadow"}
    assert {one.decoding.generations for one in study.timing.asked} == {1}
    assert study.values()[-1] == study.timing


def test_the_papers_grid_for_grpo_varies_one_setting_at_a_time_from_the_guard_of_5000_examples():
    profile = params.load(Path(__file__).parents[1] / "params" / "grpo.yaml")
    study = chapters.appendix_grpo(profile)
    runs = grpo.tried(profile)
    assert len(runs) == 11
    assert list(study.variants["grpo"].guards) == profile.seeds[: profile.grpo_seeds]
    first = study.variants["grpo"].guards[0].refinement
    assert profile.control_seeds < profile.grpo_seeds
    for name in runs:
        if name != "grpo":
            assert len(study.variants[name].guards) == profile.control_seeds
        guard = study.variants[name].guards[0]
        assert guard.start == study.variants["r_5k"].guards[0]
        assert guard.n_train == 5000
        mine = guard.refinement
        differ = [
            mine.temperature != first.temperature,
            mine.sft.learning_rate != first.sft.learning_rate,
            mine.beta != first.beta,
            mine.group != first.group,
        ]
        assert sum(differ) == (name != "grpo")
        assert len({mine, first}) == 1 + (name != "grpo")
    assert study.variants["grpo_temperature_1.4"].label == "GRPO, temperature 1.4"
    for name, ends in zip(TRIED, ((0.6, 1.4), (1e-6, 1e-5), (0, 0.03), (4, 16)), strict=True):
        values = getattr(profile, name)
        assert (min(values), max(values)) == ends


def test_the_guard_that_grpo_starts_from_is_the_one_of_the_chapter_on_data_efficiency():
    start = chapters.appendix_grpo(EMBEDDED).variants["r_5k"].guards
    assert start == chapters.rq2_data_efficiency(EMBEDDED).variants["r_5k"].guards
