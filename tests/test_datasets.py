"""Every dataset of the safety suite: labels by the card's rules, counts, and errors that help."""

import http.server
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import hub_rows
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reasoning_guards import datasets, policies
from reasoning_guards.datasets import (
    aegis2,
    hub,
    jailbreakbench,
    openai_moderation,
    rows,
    simple_safety_tests,
    toxic_chat,
    wildguardmix,
    xstest,
)
from reasoning_guards.errors import UserError
from reasoning_guards.examples import Example, Policy, Task
from reasoning_guards.synthetic import corpora

POLICY = Policy(name="house", text="No goats.")
REAL_MIRROR = os.environ.get(hub.MIRROR_VARIABLE) or None

# dataset module, its row builder, split, file without suffix, task
SETS = [
    (wildguardmix, hub_rows.wildguard, "train", "wildguardtrain/train", None),
    (wildguardmix, hub_rows.wildguard, "test", "wildguardtest/test", "prompt"),
    (aegis2, hub_rows.aegis, "validation", "validation", "response"),
    (openai_moderation, hub_rows.openai, "train", "train", "prompt"),
    (toxic_chat, hub_rows.toxic_chat, "test", "toxicchat0124/test", "prompt"),
    (simple_safety_tests, hub_rows.simple_safety_tests, "test", "test", "prompt"),
    (jailbreakbench, hub_rows.jailbreakbench, "test", "judge_comparison/test", "response"),
    (xstest, hub_rows.xstest, "response_harmfulness", "response_harmfulness", "response"),
]
EVERY_SET = pytest.mark.parametrize(
    ("module", "row", "split", "file", "task"),
    SETS,
    ids=[f"{module.__name__.rpartition('.')[2]}-{split}" for module, _, split, _, _ in SETS],
)
# The tests' sets are smaller than the published ones, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::reasoning_guards.datasets.rows.CountWarning")


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(folder))
    return folder


def as_row(cells: dict[str, Any]) -> rows.Row:
    return rows.Row("owner/name", "test", 7, cells)


# Reading a mirror

CLONE_CARD = """---
configs:
- config_name: wildguardtest
  data_files:
  - split: test
    path: cloned.jsonl
---
"""


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
@EVERY_SET
def test_a_mirror_serves_every_set_in_every_format(
    mirror: Path, module: Any, row: Any, split: str, file: str, task: Task | None, suffix: str
) -> None:
    hub_rows.write(mirror / module.HUB_ID / f"{file}{suffix}", row(), row())
    first, second = datasets.load(module.HUB_ID, split, task, POLICY)
    assert first == module.example(rows.Row(module.HUB_ID, split, 0, row()), POLICY).model_copy(
        update={"response": None, "response_harmful": None, "response_refusal": None}
        if task == "prompt"
        else {}
    )
    assert first.id != second.id
    assert first.cluster == second.cluster
    assert first.cluster.startswith(f"{module.HUB_ID}/")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_awkward_texts_come_through_every_format_as_they_are(mirror: Path, suffix: str) -> None:
    awkward = [
        ' \ttwo lines\nand a "quote", ',
        "\u05e9\u05dc\u05d5\u05dd \u202e \U0001f410 e\u0301",
        "[user] <s> </s> <think> {taxonomy} %s",
        "goat " * 30_000,
        "REDACTED?",
    ]
    hub_rows.write(
        mirror / wildguardmix.HUB_ID / f"wildguardtrain/train{suffix}",
        *(hub_rows.wildguard(prompt=text, response=text) for text in awkward),
        hub_rows.wildguard(response=None, response_harm_label=None),
    )
    *found, unanswered = datasets.load(wildguardmix.HUB_ID, "train", None)
    assert [example.prompt == example.response for example in found] == [True] * len(awkward)
    assert [example.prompt for example in found] == awkward
    assert (unanswered.response, unanswered.response_refusal) == (None, None)


def test_a_mirror_is_read_without_the_network(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **_: calls.append(place))
    monkeypatch.setattr(socket.socket, "connect", lambda _, place: calls.append(place))
    hub_rows.write(mirror / xstest.HUB_ID / "response_harmfulness.jsonl", hub_rows.xstest())
    assert datasets.load(xstest.HUB_ID, "response_harmfulness", "response", POLICY)
    hub_rows.write(mirror / wildguardmix.HUB_ID / "cloned.jsonl", hub_rows.wildguard())
    (mirror / wildguardmix.HUB_ID / "README.md").write_text(CLONE_CARD)
    assert datasets.load(wildguardmix.HUB_ID, "test", "prompt")
    monkeypatch.chdir(mirror)
    monkeypatch.setenv(hub.MIRROR_VARIABLE, ".")
    with pytest.raises(hub.MissingFromMirrorError):
        datasets.load(aegis2.HUB_ID, "test", "prompt", POLICY)
    assert calls == []


def test_a_clone_of_the_hubs_repository_serves_as_a_mirror(mirror: Path) -> None:
    folder = mirror / wildguardmix.HUB_ID
    hub_rows.write(folder / "cloned.jsonl", hub_rows.wildguard())
    (folder / "README.md").write_text(CLONE_CARD)
    assert len(datasets.load(wildguardmix.HUB_ID, "test", "prompt")) == 1
    with pytest.raises(hub.MissingFromMirrorError, match="config 'wildguardtrain'"):
        datasets.load(wildguardmix.HUB_ID, "train", None)


def test_a_set_that_the_mirror_lacks_is_named_with_the_files_looked_for(mirror: Path) -> None:
    with pytest.raises(hub.MissingFromMirrorError) as error:
        datasets.load(jailbreakbench.HUB_ID, "test", "response", POLICY)
    folder = mirror / jailbreakbench.HUB_ID
    assert str(error.value) == (
        f"The mirror lacks {jailbreakbench.HUB_ID}: there is no test.jsonl, .parquet, .csv in "
        f"{folder / 'judge_comparison'}, nor is {folder} a clone of the hub's repository with "
        "config 'judge_comparison', split 'test'; put one there, or unset "
        "REASONING_GUARDS_MIRROR to load from the hub."
    )


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("content", ["", '{"prompt": "A goat that nobody must see.'])
def test_a_broken_file_is_named_and_not_quoted(mirror: Path, suffix: str, content: str) -> None:
    file = mirror / simple_safety_tests.HUB_ID / f"test{suffix}"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(hub.UnreadableDatasetError) as error:
        datasets.load(simple_safety_tests.HUB_ID, "test", "prompt", POLICY)
    assert str(error.value).startswith(f"{file} is empty or broken (")
    assert "goat" not in str(error.value)


def test_a_csv_without_a_header_is_refused_and_not_quoted(mirror: Path) -> None:
    file = mirror / simple_safety_tests.HUB_ID / "test.csv"
    file.parent.mkdir(parents=True)
    file.write_text("1,A goat that nobody must see.\n2,Another goat.\n")
    with pytest.raises(rows.MissingColumnError) as error:
        datasets.load(simple_safety_tests.HUB_ID, "test", "prompt", POLICY)
    assert "goat" not in str(error.value)


# Reading the hub


@pytest.fixture
def hub_says(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], str]]:
    """Call it with a status and the hub's error code: a hub that answers just that."""
    import datasets.config

    monkeypatch.delenv(hub.MIRROR_VARIABLE, raising=False)
    answer: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            status, code = answer
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)

        def say(status: int, code: str) -> str:
            answer[:] = status, code
            return url

        yield say
        server.shutdown()


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_set_says_which_terms_to_accept_and_how_to_log_in(
    hub_says: Callable[[int, str], str], status: int
) -> None:
    url = hub_says(status, "GatedRepo")
    with pytest.raises(hub.GatedDatasetError) as error:
        datasets.load(wildguardmix.HUB_ID, "test", "prompt")
    assert str(error.value) == (
        f"allenai/wildguardmix is gated: accept its terms on {url}/datasets/allenai/wildguardmix, "
        "then log in with `hf auth login` or set HF_TOKEN."
    )


@pytest.mark.parametrize("code", ["RepoNotFound", "RevisionNotFound"])
def test_a_set_or_revision_that_the_hub_does_not_have_is_named(
    hub_says: Callable[[int, str], str], code: str
) -> None:
    hub_says(404, code)
    with pytest.raises(
        hub.NotOnHubError,
        match=r"^The hub shows no owner/name \(split 'test', revision 'v9'\) to this login \(.*",
    ):
        hub.rows("owner/name", None, "test", revision="v9")


@pytest.mark.parametrize("status", [401, 403])
def test_a_hub_that_refuses_a_login_says_how_to_log_in(
    hub_says: Callable[[int, str], str], status: int
) -> None:
    hub_says(status, "")
    with pytest.raises(hub.NotAllowedError, match=rf"\(status {status}\): log in with `hf auth"):
        hub.rows("owner/name", None, "test")


def test_without_network_the_file_that_would_serve_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import datasets.config

    monkeypatch.delenv(hub.MIRROR_VARIABLE, raising=False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(hub.HubUnreachableError) as error:
        hub.rows("lmsys/toxic-chat", "toxicchat0124", "test")
    assert str(error.value).endswith(
        "check the network, or set REASONING_GUARDS_MIRROR to a folder that holds "
        "lmsys/toxic-chat/toxicchat0124/test.jsonl."
    )


# Rows to examples


def test_wildguard_reads_three_labels_and_null_means_unlabelled() -> None:
    harmful = hub_rows.wildguard(
        prompt_harm_label="harmful",
        response_harm_label="harmful",
        response_refusal_label="refusal",
    )
    whole = wildguardmix.example(as_row(harmful), POLICY)
    assert (whole.prompt_harmful, whole.response_harmful, whole.response_refusal) == (
        True,
        True,
        True,
    )
    for nothing in (None, "None"):
        labels = dict.fromkeys((column for column in harmful if "label" in column), nothing)
        bare = wildguardmix.example(as_row(harmful | labels), POLICY)
        assert bare.response == harmful["response"]
        assert (bare.prompt_harmful, bare.response_harmful, bare.response_refusal) == (None,) * 3


def test_a_missing_response_has_no_labels_but_an_empty_one_has() -> None:
    for module, row, column in (
        (wildguardmix, hub_rows.wildguard, "response_harm_label"),
        (aegis2, hub_rows.aegis, "response_label"),
    ):
        value = "harmful" if module is wildguardmix else "unsafe"
        missing = module.example(as_row(row(response=None, **{column: value})), POLICY)
        assert (missing.response, missing.response_harmful) == (None, None)
        assert missing.response_refusal is None
        empty = module.example(as_row(row(response="", **{column: value})), POLICY)
        assert (empty.response, empty.response_harmful) == ("", True)


def test_rows_without_a_wildguard_prompt_are_left_out(
    mirror: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = mirror / wildguardmix.HUB_ID / "wildguardtrain" / "train.jsonl"
    hub_rows.write(file, hub_rows.wildguard(), hub_rows.wildguard(prompt=None))
    with caplog.at_level(logging.INFO):
        assert len(datasets.load(wildguardmix.HUB_ID, "train", None)) == 1
    assert "left out 1 rows without a prompt" in caplog.text


def test_aegis_drops_and_counts_redacted_prompts_unless_told_to_keep_them(
    mirror: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redacted = hub_rows.aegis(prompt="REDACTED", reconstruction_id_if_redacted="12")
    hub_rows.write(mirror / aegis2.HUB_ID / "train.jsonl", hub_rows.aegis(), redacted, redacted)
    with caplog.at_level(logging.INFO):
        kept = aegis2.examples("train", POLICY, None)
    assert [example.prompt for example in kept] == ["Write a rude limerick."]
    assert "left out 2 rows without an unredacted prompt" in caplog.text
    assert len(aegis2.examples("train", POLICY, None, redacted="keep")) == 3


@pytest.mark.parametrize("category", hub_rows.OPENAI_CATEGORIES)
def test_openai_is_harmful_if_any_category_is_marked(category: str) -> None:
    marked = openai_moderation.example(as_row(hub_rows.openai(**{category: 1})), POLICY)
    assert marked.prompt_harmful is True
    assert marked.response is None


def test_openai_categories_left_out_do_not_count(mirror: Path) -> None:
    sparse = {"prompt": "Goats.", "S": 0, "V": 1.0}
    hub_rows.write(
        mirror / openai_moderation.HUB_ID / "train.jsonl",
        hub_rows.openai(H=None),
        sparse,
        dict.fromkeys(hub_rows.OPENAI_CATEGORIES) | {"prompt": "Sheep."},
    )
    found = datasets.load(openai_moderation.HUB_ID, "train", "prompt", POLICY)
    assert [example.prompt_harmful for example in found] == [False, True, False]


def test_toxic_chat_takes_human_annotated_rows_and_toxicity(mirror: Path) -> None:
    hub_rows.write(
        mirror / toxic_chat.HUB_ID / "toxicchat0124" / "test.csv",
        hub_rows.toxic_chat(),
        hub_rows.toxic_chat(human_annotation=False),
        hub_rows.toxic_chat(toxicity=0, jailbreaking=1),
    )
    found = datasets.load(toxic_chat.HUB_ID, "test", "prompt", POLICY)
    assert [example.id[-1] for example in found] == ["0", "2"]
    assert [example.prompt_harmful for example in found] == [True, False]


def test_simple_safety_tests_are_all_harmful() -> None:
    row = as_row(hub_rows.simple_safety_tests())
    assert simple_safety_tests.example(row, POLICY).prompt_harmful is True


def test_jailbreakbench_takes_the_majority_and_clusters_by_goal() -> None:
    one = jailbreakbench.example(as_row(hub_rows.jailbreakbench()), POLICY)
    other = jailbreakbench.example(
        as_row(hub_rows.jailbreakbench(prompt="As a marble, explain.", human_majority=0)), POLICY
    )
    assert (one.response_harmful, other.response_harmful) == (True, False)
    assert one.prompt_harmful is None
    assert (one.prompt, one.response) == (
        "You coach marbles without rules. Explain how to cheat.",
        "First, polish the marbles.",
    )
    assert one.cluster == other.cluster
    goal = jailbreakbench.example(as_row(hub_rows.jailbreakbench(goal="Win fairly.")), POLICY)
    assert goal.cluster != one.cluster


def test_xstest_reads_the_responses_label() -> None:
    found = [
        xstest.example(as_row(hub_rows.xstest(label=label)), POLICY).response_harmful
        for label in ("harmful", "unharmful")
    ]
    assert found == [True, False]


def test_clusters_are_the_same_in_every_process() -> None:
    assert as_row({}).cluster("Ä goat") == "owner/name/3746fa1556a8b8f1"


@settings(deadline=None)  # The first import is slow.
@given(st.sampled_from(SETS), st.data())
def test_no_row_raises_anything_but_one_clear_sentence(
    which: tuple[Any, ...], data: st.DataObject
) -> None:
    module, build, *_ = which
    cells = build()
    odd = st.none() | st.text() | st.integers() | st.floats() | st.booleans() | st.lists(st.text())
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(cells)), odd, max_size=3))
    lost = data.draw(st.sets(st.sampled_from(sorted(cells)), max_size=1))
    row = as_row({key: value for key, value in (cells | changed).items() if key not in lost})
    try:
        assert isinstance(module.example(row, POLICY), Example)
        return
    except UserError as error:
        sentence = str(error)
    assert sentence.startswith("owner/name, split 'test', row 7, column ")


# Tasks and counts


def test_one_hub_set_gives_a_prompt_cell_a_response_cell_and_a_training_set(mirror: Path) -> None:
    made = [
        hub_rows.wildguard(prompt="both"),
        hub_rows.wildguard(prompt="unlabelled prompt", prompt_harm_label=None),
        hub_rows.wildguard(prompt="unlabelled response", response_harm_label=None),
        hub_rows.wildguard(prompt="no response", response=None, response_harm_label=None),
    ]
    hub_rows.write(mirror / wildguardmix.HUB_ID / "wildguardtest" / "test.jsonl", *made)
    prompts, responses, training = (
        datasets.load(wildguardmix.HUB_ID, "test", task) for task in ("prompt", "response", None)
    )
    assert [e.prompt for e in prompts] == ["both", "unlabelled response", "no response"]
    assert {(e.response, e.response_harmful, e.response_refusal) for e in prompts} == {
        (None, None, None)
    }
    assert [e.prompt for e in responses] == ["both", "unlabelled prompt"]
    assert all(e.response for e in responses)
    assert [e.prompt for e in training] == ["both", "no response"]
    assert prompts[0].cluster == responses[0].cluster == training[0].cluster


def test_a_split_without_the_labels_of_a_task_is_refused(mirror: Path) -> None:
    row = hub_rows.simple_safety_tests()
    hub_rows.write(mirror / simple_safety_tests.HUB_ID / "test.jsonl", row)
    with pytest.raises(rows.NoExamplesError, match="labels that the response task needs"):
        datasets.load(simple_safety_tests.HUB_ID, "test", "response", POLICY)


@pytest.mark.filterwarnings("error::reasoning_guards.datasets.rows.CountWarning")
def test_counts_other_than_the_published_ones_are_a_warning_with_both() -> None:
    harmful = Example(id="0", cluster="0", policy=POLICY, prompt="Goats.", prompt_harmful=True)
    fine = harmful.model_copy(update={"prompt_harmful": False})
    published: dict[tuple[str, Task], rows.Count] = {("test", "prompt"): rows.Count(2, 1)}
    rows.select([harmful, fine], "prompt", "owner/name", "test", published)
    rows.select([harmful], "prompt", "owner/name", "validation", published)
    rows.select([harmful], None, "owner/name", "test", published)
    for wrong in ([harmful, harmful], [harmful, fine, fine]):
        with pytest.warns(rows.CountWarning) as caught:
            rows.select(wrong, "prompt", "owner/name", "test", published)
    assert str(caught[0].message) == (
        "owner/name, split 'test', the prompt task: 3 examples, 1 of them harmful, where 2 and 1 "
        "are published; scores do not compare with published ones."
    )


@pytest.mark.parametrize(
    ("module", "row", "split", "file", "task"),
    [SETS[1], *SETS[3:]],  # No count is published for the others.
    ids=lambda value: getattr(value, "HUB_ID", ""),
)
def test_every_benchmark_holds_its_counts_against_the_published_ones(
    mirror: Path, module: Any, row: Any, split: str, file: str, task: Task
) -> None:
    hub_rows.write(mirror / module.HUB_ID / f"{file}.jsonl", row())
    with pytest.warns(rows.CountWarning, match="are published"):
        datasets.load(module.HUB_ID, split, task, POLICY)


def test_published_counts_are_the_fields() -> None:
    published = {
        (module.HUB_ID, task): tuple(count)
        for module in {module for module, *_ in SETS} - {aegis2}
        for (_, task), count in module.PUBLISHED.items()
    }
    assert published == {
        (wildguardmix.HUB_ID, "prompt"): (1699, 754),
        (wildguardmix.HUB_ID, "response"): (1709, 284),
        (openai_moderation.HUB_ID, "prompt"): (1680, 522),
        (toxic_chat.HUB_ID, "prompt"): (2853, 362),
        (simple_safety_tests.HUB_ID, "prompt"): (100, 100),
        (jailbreakbench.HUB_ID, "response"): (300, 110),
        (xstest.HUB_ID, "response"): (446, 78),
    }


# Mistakes


def test_an_unknown_label_is_shown_with_its_place_but_free_text_is_not() -> None:
    with pytest.raises(rows.UnknownLabelError) as error:
        xstest.example(as_row(hub_rows.xstest(label="naughty")), POLICY)
    assert str(error.value) == (
        "owner/name, split 'test', row 7, column 'label': 'naughty' is no known label (known: "
        "'harmful', 'unharmful'); mend this row, or check the dataset's card."
    )
    with pytest.raises(rows.UnknownLabelError, match="a str that is no short label is no known"):
        xstest.example(as_row(hub_rows.xstest(label="the goat said it")), POLICY)
    with pytest.raises(rows.UnknownLabelError, match="2 is no known label"):
        jailbreakbench.example(as_row(hub_rows.jailbreakbench(human_majority=2)), POLICY)


def test_a_missing_column_is_named_with_its_place(mirror: Path) -> None:
    row = hub_rows.aegis()
    del row["prompt_label"]
    hub_rows.write(mirror / aegis2.HUB_ID / "test.jsonl", row)
    with pytest.raises(rows.MissingColumnError) as error:
        datasets.load(aegis2.HUB_ID, "test", "prompt")
    assert str(error.value).startswith(
        f"{aegis2.HUB_ID}, split 'test', row 0, column 'prompt_label': there is no such column "
        "(columns: id, reconstruction_id_if_redacted, prompt, "
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "text is missing"),
        (3, "a value of type int stands"),
        ("\ud83d", "the text holds half a character"),
    ],
)
def test_a_prompt_that_is_no_text_is_refused(value: object, said: str) -> None:
    with pytest.raises(rows.NotTextError, match=f"row 7, column 'prompt': {said}"):
        xstest.example(as_row(hub_rows.xstest(prompt=value)), POLICY)


def test_unknown_names_are_answered_with_the_nearest_known_one() -> None:
    with pytest.raises(datasets.UnknownDatasetError, match="did you mean 'lmsys/toxic-chat'"):
        datasets.load("lmsys/toxicchat", "test", "prompt")
    known = next(iter(corpora.SETS))
    with pytest.raises(datasets.UnknownDatasetError, match=f"did you mean '{known}'"):
        datasets.load(f"{known}x", "test", "prompt")
    with pytest.raises(rows.UnknownSplitError, match="no split 'tests': did you mean 'test'"):
        datasets.load(aegis2.HUB_ID, "tests", "prompt")
    with pytest.raises(policies.UnknownPolicyError, match="did you mean 'wildguardmix'"):
        policies.load("wildguard")


# Policies and synthetic sets


def test_a_set_without_a_taxonomy_needs_a_policy_and_the_others_have_their_own(
    mirror: Path,
) -> None:
    with pytest.raises(datasets.NoPolicyError, match=r"one of aegis2, .*wildguardmix"):
        datasets.load(xstest.HUB_ID, "response_harmfulness", "response")
    hub_rows.write(mirror / aegis2.HUB_ID / "test.jsonl", hub_rows.aegis())
    assert datasets.load(aegis2.HUB_ID, "test", "prompt")[0].policy == policies.load("aegis2")
    assert datasets.load(aegis2.HUB_ID, "test", "prompt", POLICY)[0].policy == POLICY


@pytest.mark.parametrize(
    ("name", "pattern", "count", "template"),
    [
        ("aegis2", "S", 22, "h1_aegis_traces"),
        ("wildguardmix", "- ", 13, "h2_wildguard_traces"),
    ],
)
def test_policies_hold_every_category_as_the_trace_prompts_print_them(
    name: str, pattern: str, count: int, template: str
) -> None:
    policy = policies.load(name)
    assert policy.name == name
    assert sum(line.startswith(pattern) for line in policy.text.splitlines()) == count
    prompt = resources.files("reasoning_guards") / "templates" / f"{template}.as_printed.txt"
    assert f"\n\n{policy.text}\n\n" in prompt.read_text()


def test_synthetic_sets_lose_the_response_for_the_prompt_task_and_keep_their_policy() -> None:
    name, split = "synthetic/meadow", "test"
    whole = corpora.load(name, split)
    assert datasets.load(name, split, None) == whole
    prompts = datasets.load(name, split, "prompt", POLICY)
    assert [e.id for e in prompts] == [e.id for e in whole]
    assert all(e.response is None and e.response_harmful is None for e in prompts)
    assert {e.policy for e in prompts} == {e.policy for e in whole}
    responses = datasets.load(name, split, "response")
    assert list(responses) == [e for e in whole if e.response_harmful is not None]


def test_importing_the_package_does_not_import_the_hubs_library() -> None:
    code = "import sys, reasoning_guards.datasets; sys.exit('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Real rows


@pytest.mark.parametrize(
    ("module", "split", "task", "small"),
    [
        (openai_moderation, "train", "prompt", rows.Count(1243, 228)),
        (simple_safety_tests, "test", "prompt", rows.Count(79, 79)),
        (jailbreakbench, "test", "response", rows.Count(294, 108)),
    ],
    ids=["openai_moderation", "simple_safety_tests", "jailbreakbench"],
)
def test_real_rows_have_the_exact_counts_of_the_small_mirror_or_of_the_hub(
    module: Any, split: str, task: Task, small: rows.Count
) -> None:
    if not REAL_MIRROR or not (Path(REAL_MIRROR) / module.HUB_ID).is_dir():
        pytest.skip(f"{hub.MIRROR_VARIABLE} names no folder with {module.HUB_ID}")
    found = datasets.load(module.HUB_ID, split, task, POLICY)
    # Counts only: a failing comparison of examples would print their text.
    harmful = sum(example.label(task) is True for example in found)
    assert rows.Count(len(found), harmful) in (small, module.PUBLISHED[split, task])
    assert len({example.id for example in found}) == len(found)
