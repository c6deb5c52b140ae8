"""What a profile reads is looked for before it runs, and each thing gets its line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fake_hub
import hub_rows
import pytest
import tiny_guards
import yaml

from reasoning_guards import access, cli, guards, params
from reasoning_guards.chapters import benchmarks
from reasoning_guards.datasets import (
    HUB_SPLITS,
    aegis2,
    hub,
    released_traces,
    simple_safety_tests,
)
from reasoning_guards.params import Profile

GPU = params.load(Path(__file__).parents[1] / "params" / "gpu.yaml")
SIMPLE = simple_safety_tests.HUB_ID
MODEL = GPU.backbone
RELEASED = {guards.GUARDS[name].hub_id for name in GPU.released} - {MODEL}
WHOLE = {"config.json": b"{}", "model.safetensors": b"", "tokenizer.json": b"{}"}


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    """A hub with the model and every dataset."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the library's attempts
    with fake_hub.serve(monkeypatch, tmp_path / "caches") as served:
        served.repositories = {hub_id: {"README.md": b""} for hub_id in HUB_SPLITS}
        served.repositories |= dict.fromkeys((MODEL, GPU.second_backbone, *RELEASED), WHOLE)
        yield served


def said(profile: Profile) -> dict[str, tuple[bool, str]]:
    """What is found, but for memory, which has tests of its own."""
    found = access.check(profile)
    return {what: (ok, says) for what, ok, says in found if not what.startswith("memory for")}


def test_every_set_of_a_profile_is_named_once_the_training_set_first() -> None:
    sets = access.sets(GPU)
    assert sets[0] == (GPU.train_set, "train", "main", None)
    assert len({one[:3] for one in sets}) == len(sets)
    scored = benchmarks.safety_cells(GPU) + benchmarks.custom_cells(GPU)
    cells = {(c.dataset, c.split) for c in scored}
    trained = {(name, "train") for name in (GPU.train_set, GPU.other_train_set, GPU.dialogues)}
    released = {(released_traces.HUB_ID, split) for split in released_traces.TRAINING_SETS.values()}
    chosen_on = {(GPU.other_train_set, "validation")}  # thresholds are
    assert {(one.dataset, one.split) for one in sets} == cells | trained | released | chosen_on


def test_the_embedded_world_is_all_there() -> None:
    found = said(Profile())
    assert {"dataset synthetic/meadow, train", "traces by rule for synthetic/meadow"} < set(found)
    assert "backbone synthetic/llama-64-0" in found
    # A split that is scored twice is counted as it is scored first, by its prompts.
    assert found["dataset synthetic/meadow, test"] == (True, "300 examples")
    assert all(ok for ok, _ in found.values())


def test_what_the_hub_lets_this_login_read_is_ok_and_traces_that_there_are_not_are_no(
    online: fake_hub.Hub,
) -> None:
    found = said(GPU)
    for one in access.sets(GPU):
        where = f"hub, commit {fake_hub.COMMIT}"
        assert found.pop(f"dataset {one.dataset}, {one.split}") == (True, where)
    for model in (MODEL, GPU.second_backbone, *RELEASED):
        assert found.pop(f"backbone {model}") == (True, f"hub, commit {fake_hub.COMMIT}")
    for name in (GPU.other_train_set, GPU.dialogues):
        assert found.pop(f"traces by {GPU.teacher} for {name}")[0]
    ((what, (ok, says)),) = found.items()
    assert (what, ok) == (f"traces by {GPU.teacher} for {GPU.train_set}", False)
    assert "for allenai/wildguardmix" in says
    assert not [path for how, path, _ in online.asked if how == "GET" and "/resolve/" in path]


def test_a_missing_revision_is_found_out_too(online: fake_hub.Hub) -> None:
    online.revisions["v8"] = fake_hub.COMMIT
    profile = GPU.model_copy(
        update={
            "dataset_revisions": {SIMPLE: "v9"},
            "backbone_revision": "v9",
            "second_backbone_revision": "v8",
        }
    )
    found = said(profile)
    assert {what for what, (ok, _) in found.items() if not ok} == {
        f"dataset {SIMPLE}, test",
        f"backbone {MODEL}",
        f"traces by {GPU.teacher} for {GPU.train_set}",
    }
    assert "revision 'v9'" in found[f"dataset {SIMPLE}, test"][1]
    assert "revision 'v9'" in found[f"backbone {MODEL}"][1]


def test_a_repository_of_the_hub_without_a_model_is_no(online: fake_hub.Hub) -> None:
    for kept, lacks in (
        (("tokenizer.json", "model.safetensors"), "a config.json or adapter_config.json"),
        (("config.json", "tokenizer.json"), "weights as safetensors"),
    ):
        online.repositories[MODEL] = {name: WHOLE[name] for name in kept}
        ok, says = said(GPU)[f"backbone {MODEL}"]
        assert not ok
        assert says.startswith(f"The hub's repository {MODEL} (revision 'main') lacks {lacks}: ")
        assert "\n" not in says


def test_of_adapters_the_base_is_looked_for_as_well(online: fake_hub.Hub) -> None:
    guard = "mine/adapters"
    config = json.dumps({"base_model_name_or_path": "mine/base", "revision": None}).encode()
    files = {"adapter_config.json": config, "adapter_model.safetensors": b""}
    online.repositories |= {guard: files, "mine/base": WHOLE}
    profile = GPU.model_copy(update={"backbone": guard})
    there = f"hub, commit {fake_hub.COMMIT}"
    expected = f"{there}; adapters to mine/base: {there}"
    assert said(profile)[f"backbone {guard}"] == (True, expected)
    del online.repositories["mine/base"]
    ok, says = said(profile)[f"backbone {guard}"]
    assert not ok
    assert says.startswith("The hub shows no mine/base (revision 'main') to this login")
    online.repositories[guard] = {"adapter_config.json": config, "adapter_model.bin": b""}
    assert "lacks adapter_model.safetensors" in said(profile)[f"backbone {guard}"][1]


def test_gated_terms_are_named_for_datasets_and_for_models(online: fake_hub.Hub) -> None:
    online.refusal = 403, "GatedRepo", ""
    found = said(GPU)
    assert not any(ok for what, (ok, _) in found.items() if not what.startswith("traces by"))
    page = f"{online.url}/datasets/{aegis2.HUB_ID}, then log in"
    assert page in found[f"dataset {aegis2.HUB_ID}, test"][1]
    assert f"terms on {online.url}/{MODEL}, then log in" in found[f"backbone {MODEL}"][1]


def test_what_was_loaded_before_is_found_in_the_cache(online: fake_hub.Hub) -> None:
    online.repositories[SIMPLE] = {"test.jsonl": b'{"id": "x", "prompt": "Goats?"}\n'}
    hub.rows(SIMPLE, None, "test")
    online.refusal = 500, "", ""
    assert hub.reachable(SIMPLE, None, "test", "main") == "cache, 1 rows"
    with pytest.raises(hub.HubUnreachableError, match="check the network"):
        hub.reachable(aegis2.HUB_ID, None, "test", "main")


def test_a_model_in_the_cache_serves_if_its_weights_are_there(
    online: fake_hub.Hub, tmp_path: Path
) -> None:
    online.refusal = 500, "", ""
    cache = tmp_path / "caches" / "hub" / f"models--{MODEL.replace('/', '--')}"
    snapshot = cache / "snapshots" / fake_hub.COMMIT
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(fake_hub.COMMIT)
    (snapshot / "config.json").write_text("{}")
    what = f"backbone {MODEL}"
    ok, says = said(GPU)[what]
    assert not ok
    assert says.endswith(f"or fetch it where there is one: hf download {MODEL}.")
    (snapshot / "model.safetensors").write_text("")
    assert said(GPU)[what] == (True, f"cache, {fake_hub.COMMIT}")


def test_with_a_mirror_its_rows_are_read_and_the_hub_is_not_asked_for_datasets(
    online: fake_hub.Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    hub_rows.write(tmp_path / "mirror" / SIMPLE / "test.jsonl", hub_rows.simple_safety_tests())
    found = said(GPU)
    assert found[f"dataset {SIMPLE}, test"] == (True, "mirror, 1 rows")
    ok, says = found[f"dataset {GPU.train_set}, train"]
    assert (ok, says.startswith(f"The mirror lacks {GPU.train_set}")) == (False, True)
    assert not [path for _, path, _ in online.asked if "datasets" in path]


def test_plan_check_lists_each_thing_and_its_exit_code_tells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    assert cli.main(["plan", "--check"]) == 0
    assert (
        "ok  traces by rule for synthetic/meadow: in the package"
        in capsys.readouterr().out.splitlines()
    )
    gone = access.Finding("dataset x", False, "Gone.")
    monkeypatch.setattr(access, "check", lambda *_, **__: [gone])
    assert cli.main(["plan", "--check"]) == 1
    assert capsys.readouterr().out == "NO  dataset x: Gone.\n"


def test_each_finding_is_printed_before_the_next_thing_is_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    seen: list[str] = []

    def look(what: str, *_: object) -> access.Finding:
        seen.append(capsys.readouterr().out)
        return access.Finding(what, len(seen) > 1, "looked for")

    monkeypatch.setattr(access, "_found", look)
    assert cli.main(["plan", "--check"]) == 1
    assert seen[1].startswith("NO  dataset ")
    assert all(said.count("\n") == 1 for said in seen[1:])


def test_of_an_own_set_s_traces_every_length_is_looked_for(tmp_path: Path) -> None:
    hub_rows.write(tmp_path / "rows.csv", {"q": "May I?", "v": "bad", "t": "Ask. No."})
    spec = {
        "policy": "Ask first.",
        "files": dict.fromkeys(("train", "validation", "test"), "rows.csv"),
        "columns": {"prompt": "q"},
        "labels": {"prompt": {"column": "v", "harmful": ["bad"], "unharmful": ["ok"]}},
    }
    lengths = dict.fromkeys(("full", 1, *Profile().budgets), "t")
    for named, there in ((lengths, True), ({"full": "t"}, False)):
        file = tmp_path / "mine.yaml"
        file.write_text(yaml.safe_dump(spec | {"traces": named}))
        mine = Profile(teacher="own", train_set=str(file))
        (found,) = [one for one in said(mine).items() if "traces by own for own/mine-" in one[0]]
        assert found[1][0] == there
        assert found[1][1] == "in the set" if there else "no column for traces" in found[1][1]


def test_for_evaluate_only_what_released_guards_are_and_read_is_looked_for(
    online: fake_hub.Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    assert cli.main(["plan", "--check", "--profile", "gpu-eval"]) == 1  # there are no traces
    capsys.readouterr()
    assert cli.main(["plan", "--check", "--profile", "gpu-eval", "--evaluate"]) == 0
    kinds = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert set(kinds) == {"dataset", "backbone", "memory"}
    profile = params.load(Path("params/gpu-eval.yaml"))
    assert kinds.count("backbone") == len({guards.GUARDS[name].hub_id for name in profile.released})
    assert GPU.train_set in {one.dataset for one in access.sets(profile)}
    scored = benchmarks.safety_cells(profile) + benchmarks.custom_cells(profile)
    read = access.sets(profile, evaluate=True)
    assert {(one.dataset, one.split) for one in read} == {(c.dataset, c.split) for c in scored}
    assert kinds.count("dataset") == len(read)


@pytest.mark.slow
def test_a_child_process_asks_the_endpoint_and_shows_no_traceback(
    online: fake_hub.Hub, tmp_path: Path
) -> None:
    online.refusal = 401, "GatedRepo", ""
    environment = os.environ | {"HF_ENDPOINT": online.url, "HF_HOME": str(tmp_path / "home")}
    for command, code in ((["plan", "--check"], 1), (["mirror", "--to", str(tmp_path)], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "reasoning_guards.cli", *command, "--profile", "gpu"],
            env=environment,
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code
        shown = done.stdout if code == 1 else done.stderr
        assert f"accept its terms on {online.url}/datasets/allenai/wildguardmix" in shown
        assert "Traceback" not in done.stderr


def test_a_backbone_in_a_folder_needs_no_hub(tmp_path: Path) -> None:
    guard = tiny_guards.build(tmp_path / "guard")
    found = said(Profile(backbone=str(guard)))
    assert found[f"backbone {guard}"] == (True, f"folder {guard}")
