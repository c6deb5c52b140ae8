"""The mirror: whole, verified, gone on with, and told in one sentence what the hub refuses."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_hub
import hub_rows
import pytest

from reasoning_guards import access, datasets, mirror, params
from reasoning_guards.datasets import hub, own, simple_safety_tests, wildguardmix
from reasoning_guards.examples import Policy

PROFILE = params.load(Path(__file__).parents[1] / "params" / "gpu.yaml")
SIMPLE, WILD = simple_safety_tests.HUB_ID, wildguardmix.HUB_ID
WILD_CARD = b"""---
configs:
- config_name: wildguardtrain
  data_files: train/wildguard_train.jsonl
- config_name: wildguardtest
  data_files:
  - split: test
    path: test/wildguard_test.jsonl
---
Goats.
"""

pytestmark = pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    """A hub with the two datasets that the profile is made to need."""
    sets = access.sets

    def of_two(profile: params.Profile, *, evaluate: bool) -> list[access.Set]:
        found = sets(profile, evaluate=evaluate)
        return [one for one in found if one.dataset in (SIMPLE, WILD)]

    monkeypatch.setattr(access, "sets", of_two)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the library's attempts
    with fake_hub.serve(monkeypatch, tmp_path / "caches") as served:
        served.repositories = {
            SIMPLE: {
                "test.csv": b"id,harm_area,category,prompt\nx,a,b,Goats?\ny,a,b,Sheep?\n",
                "picture.png": b"no data",
            },
            WILD: {
                "README.md": WILD_CARD,
                "train/wildguard_train.jsonl": lines(*[hub_rows.wildguard()] * 3),
                "test/wildguard_test.jsonl": lines(hub_rows.wildguard()),
            },
        }
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


def make(folder: Path, profile: params.Profile = PROFILE, *, evaluate: bool = False) -> list[str]:
    said: list[str] = []
    mirror.make(profile, folder, said.append, evaluate=evaluate)
    return [line.partition(": ")[2] for line in said]


def fetched(online: fake_hub.Hub) -> list[tuple[str, str | None]]:
    """Files whose content was asked for, and from which byte on."""
    return [
        (path.rpartition("/")[2], start)
        for method, path, start in online.asked
        if method == "GET" and "/resolve/" in path
    ]


def test_a_mirror_serves_everything_it_was_made_for_without_the_hub(
    online: fake_hub.Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make(folder) == ["fetched; 4 rows", "fetched; 2 rows"]
    online.refusal = 500, "", ""
    online.asked.clear()
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(folder))
    policy = Policy(name="house", text="No goats.")
    assert len(datasets.load(WILD, "train", None)) == 3
    assert len(datasets.load(WILD, "test", "prompt")) == 1
    assert len(datasets.load(SIMPLE, "test", "prompt", policy)) == 2
    assert datasets.commit(WILD, "main") == fake_hub.COMMIT
    assert online.asked == []


def test_for_evaluating_released_guards_no_split_is_asked_for_that_is_trained_on(
    online: fake_hub.Hub, folder: Path
) -> None:
    profile = params.load(Path(__file__).parents[1] / "params" / "gpu-eval.yaml")
    make(folder, profile, evaluate=True)
    assert hub.read_manifest(folder)[WILD]["rows"] == {"test": 1}
    make(folder, profile)
    assert hub.read_manifest(folder)[WILD]["rows"] == {"train": 3, "test": 1}


def test_the_manifest_names_commit_rows_sizes_and_hashes_of_the_data_files(
    online: fake_hub.Hub, folder: Path
) -> None:
    make(folder)
    content = online.repositories[SIMPLE]["test.csv"]
    assert hub.read_manifest(folder)[SIMPLE] == {
        "revision": "main",
        "commit": fake_hub.COMMIT,
        "files": {
            "test.csv": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        },
        "rows": {"test": 2},
    }
    assert hub.read_manifest(folder)[WILD]["rows"] == {"train": 3, "test": 1}
    assert not list(folder.glob("*.draft"))


def test_a_whole_mirror_is_verified_without_asking_the_hub(
    online: fake_hub.Hub, folder: Path
) -> None:
    make(folder)
    online.asked.clear()
    assert make(folder) == ["verified; 4 rows", "verified; 2 rows"]
    assert online.asked == []


@pytest.mark.parametrize("damage", ["same length", "shorter", "gone"])
def test_a_damaged_file_alone_is_fetched_anew_from_the_recorded_commit(
    online: fake_hub.Hub, folder: Path, damage: str
) -> None:
    make(folder)
    file = folder / SIMPLE / "test.csv"
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(whole[:-1] + (b"!" if damage == "same length" else b""))
    online.asked.clear()
    online.revisions |= {"main": "f" * 40, "old": fake_hub.COMMIT}
    assert make(folder) == ["verified; 4 rows", "fetched anew: test.csv; 2 rows"]
    assert file.read_bytes() == whole
    assert fetched(online) == [("test.csv", None)]
    assert hub.read_manifest(folder)[SIMPLE]["commit"] == fake_hub.COMMIT


def test_rows_that_are_not_those_recorded_are_not_called_verified(
    online: fake_hub.Hub, folder: Path
) -> None:
    make(folder)
    held = hub.read_manifest(folder)
    held[SIMPLE]["rows"] = {"test": 7}
    (folder / hub.MIRROR_MANIFEST).write_text(json.dumps(held))
    assert make(folder)[1] == "fetched; 2 rows"
    assert hub.read_manifest(folder)[SIMPLE]["rows"] == {"test": 2}


def test_a_connection_that_breaks_within_a_file_is_gone_on_with_from_there(
    online: fake_hub.Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 4)
    online.cuts = {"test.csv": [12]}
    assert make(folder) == ["fetched; 4 rows", "fetched; 2 rows"]
    assert [got for got in fetched(online) if got[0] == "test.csv"] == [
        ("test.csv", None),
        ("test.csv", "bytes=12-"),
    ]
    assert (folder / SIMPLE / "test.csv").read_bytes() == online.repositories[SIMPLE]["test.csv"]


def test_a_download_that_was_given_up_leaves_nothing_half_and_the_next_one_fetches_the_rest(
    online: fake_hub.Hub, folder: Path
) -> None:
    cut, whole = "test/wildguard_test.jsonl", "train/wildguard_train.jsonl"
    online.cuts = {cut: [0] * 20}
    with pytest.raises(hub.HubUnreachableError, match="could not be fetched"):
        make(folder)
    assert not (folder / WILD / cut).exists()
    assert hub.read_manifest(folder) == {}
    assert (folder / WILD / whole).read_bytes() == online.repositories[WILD][whole]
    online.cuts = {}
    online.asked.clear()
    assert make(folder) == ["fetched; 4 rows", "fetched; 2 rows"]
    assert sorted(fetched(online)) == [("test.csv", None), ("wildguard_test.jsonl", None)]


def test_another_revision_is_fetched_and_recorded(
    online: fake_hub.Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    online.revisions["v2"] = "f" * 40
    online.repositories[SIMPLE]["test.csv"] += b"z,a,b,Cows?\n"
    pinned = [one._replace(revision="v2") for one in access.sets(PROFILE, evaluate=False)]
    monkeypatch.setattr(access, "sets", lambda *_, **__: pinned)
    assert make(folder) == ["fetched; 4 rows", "fetched; 3 rows"]
    held = hub.read_manifest(folder)[SIMPLE]
    assert (held["revision"], held["commit"]) == ("v2", "f" * 40)


@pytest.mark.parametrize(
    ("refusal", "error", "says"),
    [
        ((401, "GatedRepo", ""), hub.GatedDatasetError, "accept its terms on {url}/datasets/{id}"),
        ((403, "GatedRepo", ""), hub.GatedDatasetError, "`hf auth login` or set HF_TOKEN"),
        ((401, "RepoNotFound", ""), hub.NotOnHubError, "check the name, and `hf auth whoami`"),
        (
            (401, "", "Invalid credentials in Authorization header"),
            hub.NotAllowedError,
            "(status 401): log in with `hf auth login`, or set HF_TOKEN",
        ),
        ((403, "", "Enable access"), hub.NotAllowedError, "(status 403): log in with"),
        ((404, "RepoNotFound", ""), hub.NotOnHubError, "The hub shows no {id} (revision 'main')"),
        ((404, "RevisionNotFound", ""), hub.NotOnHubError, "(revision 'main') to this login"),
        ((500, "", ""), hub.HubUnreachableError, "holds {id}/wildguardtrain/train.jsonl."),
    ],
)
def test_each_refusal_is_one_sentence_on_what_to_do(
    online: fake_hub.Hub,
    folder: Path,
    refusal: tuple[int, str, str],
    error: type[Exception],
    says: str,
) -> None:
    online.refusal = refusal
    with pytest.raises(error) as raised:
        make(folder)
    assert says.format(url=online.url, id=WILD) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert hub.read_manifest(folder) == {}


@pytest.mark.parametrize("way", ["offline", "refused"])
def test_without_network_the_file_of_a_mirror_that_would_serve_is_named(
    online: fake_hub.Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    import huggingface_hub.constants

    if way == "offline":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    else:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(hub.HubUnreachableError) as error:
        make(folder)
    assert str(error.value).endswith(
        "check the network, or set REASONING_GUARDS_MIRROR to a folder that holds "
        f"{WILD}/wildguardtrain/train.jsonl."
    )


def test_a_set_of_your_own_that_is_on_the_hub_is_mirrored_with_the_others_and_its_commit_recorded(
    online: fake_hub.Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path / "cache"))
    online.repositories["me/library"] = {
        "README.md": b"---\nconfigs:\n- config_name: small\n  data_files:\n  - split: dev\n"
        b"    path: rows.jsonl\n---\n",
        "rows.jsonl": lines({"q": "May I?", "v": "ok"}, {"q": "Who?", "v": "bad"}),
    }
    described = tmp_path / "mine.yaml"
    described.write_text(
        "policy: Tell nothing.\n"
        "hub: {id: me/library, config: small, splits: {test: dev}}\n"
        "columns: {prompt: q}\n"
        "labels: {prompt: {column: v, harmful: [bad], unharmful: [ok]}}\n"
    )
    name = own.adopt(described)
    needed = [
        *access.sets(PROFILE, evaluate=False),
        access.Set(name, "test", "main", "prompt"),
    ]
    monkeypatch.setattr(access, "sets", lambda *_, **__: needed)
    assert make(folder)[2:] == ["fetched; 2 rows"]
    assert hub.read_manifest(folder)["me/library"]["rows"] == {"dev": 2}
    online.refusal = 500, "", ""
    assert make(folder)[2:] == ["verified; 2 rows"]
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(folder))
    assert len(datasets.load(name, "test", "prompt")) == 2
    assert datasets.commit(name, "main") == fake_hub.COMMIT
