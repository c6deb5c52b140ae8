"""Artifacts: a key changes with what decides the result, and nothing finished is lost or wrong."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from reasoning_guards import artifacts, chapters, resources
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Generation, Recipe

SPAWN = multiprocessing.get_context("spawn")
STUDY = chapters.rq1_efficacy(Profile())
RECIPE = STUDY.recipes()[0]
GENERATION = STUDY.generations(["nr"])[0]


def keys(**changes):
    """Key of each variant's recipes and generations in the profile with these changes."""
    study = chapters.rq1_efficacy(Profile(**changes))
    return {
        name: {
            "training": [
                artifacts.key(g) for g in variant.guards.values() if isinstance(g, Recipe)
            ],
            "answers": [artifacts.key(g) for g in study.generations([name])],
        }
        for name, variant in study.variants.items()
    }


def changed(before, after):
    return {
        (name, step) for name in before for step in before[name]
        if before[name][step] != after[name][step]
    }  # fmt: skip


ALL = {(name, step) for name in keys() for step in ("training", "answers")}
ANSWERS = {(name, step) for name, step in ALL if step == "answers"}
TRAINED = ALL - {("backbone", "training"), ("backbone", "answers")}
WITHOUT_TRACES = {(name, step) for name, step in TRAINED if name in ("nr", "null_nr")}


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"n_train": 641}, TRAINED),
        ({"epochs_reasoning": 7}, TRAINED - WITHOUT_TRACES),
        ({"epochs_non_reasoning": 7}, WITHOUT_TRACES),
        ({"teacher": "own"}, TRAINED - WITHOUT_TRACES),
        ({"eval_examples": 41}, ANSWERS),
        ({"temperature": 0.6}, ANSWERS),
        ({"max_new_tokens_non_reasoning": 17}, {("nr", "answers"), ("null_nr", "answers")}),
        ({"refusal_line": False}, ALL - {("backbone", "training")}),
        ({"engine": "vllm"}, ANSWERS),
    ],
)
def test_a_changed_setting_changes_what_depends_on_it_and_nothing_else(change, affected):
    assert changed(keys(), keys(**change)) == affected


def test_a_changed_seed_changes_every_training_and_an_added_one_none():
    assert changed(keys(), keys(seeds=[1])) == ALL - {("backbone", "training")}  # and the backbone
    before, more = keys(), keys(seeds=[0, 1], control_seeds=2)
    for name, step in ALL:
        assert set(before[name][step]) <= set(more[name][step])


def test_a_changed_sentence_budget_changes_that_recipe_alone():
    one = STUDY.variants["r_1"].guards[0]
    two = one.model_copy(update={"traces": one.traces.model_copy(update={"sentences": 2})})
    asked = STUDY.generations(["r_1"])[0]
    assert artifacts.key(two) != artifacts.key(one)
    assert artifacts.key(asked.model_copy(update={"guard": two})) != artifacts.key(asked)
    assert len({artifacts.key(recipe) for recipe in STUDY.recipes()}) == len(STUDY.recipes())


@pytest.mark.parametrize(
    "resources",
    [
        {"workers": 7},
        {"device": "cuda"},
        {"train_batch_per_device": 2, "generate_batch": 3, "gradient_checkpointing": True},
        {"gpu_memory": 0.5, "tensor_parallel": 4},
        {"gpus_per_training": 2, "accelerate_config": "mine.yaml"},
        {"parse_policy": "harmful", "bootstrap_replicates": 100, "profile": "mine"},
    ],
)
def test_resources_and_what_is_computed_on_reading_change_no_key(resources):
    assert changed(keys(), keys(**resources)) == set()


def test_paths_of_the_machine_change_no_key(monkeypatch, tmp_path):
    before = keys()
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("REASONING_GUARDS_VLLM_PYTHON", "/opt/python")
    monkeypatch.setenv("REASONING_GUARDS_MIRROR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert keys() == before


@pytest.mark.parametrize(
    ("step", "affected"),
    [
        ("examples", ALL - {("backbone", "training")}),
        ("prompts", ALL - {("backbone", "training")}),
        ("traces", TRAINED - WITHOUT_TRACES),
        ("training", TRAINED),
        ("generation", ANSWERS),
    ],
)
def test_a_raised_step_version_changes_what_the_step_is_behind(monkeypatch, step, affected):
    before = keys()
    monkeypatch.setitem(artifacts.STEP_VERSIONS, step, artifacts.STEP_VERSIONS[step] + 1)
    assert changed(before, keys()) == affected


def test_a_raised_world_version_changes_what_is_of_the_embedded_world(monkeypatch):
    hub = Profile(
        world="hub",
        backbone="meta-llama/Llama-3.1-8B-Instruct",
        train_set="allenai/wildguardmix",
        n_train=None,
    )
    real = chapters.rq1_efficacy(hub).generations()
    before, before_real = keys(), list(map(artifacts.key, real))
    monkeypatch.setattr(artifacts, "WORLD_VERSION", artifacts.WORLD_VERSION + 1)
    assert changed(before, keys()) == ALL - {("backbone", "training")}
    assert list(map(artifacts.key, real)) == before_real


def test_equal_values_have_one_key_and_kinds_have_folders_of_their_own(cache):
    again = Recipe.model_validate_json(RECIPE.model_dump_json())
    assert artifacts.key(again) == artifacts.key(RECIPE)
    assert artifacts.folder(RECIPE).parent == cache / "checkpoint"
    assert artifacts.folder(GENERATION).parent == cache / "generations"
    assert Generation.model_validate_json(GENERATION.model_dump_json()) == GENERATION


def write(folder, name="weights", text="w"):
    (folder / name).write_text(text)


def test_what_was_made_is_found_and_not_made_again():
    place = artifacts.make(RECIPE, write)
    assert artifacts.find(RECIPE) == place
    assert artifacts.make(RECIPE, lambda _: pytest.fail("built twice")) == place


def test_the_manifest_says_what_it_is_and_keeps_the_builders_notes():
    artifacts.make(RECIPE, lambda folder: write(folder) or {"loss": 0.5})
    manifest = artifacts.manifest(RECIPE)
    assert manifest["value"] == RECIPE.model_dump(mode="json")
    assert manifest["notes"] == {"loss": 0.5}
    assert list(manifest["files"]) == ["weights"]
    assert manifest["seconds"] >= 0


def test_the_manifest_names_the_commit_that_the_build_began_with_and_no_key_does(monkeypatch):
    before = artifacts.key(RECIPE)
    asked = []
    monkeypatch.setattr(artifacts.checkout, "commit", lambda: asked.append("asked") or "c0ffee")
    artifacts.make(RECIPE, lambda folder: write(folder) or {"asked": len(asked)})
    manifest = artifacts.manifest(RECIPE)
    assert manifest["commit"] == "c0ffee"
    assert manifest["notes"]["asked"] == 1
    assert artifacts.key(RECIPE) == before


def test_a_failed_build_leaves_nothing_cached_and_the_next_one_succeeds():
    def fail(folder):
        write(folder)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        artifacts.make(RECIPE, fail)
    assert not artifacts.is_cached(RECIPE)
    assert artifacts.find(RECIPE) is None
    assert artifacts.make(RECIPE, write) == artifacts.find(RECIPE)


def _damage_file(place):
    write(place, text="x")


def _remove_file(place):
    (place / "weights").unlink()


def _remove_manifest(place):
    (place / "manifest.json").unlink()


def _manifest(text):
    def damage(place):
        (place / "manifest.json").write_text(text)

    return damage


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_damage_file, "weights has changed"),
        (_remove_file, "weights is missing"),
        (_remove_manifest, "its manifest cannot be read"),
        (_manifest('{"files": {"wei'), "its manifest cannot be read"),
        (_manifest("{}"), "its manifest cannot be read"),
        (_manifest("null"), "its manifest cannot be read"),
        (_manifest('{"files": null}'), "its manifest cannot be read"),
    ],
)
def test_damage_is_noticed_with_a_warning_and_made_anew(damage, what):
    place = artifacts.make(RECIPE, write)
    damage(place)
    with pytest.warns(UserWarning, match=what):
        assert artifacts.find(RECIPE) is None
    assert not place.exists()
    assert artifacts.make(RECIPE, write) == place
    assert (place / "weights").read_text() == "w"


def test_damage_is_noticed_by_make_as_well():
    place = artifacts.make(RECIPE, write)
    _damage_file(place)
    with pytest.warns(UserWarning, match="weights has changed"):
        artifacts.make(RECIPE, write)
    assert (place / "weights").read_text() == "w"


def _make_slowly(log, start):
    def build(folder):
        with Path(log).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.5)
        write(folder)

    start.wait()
    artifacts.make(RECIPE, build)


def test_two_processes_that_want_the_same_value_build_it_once(tmp_path):
    log, start = tmp_path / "log", SPAWN.Barrier(2)
    both = [SPAWN.Process(target=_make_slowly, args=(str(log), start)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert len(log.read_text().splitlines()) == 1
    assert artifacts.find(RECIPE) is not None


BOTH = [RECIPE, GENERATION]


def test_of_several_values_those_that_are_missing_are_made_together():
    artifacts.make(RECIPE, write)
    asked = []

    def build(folders):
        asked.extend(folders)
        for value, folder in folders.items():
            write(folder, text=type(value).__name__)
        time.sleep(0.2)
        return [{"is": type(value).__name__} for value in folders]

    other = GENERATION.model_copy(update={"limit": 3})
    places = artifacts.make_together([GENERATION, RECIPE, other], build)
    assert asked == [GENERATION, other]
    assert places == [artifacts.find(value) for value in (GENERATION, RECIPE, other)]
    assert artifacts.manifest(GENERATION)["notes"] == {"is": "Generation"}
    assert artifacts.manifest(RECIPE)["notes"] == {}
    assert 0.1 <= artifacts.manifest(other)["seconds"] < 0.2, "half of what both took"


def _make_both(values, log, start):
    def build(folders):
        with Path(log).open("a") as file:
            file.writelines(f"{artifacts.key(value)}\n" for value in folders)
        time.sleep(0.2)
        for folder in folders.values():
            write(folder)
        return [None] * len(folders)

    start.wait()
    artifacts.make_together(values, build)


def test_processes_that_want_several_values_in_different_orders_do_not_wait_for_each_other(
    tmp_path,
):
    log, start = tmp_path / "log", SPAWN.Barrier(4)
    asking = [
        SPAWN.Process(target=_make_both, args=(values, str(log), start))
        for values in (BOTH, BOTH[::-1]) * 2
    ]
    for process in asking:
        process.start()
    for process in asking:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(log.read_text().split()) == sorted(map(artifacts.key, BOTH))


def _killed(where):
    """Make RECIPE in a process that is killed as by `kill -9` at a point of the way."""

    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def build(folder):
        write(folder, "half", "first half")
        if where == "building":
            kill()
        write(folder)
        if where == "before the manifest is whole":
            write(folder, "manifest.json.draft", '{"files": {}')
            kill()
        if where == "before the manifest is in place":
            Path.rename = kill

    if where == "before the folder is in place":
        rename = Path.rename
        Path.rename = lambda path, to: kill() if path.is_dir() else rename(path, to)
    artifacts.make(RECIPE, build)


@pytest.mark.parametrize(
    "where",
    [
        "building",
        "before the manifest is whole",
        "before the manifest is in place",
        "before the folder is in place",
    ],
)
def test_a_killed_build_leaves_no_artifact_and_is_gone_on_from(where):
    process = SPAWN.Process(target=_killed, args=(where,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert artifacts.find(RECIPE) is None
    found = []

    def go_on(folder):
        found.append((folder / "half").read_text())
        write(folder)

    place = artifacts.make(RECIPE, go_on)
    assert found == ([] if where == "before the folder is in place" else ["first half"])
    assert artifacts.find(RECIPE) == place, "a manifest that lists its own draft is never whole"
    assert set(json.loads((place / "manifest.json").read_text())["files"]) == {"half", "weights"}
    assert {path.name for path in place.iterdir()} == {"half", "weights", "manifest.json"}


def test_the_cache_is_where_the_variable_says_or_in_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("REASONING_GUARDS_CACHE", "~/here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resources.cache_folder() == tmp_path / "here"
    monkeypatch.delenv("REASONING_GUARDS_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert resources.cache_folder() == tmp_path / ".cache" / "reasoning-guards"
