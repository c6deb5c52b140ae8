"""A study is known before it runs, runs what it lacks, and reads its answers as judgements."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from reasoning_guards import (
    artifacts,
    backbones,
    chapters,
    claims,
    generation,
    params,
    plan,
    scheduler,
)
from reasoning_guards.chapters import benchmarks, efficacy
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Backbone, Recipe
from reasoning_guards.report import provenance
from reasoning_guards.study import NotRunError
from reasoning_guards.synthetic.backbone import NAMES, UnknownBackboneError

PROFILES = sorted((Path(__file__).parents[1] / "params").glob("*.yaml"))
TINY = Profile(n_train=24, eval_examples=2, bootstrap_replicates=100)
HOURS = Profile(n_train=4000, epochs_reasoning=20, eval_examples=None)
HUB = Profile(
    epochs_reasoning=5,
    epochs_non_reasoning=5,
    profile="gpu",
    world="hub",
    backbone="meta-llama/Llama-3.1-8B-Instruct",
    train_set="allenai/wildguardmix",
    other_train_set="nvidia/Aegis-AI-Content-Safety-Dataset-2.0",
    dialogues="nvidia/CantTalkAboutThis-Topic-Control-Dataset",
    second_backbone="google/gemma-3-4b-it",
    n_train=None,
    device="cuda",
)


def answer(study, name, text):
    """Leave the variant's answers as if its guards had written this text to every example."""
    for value in study.generations([name]):
        rows = [
            {
                "example": example.id, "cluster": example.cluster, "generation": 0,
                "truth": example.label(value.cell.task), "text": text, "tokens": 5,
                "finish": "length",
            }
            for example in generation.examples(value.cell, value.limit)
        ]  # fmt: skip
        artifacts.make(
            value,
            lambda folder, rows=rows: (folder / generation.ROWS).write_text(
                "".join(json.dumps(row) + "\n" for row in rows)
            ) and None,
        )  # fmt: skip


def test_every_variant_is_asked_once_per_seed_and_cell():
    study = chapters.rq1_efficacy(Profile(seeds=[0, 1, 2], control_seeds=3))
    values = study.generations()
    assert len(values) == len(study.variants) * 3 * 9
    trained = [value for value in values if isinstance(value.guard, Recipe)]
    assert len(set(trained)) == len(trained) == (len(study.variants) - 1) * 3 * 9
    assert len(study.generations(["nr", "r_1"])) == 2 * 3 * 9
    assert Counter(value.mode for value in study.generations(["nr", "null_nr"])) == {
        "non-reasoning": 2 * 3 * 9
    }


def test_each_training_run_is_there_once():
    study = chapters.rq1_efficacy(Profile(seeds=[0, 1], control_seeds=2))
    assert len(study.recipes()) == len(set(study.recipes())) == 2 * 7
    twice = {**study.variants, "again": study.variants["nr"]}
    again = type(study)(study.chapter, study.profile, twice)
    assert again.recipes() == study.recipes()


def test_arms_differ_in_traces_alone_and_seeds_in_subset_and_order():
    reasoning = Profile()
    alike = {
        "epochs_non_reasoning": reasoning.epochs_reasoning,
        "learning_rate_non_reasoning": reasoning.learning_rate_reasoning,
    }
    study = chapters.rq1_efficacy(Profile(seeds=[0, 1], control_seeds=2, **alike))
    arms = {name: study.variants[name].guards for name in ("nr", "r_1", "r_filler", "r_shuffled")}
    for zero, one in (guards.values() for guards in arms.values()):
        assert (zero.seed, zero.subset_seed, one.seed, one.subset_seed) == (0, 0, 1, 1)
    untraced = {guards[0].model_copy(update={"traces": None}) for guards in arms.values()}
    assert len(untraced) == 1


def test_controls_are_run_with_the_first_seeds_only():
    study = chapters.rq1_efficacy(Profile(seeds=[5, 3, 4], control_seeds=2))
    for name in ("r_filler", "r_shuffled", "null_nr", "null_r"):
        assert list(study.variants[name].guards) == [5, 3]
    for name in ("backbone", "nr", "r_full", "r_1"):
        assert list(study.variants[name].guards) == [5, 3, 4]


def test_the_null_world_is_random_in_training_and_in_judging():
    study = chapters.rq1_efficacy(TINY)
    for null, real in (("null_nr", "nr"), ("null_r", "r_full")):
        variant, of = study.variants[null], study.variants[real]
        assert {cell.labels for cell in variant.cells} == {"random"}
        assert variant.guards[0].labels == "random"
        assert variant.guards[0].model_copy(update={"labels": "given"}) == of.guards[0]


def test_settings_go_to_the_kind_of_guard_they_are_for():
    profile = Profile(
        epochs_reasoning=7, epochs_non_reasoning=3,
        learning_rate_reasoning=1e-3, learning_rate_non_reasoning=1e-4,
        max_new_tokens_reasoning=90, max_new_tokens_non_reasoning=9,
    )  # fmt: skip
    study = chapters.rq1_efficacy(profile)
    for name, epochs, rate, cap in (("nr", 3, 1e-4, 9), ("r_full", 7, 1e-3, 90)):
        sft = study.variants[name].guards[0].sft
        assert (sft.epochs, sft.learning_rate) == (epochs, rate)
        assert study.generations([name])[0].decoding.max_new_tokens == cap


def test_the_hub_study_judges_the_papers_cells_by_the_training_sets_taxonomy():
    study = chapters.rq1_efficacy(HUB)
    cells = study.variants["nr"].cells
    assert [cell.name for cell in cells] == list(claims.cells("safety", "hub"))
    assert {cell.policy for cell in cells} == {"wildguardmix"}
    assert not {"r_filler", "null_nr"} & set(study.variants)


def test_a_hub_study_of_an_unknown_training_set_is_refused_in_a_sentence():
    with pytest.raises(benchmarks.NoTaxonomyError, match=r"'synthetic/meadow'.*wildguardmix"):
        chapters.rq1_efficacy(HUB.model_copy(update={"train_set": "synthetic/meadow"}))


def test_an_unknown_embedded_backbone_is_answered_with_the_nearest():
    with pytest.raises(UnknownBackboneError, match="did you mean 'synthetic/llama-64'"):
        chapters.rq1_efficacy(Profile(backbone="synthetic/lama-64"))


def test_a_hub_backbone_is_the_same_for_every_seed_and_an_embedded_one_takes_turns():
    assert backbones.for_seed("owner/model", 3, [3, 7]) == "owner/model"
    shipped = [name for name in NAMES if name.startswith("synthetic/llama-64-")]
    for seed in range(6):
        assert (
            backbones.for_seed("synthetic/llama-64", seed, [seed]) == shipped[seed % len(shipped)]
        )
    assert backbones.source(Backbone(name="owner/model", revision="v2")) == ("owner/model", "v2")


@pytest.mark.parametrize(
    ("backbone", "seeds"),
    [("llama-64", [0, 1, 2, 3, 4]), ("llama-64", [3, 7]), ("qwen3-48", [0, 4])],
)
def test_seeds_that_would_share_a_pretraining_are_refused(backbone, seeds):
    with pytest.raises(backbones.SharedPretrainingError, match="start from the same of synthetic/"):
        chapters.rq1_efficacy(Profile(backbone=f"synthetic/{backbone}", seeds=seeds))
    chapters.rq1_efficacy(HUB.model_copy(update={"seeds": seeds}))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_gives_a_study(path):
    assert chapters.rq1_efficacy(params.load(path)).variants


def test_run_asks_for_every_answer_with_the_profiles_resources(monkeypatch):
    asked = []
    monkeypatch.setattr(scheduler, "run", lambda *arguments: asked.append(arguments))
    profile = Profile(workers=5, generate_batch=3, train_batch_per_device=4)
    study = chapters.rq1_efficacy(profile)
    study.run(print)
    [(values, resources, workers, report)] = asked
    assert values == study.generations()
    assert (resources.generate_batch, resources.train_batch_per_device) == (3, 4)
    assert (workers, report) == (5, print)


def test_answers_are_read_as_one_judgement_per_seed_cell_and_example():
    study = chapters.rq1_efficacy(TINY.model_copy(update={"seeds": [0, 3]}))
    answer(study, "nr", "Prompt harm: harmful\nResponse harm: unharmful")
    judged = study.judgements("nr")
    assert len(judged) == 2 * 9 * 2
    assert list(judged["seed"].unique()) == [0, 3]
    assert set(judged["cell"]) == {cell.name for cell in study.variants["nr"].cells}
    assert judged["truncated"].all()
    by_task = judged.groupby(judged["cell"].str.rsplit(":", n=1).str[1])["predicted"]
    assert by_task.all()["prompt"]
    assert not by_task.any()["response"]
    truths = [
        example.label(cell.task)
        for cell in study.variants["nr"].cells
        for example in generation.examples(cell, 2)
    ]
    assert judged["truth"].tolist() == truths * 2


def test_an_answer_without_a_verdict_is_missing_and_not_a_guess():
    study = chapters.rq1_efficacy(TINY)
    answer(study, "nr", "<think>harmful")
    assert study.judgements("nr")["predicted"].isna().all()


def test_a_variant_has_answers_once_every_cell_of_every_seed_has_them():
    study = chapters.rq1_efficacy(TINY.model_copy(update={"seeds": [0, 1]}))
    assert not study.has_answers("nr")
    answer(study, "nr", "Prompt harm: unharmful")
    assert study.has_answers("nr")
    assert not study.has_answers("r_full")
    shutil.rmtree(artifacts.folder(study.generations(["nr"])[-1]))
    assert not study.has_answers("nr")


def test_answers_that_are_not_there_are_asked_for_in_a_sentence():
    with pytest.raises(NotRunError, match=r"run the study before reading it\.$"):
        chapters.rq1_efficacy(TINY).judgements("nr")


def test_trivial_rows_judge_the_same_examples_by_the_same_truth():
    study = chapters.rq1_efficacy(TINY)
    answer(study, "nr", "Prompt harm: harmful")
    shared = ["cell", "example", "cluster", "generation", "truth", "seed"]
    trivial = study.trivial()
    assert set(trivial) == {"always_harmful", "tfidf"}
    for frame in trivial.values():
        pd.testing.assert_frame_equal(frame[shared], study.judgements("nr")[shared])
    assert trivial["always_harmful"]["predicted"].all()
    assert not trivial["tfidf"]["predicted"].all()


def test_findings_are_those_of_the_chapters_claims():
    study = chapters.rq1_efficacy(TINY)
    judged = {}
    for name in study.variants:
        answer(study, name, "Prompt harm: harmful\nResponse harm: harmful")
        judged[name] = study.judgements(name)
    mine = {claim.id for claim in claims.load().values() if claim.chapter == "rq1_efficacy"}
    assert set(study.findings(judged)) == mine
    assert mine
    nulls = efficacy.null_world(judged)
    assert nulls["nr"] is judged["null_nr"]
    assert nulls["r_full"] is judged["null_r"]


def row(study, label):
    planned = plan.table(study)
    return planned.loc[[label]].iloc[0]


def hub_judgements():
    """Forty examples of each of the nine safety cells, three in four of them judged right."""
    number = pd.Series(range(40))
    truth = number % 2 == 0
    frames = [
        pd.DataFrame(
            {
                "cell": cell,
                "example": "e" + number.astype(str),
                "cluster": f"{cell}/" + number.astype(str),
                "generation": 0,
                "truth": truth,
                "predicted": (truth == (number % 4 > 0)).astype("boolean"),
            }
        )
        for cell in claims.cells("safety", "hub")
    ]
    return pd.concat(frames, ignore_index=True)


def test_on_the_hub_an_open_claim_is_underpowered_where_the_design_cannot_detect_it():
    judged = {"r_full": hub_judgements(), "nr": hub_judgements()}
    study = chapters.rq1_efficacy(HUB)
    assert study.findings(judged)["rq1_average"].verdict == "underpowered"
    # Told that less than is claimed would show, the same answers leave the claim merely open.
    told = study.findings(judged, detectable={"rq1_average": 0.001})
    assert told["rq1_average"].verdict == "inconclusive"
    assert study.findings(judged, detectable={})["rq1_average"].verdict == "inconclusive"


def test_the_design_is_the_profiles():
    profile = HUB.model_copy(update={"eval_examples": 50, "seeds": [0, 1], "generations": 4})
    design = chapters.rq1_efficacy(profile).design()
    assert (design.generations, design.runs, design.limit) == (4, 2, 50)
    assert design.training_sd == 0


def test_the_plan_says_what_is_cached_and_what_is_to_do():
    study = chapters.rq1_efficacy(TINY)
    before = row(study, "NR")
    assert (before["Training"], before["Answers"], before["Basis"]) == (
        "1 to do", "9 to do", "assumed",
    )  # fmt: skip
    for value in study.recipes()[:1]:
        artifacts.make(value, lambda _: None)
    assert row(study, "NR")["Training"] == "cached"
    artifacts.make(study.generations(["r_1"])[0], lambda _: None)
    assert row(study, "R (1 sentence)")["Answers"] == "8 to do"
    answer(study, "nr", "Prompt harm: harmful")
    after = row(study, "NR")
    assert (after["Answers"], after["Basis"]) == ("cached", "measured")
    assert row(study, "R (full)")["Answers"] == "9 to do"
    assert row(study, "Backbone, not trained")["Training"] == "none"


@pytest.mark.slow
def test_the_plans_total_leaves_out_what_is_done():
    before = plan.text(HOURS)
    for chapter in chapters.CHAPTERS.values():
        study = chapter(HOURS)
        for value in (*study.recipes(), *study.values()):
            artifacts.make(value, lambda _: None)
    assert "Still to run: about 0.0 core hours." not in before
    assert "Still to run: about 0.0 core hours." in plan.text(HOURS)


def test_a_training_that_is_done_or_that_nothing_waits_for_is_not_in_the_total():
    study = chapters.rq1_efficacy(HOURS)

    def left():
        return plan.hours_left([study])

    everything = left()
    for value in study.recipes():
        artifacts.make(value, lambda _: None)
    answers_alone = left()
    assert 0 < answers_alone < 0.6 * everything
    for value in study.generations():
        artifacts.make(value, lambda _: None)
    shutil.rmtree(artifacts.folder(max(study.recipes(), key=lambda recipe: recipe.sft.epochs)))
    assert left() == 0
    assert provenance.table(study).loc["Trained guards"].item() == str(len(study.recipes()))


def test_provenance_names_the_commits_that_made_the_artifacts(monkeypatch):
    study = chapters.rq1_efficacy(TINY)
    first, *others = study.generations()
    for commit, values in (("c0ffee", [first]), ("decade", others)):
        monkeypatch.setattr(artifacts.checkout, "commit", lambda commit=commit: commit)
        for value in values:
            artifacts.make(value, lambda _: None)
    monkeypatch.setattr(artifacts.checkout, "commit", lambda: None)
    table = provenance.table(study)
    assert table.loc["Commit of its artifacts"].item() == "c0ffee, decade"
    assert table.loc["Commit of this page"].item() == "not in git"


def test_the_plan_survives_a_corrupt_manifest():
    study = chapters.rq1_efficacy(TINY)
    answer(study, "nr", "Prompt harm: harmful")
    broken = artifacts.folder(study.generations(["nr"])[0]) / "manifest.json"
    broken.write_text("{")
    assert row(study, "NR")["Answers"] == "1 to do"


def test_an_untrained_backbone_is_expected_to_reason_at_full_length():
    study = chapters.rq1_efficacy(HOURS.model_copy(update={"n_train": 1}))
    assert row(study, "Backbone, not trained")["Hours"] > 2 * row(study, "NR")["Hours"]


def test_the_plan_has_one_row_per_variant_with_the_hours_of_all_its_seeds():
    one, two = (chapters.rq1_efficacy(Profile(seeds=list(range(count)))) for count in (1, 2))
    assert len(plan.table(two)) == len(two.variants)
    assert row(two, "NR")["Seeds"] == 2
    assert row(two, "NR")["Hours"] == pytest.approx(2 * row(one, "NR")["Hours"], abs=0.002)


def test_the_plan_of_all_chapters_counts_what_they_share_once():
    studies = [chapter(TINY) for chapter in chapters.CHAPTERS.values()]
    together, alone = plan.hours_left(studies), [plan.hours_left([study]) for study in studies]
    assert max(alone) < together < 0.8 * sum(alone)
    for value in studies[0].recipes() + studies[0].generations():
        artifacts.make(value, lambda _: None)
    assert plan.hours_left(studies) == pytest.approx(together - alone[0])


def test_the_plan_of_an_8b_study_is_of_its_order():
    """86,759 examples, 5 epochs, about 920 tokens: 2e19 FLOPs, some 40 hours of an A100."""
    full = row(chapters.rq1_efficacy(HUB), "R (full)")
    assert full["Tokens"] == "399.1 M"
    assert 40 < full["Hours"] < 80
    one = row(chapters.rq1_efficacy(HUB), "R (1 sentence)")
    assert one["Hours"] < full["Hours"]


def test_the_plan_of_gpus_says_what_has_room_on_the_profiles_card():
    assert "Memory of each GPU" not in plan.text(HOURS)
    text = plan.text(HUB.model_copy(update={"precision": "bfloat16", "card": "H200"}))
    (training,) = (line for line in text.splitlines() if line.startswith("Training of meta"))
    assert training.endswith(" no")
    room = plan.room(
        HUB.model_copy(update={"card": "H200", "backbone": "google/gemma-3-4b-it"}),
        [chapters.rq1_efficacy(HUB.model_copy(update={"backbone": "google/gemma-3-4b-it"}))],
    )
    assert room.loc["Training of google/gemma-3-4b-it", "Fits H200"] == "yes"
    parts = ["weights", "gradients", "optimiser", "logits", "activations"]
    assert room.loc["Training of google/gemma-3-4b-it", parts].sum() == pytest.approx(
        room.loc["Training of google/gemma-3-4b-it", "all"], abs=0.3
    )


def test_the_plan_says_so_where_the_room_of_a_model_is_not_known():
    unheard = {"backbone": "own/unheard-of", "second_backbone": "own/unheard-of"}
    profile = HUB.model_copy(update={"card": "H200", **unheard})
    (line,) = (line for line in plan.text(profile).splitlines() if line.startswith("Memory"))
    assert "not known of own/unheard-of" in line


def test_the_plan_of_evaluate_is_of_released_guards_and_trains_nothing():
    path = next(path for path in PROFILES if path.stem == "gpu-eval")
    profile = params.load(path)
    text, chapters_text = plan.text(profile, evaluate=True), plan.text(profile)
    assert text.startswith("released_guards with profile gpu-eval (vllm)\n")
    assert "Each of them once: 0 trainings, " in text
    assert "Training of" not in text
    assert "Distilling" not in text
    assert chapters_text.startswith("rq1_efficacy")
    assert chapters_text.endswith("--evaluate.")
    assert "--evaluate" not in plan.text(profile.model_copy(update={"released": []}))


def test_the_plan_is_shown_without_loading_a_model_library():
    shown = subprocess.run(
        [
            sys.executable, "-c",
            "import sys\n"
            "from reasoning_guards import params, plan\n"
            "print(plan.text(params.Profile()))\n"
            "loaded = {'torch', 'transformers', 'trl', 'vllm'} & set(sys.modules)\n"
            "sys.exit(f'{loaded}' if loaded else 0)\n",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    for variant in chapters.rq1_efficacy(Profile()).variants.values():
        assert variant.label in shown.stdout
    assert "9 to do" in shown.stdout
    lines = shown.stdout.strip().splitlines()
    (total,) = (place for place, line in enumerate(lines) if line.endswith("core hours."))
    assert all("rq1" not in line for line in lines[total:])
    assert lines[-1].startswith("all ")
    assert "10 rewrites" in lines[-1]
