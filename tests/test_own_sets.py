"""Sets of your own: what the YAML file says is what is read, and every mistake has its place."""

import json
from pathlib import Path
from typing import Any

import hub_rows
import pytest
import tiny_guards
import yaml

from reasoning_guards import artifacts, chapters, datasets, params, prompts, traces
from reasoning_guards.chapters import arms, benchmarks
from reasoning_guards.datasets import hub, own
from reasoning_guards.datasets.own_spec import OwnSetError
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile
from reasoning_guards.recipes import Cell, TraceSpec
from reasoning_guards.study import Study, Variant

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "book" / "examples" / "library.yaml"
ROW = {"q": "Where is it?", "a": "There.", "v": "ok", "w": "bad", "r": False, "t": "Look. See."}
SPEC: dict[str, Any] = {
    "policy": "Tell nothing.",
    "files": {"train": "rows.jsonl"},
    "columns": {"prompt": "q", "response": "a"},
    "labels": {
        "prompt": {"column": "v", "harmful": ["bad"], "unharmful": ["ok"]},
        "response": {"column": "w", "harmful": ["bad"], "unharmful": ["ok"]},
        "refusal": {"column": "r", "refusal": [True], "compliance": [False]},
    },
    "traces": {"full": "t"},
}


def write(folder: Path, *found: dict[str, Any], **changes: Any) -> Path:
    """A set of these rows, with changes to its YAML file."""
    folder.mkdir(exist_ok=True)
    hub_rows.write(folder / "rows.jsonl", *(found or (ROW,)))
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(SPEC | changes))
    return file


def load(path: Path, split: str = "train", task: Any = None) -> tuple[Any, ...]:
    return datasets.load(own.adopt(path), split, task)


def test_texts_labels_and_policy_are_those_that_the_file_names(tmp_path: Path) -> None:
    [example] = load(write(tmp_path))
    assert (example.prompt, example.response) == ("Where is it?", "There.")
    assert example.policy.text == "Tell nothing."
    assert example.prompt_harmful is False
    assert example.response_harmful is True
    assert example.response_refusal is False


def test_csv_rows_mean_what_json_lines_mean(tmp_path: Path) -> None:
    missing = ROW | {"a": None, "w": None, "r": None}
    by_json = load(write(tmp_path / "json", ROW, missing))
    hub_rows.write(tmp_path / "csv" / "rows.csv", ROW | {"r": "false"}, missing)
    by_csv = load(write(tmp_path / "csv", files={"train": "rows.csv"}))
    blank = {"id": "", "cluster": "", "policy": by_json[0].policy}
    assert [e.model_copy(update=blank) for e in by_csv] == [
        e.model_copy(update=blank) for e in by_json
    ]
    assert by_csv[1].response is None
    assert [e.response_refusal for e in by_csv] == [False, None]


def test_a_json_line_may_leave_out_what_it_lacks(tmp_path: Path) -> None:
    short = {name: ROW[name] for name in ("q", "v")}
    assert [e.response for e in load(write(tmp_path, ROW, short))] == ["There.", None]


def test_rows_of_one_source_share_a_cluster(tmp_path: Path) -> None:
    one, two, three = ROW | {"s": "x"}, ROW | {"s": "x", "q": "Why?"}, ROW | {"s": "y"}
    columns = {"prompt": "q", "response": "a"}
    by_prompt = [e.cluster for e in load(write(tmp_path, one, two, three))]
    by_source = [
        e.cluster
        for e in load(write(tmp_path, one, two, three, columns=columns | {"cluster": "s"}))
    ]
    assert [c == by_prompt[0] for c in by_prompt] == [True, False, True]
    assert [c == by_source[0] for c in by_source] == [True, True, False]


def test_the_name_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    name = own.adopt(write(tmp_path / "here"))
    assert own.adopt(write(tmp_path / "there")) == name
    assert own.adopt(write(tmp_path / "here", policy="Tell all.")) != name
    assert own.adopt(write(tmp_path / "here", ROW | {"q": "Why?"})) != name


def test_a_set_is_read_from_its_copy(tmp_path: Path) -> None:
    path = write(tmp_path / "here")
    name = own.adopt(path)
    before = datasets.load(name, "train", None)
    write(tmp_path / "here", ROW | {"q": "Why?"})
    assert datasets.load(name, "train", None) == before


def test_a_hub_dataset_is_read_by_its_own_split_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    hub_rows.write(tmp_path / "mirror" / "me/library" / "small/dev.jsonl", ROW)
    where = {"id": "me/library", "config": "small", "splits": {"test": "dev"}}
    path = write(tmp_path / "here", files={}, hub=where)
    [example] = load(path, "test", "response")
    assert example.response == "There."
    with pytest.raises(OwnSetError, match="no split 'train': it has test"):
        load(path, "train")


def test_traces_come_from_the_column_of_their_length(tmp_path: Path) -> None:
    path = write(
        tmp_path, ROW | {"u": "Look."}, ROW | {"t": None, "u": ""}, traces={"full": "t", 1: "u"}
    )
    examples = list(load(path))
    assert traces.write(TraceSpec(teacher="own"), examples, 0) == ["Look. See.", None]
    assert traces.write(TraceSpec(teacher="own", sentences=1), examples, 0) == ["Look.", None]
    with pytest.raises(OwnSetError, match="no column for traces of length 2"):
        traces.write(TraceSpec(teacher="own", sentences=2), examples, 0)
    with pytest.raises(OwnSetError, match="no trace of that length in any row"):
        traces.write(TraceSpec(teacher="own"), examples[1:], 0)
    meadow = list(datasets.load("synthetic/meadow", "train", None))[:1]
    with pytest.raises(OwnSetError, match="synthetic/meadow names no column"):
        traces.write(TraceSpec(teacher="own"), meadow, 0)


def test_a_length_that_the_set_names_no_column_for_is_refused_before_anything_is_read(
    tmp_path: Path,
) -> None:
    name = own.adopt(write(tmp_path))
    traces.require(TraceSpec(teacher="own"), name)
    with pytest.raises(OwnSetError, match="names no column for traces of length 1: add one"):
        traces.require(TraceSpec(teacher="own", sentences=1), name)
    bare = own.adopt(write(tmp_path / "bare", traces={}))
    with pytest.raises(OwnSetError, match="names no column for traces of length 'full'"):
        traces.require(TraceSpec(teacher="own"), bare)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": ""}, "policy: string should have at least 1 character"),
        ({"polcy": "x"}, "polcy: extra inputs are not permitted"),
        ({"columns": {}}, "columns.prompt: field required"),
        ({"files": {}}, "either `files` or `hub`"),
        ({"hub": {"id": "me/library", "splits": {"test": "test"}}}, "either `files` or `hub`"),
        ({"labels": {}}, "`labels` must name a column"),
        ({"columns": {"prompt": "q"}}, "`columns` must name the response"),
        ({"files": {"train": "none.jsonl"}}, "no file .*none.jsonl, which mine.yaml names"),
        ({"files": {"train": "mine.yaml"}}, "mine.yaml is neither of .jsonl and .csv"),
        ({"columns": {"prompt": "p", "response": "a"}}, "rows.jsonl, row 1, column 'p'"),
        ({"traces": {1: "u"}}, "rows.jsonl, row 1, column 'u'"),
    ],
)
def test_a_mistake_in_the_yaml_file_is_one_sentence(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        own.adopt(write(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"v": "worse"}, "rows.jsonl, row 2, column 'v': 'worse' is no known label"),
        ({"r": 3}, "rows.jsonl, row 2, column 'r': 3 is no known label"),
        ({"q": None}, "rows.jsonl, row 2, column 'q': text is missing"),
        ({"a": 7}, "rows.jsonl, row 2, column 'a': a value of type int stands where text must be"),
    ],
)
def test_a_mistake_in_a_row_names_its_file_row_and_column(
    tmp_path: Path, cells: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        own.adopt(write(tmp_path, ROW, ROW | cells))


def test_a_broken_file_is_named_with_its_row_and_without_its_text(tmp_path: Path) -> None:
    path = write(tmp_path)
    for line, said in (("{secret", "row 2: the line is no JSON"), ("[1]", "row 2: the line is no")):
        (tmp_path / "rows.jsonl").write_text(f"{json.dumps(ROW)}\n{line}\n")
        with pytest.raises(OwnSetError, match=said) as caught:
            own.adopt(path)
        assert "secret" not in str(caught.value)
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(OwnSetError, match="not UTF-8"):
        own.adopt(path)
    (tmp_path / "rows.csv").write_text("q,a,v,w,r,t\nWhere, or when?,b,ok,ok,false,t\n")
    with pytest.raises(OwnSetError, match=r"rows.csv, row 1: there are more cells"):
        own.adopt(write(tmp_path, files={"train": "rows.csv"}))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OwnSetError, match=r"There is no file .*none.yaml"):
        own.adopt(tmp_path / "none.yaml")
    with pytest.raises(OwnSetError, match="no copy of the set 'own/mine-0'"):
        datasets.load("own/mine-0", "train", None)
    (tmp_path / "my set.yaml").write_text(write(tmp_path).read_text())
    with pytest.raises(OwnSetError, match="name the file by letters"):
        own.adopt(tmp_path / "my set.yaml")
    (tmp_path / "odd.yaml").write_text("a: [")
    with pytest.raises(OwnSetError, match="is not YAML"):
        own.adopt(tmp_path / "odd.yaml")


# In a profile


def test_a_profile_trains_on_it_and_judges_by_its_policy() -> None:
    profile = Profile(world="hub", train_set=str(LIBRARY), n_train=None)
    name = own.adopt(LIBRARY)
    assert arms.guards(profile, None)[0].train_set == name
    assert {cell.policy for cell in benchmarks.safety_cells(profile)} == {name}
    assert datasets.policy(name).text.startswith("The assistant works at the desk")
    assert str(ROOT) not in arms.guards(profile, None)[0].model_dump_json()


def test_a_profile_scores_each_task_that_its_benchmarks_label(tmp_path: Path) -> None:
    only_prompts = {"prompt": SPEC["labels"]["prompt"]}
    path = write(tmp_path, labels=only_prompts)
    profile = Profile(benchmarks=[str(LIBRARY), str(path)])
    library, mine = own.adopt(LIBRARY), own.adopt(path)
    cells = (
        Cell(dataset=library, task="prompt"),
        Cell(dataset=library, task="response"),
        Cell(dataset=mine, task="prompt"),
    )
    assert benchmarks.own_cells(profile) == cells
    study = chapters.rq1_efficacy(profile)
    plain = chapters.rq1_efficacy(Profile())
    assert study.variants["nr"].cells == plain.variants["nr"].cells + cells
    keys = {artifacts.key(value) for value in study.generations()}
    assert {artifacts.key(value) for value in plain.generations()} < keys


# The book's example


def test_the_book_s_example_has_both_classes_of_both_tasks_in_both_splits() -> None:
    name = own.adopt(LIBRARY)
    for split, size in (("train", 24), ("test", 10)):
        for task in ("prompt", "response"):
            labels = [example.label(task) for example in datasets.load(name, split, task)]
            assert set(labels) == {True, False}
        assert len(datasets.load(name, split, None)) == size


def test_the_book_s_profile_lines_are_parameters() -> None:
    page = (ROOT / "book" / "bring_your_own.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    assert len(blocks) == 2
    for block in blocks:
        profile = params.check(yaml.safe_load(block) | {"world": "hub"}, "the page")
        for path in [*profile.benchmarks, *[s for s in [profile.train_set] if own.is_file(s)]]:
            assert (ROOT / path).is_file()


def test_the_page_explains_every_entry_of_the_file() -> None:
    page = (ROOT / "book" / "bring_your_own.md").read_text()
    for entry in own.Spec.model_fields:
        assert f"| `{entry}` |" in page


def test_a_guard_reads_the_example_s_policy() -> None:
    [example, *_] = datasets.load(own.adopt(LIBRARY), "test", "response")
    asked = prompts.guard_prompt(example, "reasoning", "paper")
    assert "who has borrowed a book" in asked
    assert example.prompt in asked
    assert example.response in asked


@pytest.mark.slow
def test_the_book_s_example_trains_a_guard_and_scores_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # which the page's paths count from
    page = (ROOT / "book" / "bring_your_own.md").read_text()
    blocks = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    tiny = {
        "world": "hub",
        "backbone": str(tiny_guards.build(tmp_path / "guard")),
        "template": "paper",
        "epochs_reasoning": 1,
        "batch_size": 4,
        "max_length": tiny_guards.CONTEXT,
        "max_new_tokens_reasoning": 4,
        "eval_examples": None,
        "workers": 1,
    }
    said = yaml.safe_load(blocks[0]) | yaml.safe_load(blocks[1])
    profile = params.check(tiny | said, "the page")
    learnt = arms.guards(profile, arms.traced(profile))
    cells = benchmarks.own_cells(profile)
    variant = Variant("r_full", "R (full)", learnt, "reasoning", cells)
    study = Study("rq1_efficacy", profile, {"r_full": variant})
    study.run()
    (guard,) = study.recipes()
    assert artifacts.manifest(guard)["notes"]["sequences"] == 24
    judged = study.judgements("r_full")
    assert judged["cell"].unique().tolist() == [cell.name for cell in cells]
    assert judged.groupby("cell")["example"].nunique().tolist() == [
        len(datasets.load(cell.dataset, "test", cell.task)) for cell in cells
    ]
