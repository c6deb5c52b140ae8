"""Which revision of a dataset is read, and that it is part of the value and of the record."""

import json
from collections.abc import Iterator
from pathlib import Path

import fake_hub
import hub_rows
import pytest

from reasoning_guards import artifacts, chapters, datasets, generation, params
from reasoning_guards.chapters import arms, benchmarks
from reasoning_guards.datasets import hub, simple_safety_tests, wildguardmix
from reasoning_guards.examples import Policy
from reasoning_guards.recipes import Cell, Recipe
from reasoning_guards.training import data

SET = simple_safety_tests.HUB_ID
POLICY = Policy(name="house", text="No goats.")
OTHER = "f" * 40
PROFILE = params.load(Path(__file__).parents[1] / "params" / "gpu.yaml")

pytestmark = pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")


def lines(*prompts: str) -> bytes:
    rows = (hub_rows.simple_safety_tests(prompt=prompt) for prompt in prompts)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    """A hub with one dataset in two revisions."""
    with fake_hub.serve(monkeypatch, tmp_path) as served:
        served.repositories[SET] = {"README.md": b"---\n---\n", "test.jsonl": lines("a", "b")}
        served.revisions["v2"] = OTHER
        yield served


def test_the_revision_asked_for_is_fetched_and_its_commit_is_known(online: fake_hub.Hub) -> None:
    for revision, commit in (("main", fake_hub.COMMIT), ("v2", OTHER), (OTHER, OTHER)):
        assert len(datasets.load(SET, "test", "prompt", POLICY, revision)) == 2
        assert datasets.commit(SET, revision) == commit
    assert datasets.commit(SET, "v3") is None
    assert datasets.commit("synthetic/meadow", "main") is None


def test_without_network_the_cache_serves_its_own_revision_and_no_other(
    online: fake_hub.Hub,
) -> None:
    for revision in ("main", "v2"):
        datasets.load(SET, "test", "prompt", POLICY, revision)
    online.refusal = 403, "", ""  # `load_dataset` then takes what was cached last
    assert len(datasets.load(SET, "test", "prompt", POLICY, "v2")) == 2
    for revision in ("v3", "main"):
        with pytest.raises(hub.HubUnreachableError, match=f"the cache holds commit {OTHER}"):
            datasets.load(SET, "test", "prompt", POLICY, revision)


def test_a_repository_without_data_is_not_taken_for_a_network_that_is_down(
    online: fake_hub.Hub,
) -> None:
    online.repositories[SET] = {"README.md": b""}
    with pytest.raises(hub.NotOnHubError, match="any data files"):
        datasets.load(SET, "test", "prompt", POLICY)


def test_a_mirror_serves_the_revision_that_its_manifest_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path))
    hub_rows.write(tmp_path / SET / "test.jsonl", hub_rows.simple_safety_tests())
    datasets.load(SET, "test", "prompt", POLICY)
    assert datasets.commit(SET, "main") == "a mirror without a manifest"
    with pytest.raises(hub.MissingFromMirrorError, match="names no revision of it"):
        datasets.load(SET, "test", "prompt", POLICY, "v2")
    held = {SET: {"revision": "v2", "commit": OTHER}}
    (tmp_path / hub.MIRROR_MANIFEST).write_text(json.dumps(held))
    for revision in ("main", "v2", OTHER):
        datasets.load(SET, "test", "prompt", POLICY, revision)
        assert datasets.commit(SET, revision) == OTHER
    with pytest.raises(hub.MissingFromMirrorError, match="holds revision 'v2' of it"):
        datasets.load(SET, "test", "prompt", POLICY, "v3")


def test_main_leaves_a_key_as_it_was_and_another_revision_changes_it() -> None:
    cell = Cell(dataset=SET, task="prompt")
    assert set(cell.model_dump(mode="json")) == {"dataset", "task", "split", "policy", "labels"}
    assert Cell.model_validate_json(cell.model_dump_json()) == cell
    pinned = cell.model_copy(update={"revision": OTHER})
    assert pinned.model_dump(mode="json")["revision"] == OTHER
    assert Cell.model_validate_json(pinned.model_dump_json()) == pinned
    guard = arms.guards(PROFILE, None)[0]
    assert "train_revision" not in guard.model_dump(mode="json")
    other = guard.model_copy(update={"train_revision": OTHER})
    assert artifacts.key(other) != artifacts.key(guard)


def test_a_profiles_revisions_reach_the_recipes_and_cells_of_their_datasets() -> None:
    pinned = {wildguardmix.HUB_ID: "v1", SET: OTHER}
    study = chapters.rq1_efficacy(PROFILE.model_copy(update={"dataset_revisions": pinned}))
    assert {recipe.train_revision for recipe in study.recipes()} == {"v1"}
    for value in study.generations():
        assert value.cell.revision == pinned.get(value.cell.dataset, "main")


def test_a_revision_of_an_unknown_dataset_is_answered_with_the_nearest() -> None:
    misspelt = PROFILE.model_copy(update={"dataset_revisions": {"allenai/wildguardmx": "v1"}})
    with pytest.raises(benchmarks.UnknownDatasetRevisionError, match="'allenai/wildguardmix'"):
        chapters.rq1_efficacy(misspelt)


def test_a_value_is_read_at_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(*arguments: object, revision: str = "main", **_: object) -> list[object]:
        asked.append(arguments[4] if len(arguments) > 4 else revision)
        return []

    monkeypatch.setattr(datasets, "load", load)
    generation.examples(Cell(dataset=SET, task="prompt", revision="v1"))
    recipe: Recipe = arms.guards(PROFILE, None)[0]
    data.subset(recipe.model_copy(update={"train_revision": "v2"}))
    assert asked == ["v1", "v2"]
