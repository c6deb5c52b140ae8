"""An executed chapter is taken again if, and only if, nothing that it reads has changed."""

import shutil
from pathlib import Path

import nbformat
import pytest

from reasoning_guards import book, executed
from reasoning_guards.distillation import examining
from reasoning_guards.params import Profile
from reasoning_guards.report import distilled

PROFILE = Profile(profile="mine")


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def full(cache):
    put(cache / "checkpoint" / "a" / "manifest.json", '{"files": {"weights": "1"}}')
    put(cache / "checkpoint" / "a" / "weights", "1")
    put(cache / "distillations" / "rule" / "answers.jsonl", "{}\n")
    return cache


CHANGES = {
    "an artifact that was made anew": ("checkpoint/a/manifest.json", '{"files": {"weights": "2"}}'),
    "a new artifact": ("generations/b/manifest.json", "{}"),
    "more answers of a teacher": ("distillations/rule/answers.jsonl", "{}\n{}\n"),
    "another release of traces": ("distilled/rule-2/0.jsonl", "{}"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_in_the_cache_changes_the_state(full, name):
    before = executed.state(PROFILE)
    assert before == executed.state(PROFILE)
    path, text = CHANGES[name]
    put(full / path, text)
    assert executed.state(PROFILE) != before


def test_an_artifact_that_is_gone_changes_the_state(full):
    before = executed.state(PROFILE)
    shutil.rmtree(full / "checkpoint" / "a")
    assert executed.state(PROFILE) != before


def test_logs_locks_and_what_is_in_the_making_do_not_change_the_state(full):
    before = executed.state(PROFILE)
    put(full / "logs" / "today.log", "made")
    put(full / "checkpoint" / "a.lock", "")
    put(full / "generations" / "b.partial" / "generations.jsonl", "{}")
    assert executed.state(PROFILE) == before


def test_a_file_that_another_run_takes_away_meanwhile_is_no_error(full, monkeypatch):
    gone = full / "checkpoint" / "c" / "manifest.json"
    monkeypatch.setattr(executed, "_files", lambda folder: [gone] if folder == full else [])
    assert executed.state(PROFILE)


def test_the_profile_the_commit_the_code_and_the_packages_change_the_state(
    full, monkeypatch, tmp_path
):
    states = [executed.state(PROFILE), executed.state(PROFILE.model_copy(update={"seeds": [1]}))]
    monkeypatch.setattr(executed.checkout, "commit", lambda: "c0ffee")
    states.append(executed.state(PROFILE))
    put(tmp_path / "code" / "module.py", "x = 1")
    monkeypatch.setattr(executed, "_CODE", tmp_path / "code")
    states.append(executed.state(PROFILE))
    put(tmp_path / "code" / "module.py", "x = 2")
    states.append(executed.state(PROFILE))
    monkeypatch.setattr(executed.importlib.metadata, "distributions", list)
    states.append(executed.state(PROFILE))
    assert len({*states}) == len(states)


def test_where_sets_are_read_that_can_change_unseen_no_state_is_known(monkeypatch):
    assert executed.state(Profile(world="hub")) is None
    assert executed.state(Profile(train_set="book/examples/library.yaml")) is None
    assert executed.state(Profile(benchmarks=["allenai/xstest-response"])) is None
    monkeypatch.setenv("REASONING_GUARDS_MIRROR", "/mirror")
    assert executed.state(PROFILE) is None


@pytest.mark.slow
def test_a_chapter_is_executed_again_only_after_something_that_it_reads_has_changed(
    full, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    notebook = Path("notebooks") / "one.ipynb"
    cell = nbformat.v4.new_code_cell("import time\ntime.time_ns()")
    tagged = nbformat.v4.new_code_cell("", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    put(notebook, nbformat.writes(nbformat.v4.new_notebook(cells=[tagged, cell], metadata=kernel)))

    def shown():
        book._execute_all(PROFILE, tmp_path, print)
        done = tmp_path / "mine" / "source" / "notebooks" / "one.ipynb"
        found = nbformat.read(done, as_version=4).cells[-1].outputs[0].data["text/plain"]
        done.unlink()
        return found

    first = shown()
    assert shown() == first
    put(full / "generations" / "b" / "manifest.json", "{}")
    second = shown()
    assert second != first
    notebook.write_text(notebook.read_text().replace("import time", "import time  # anew"))
    assert shown() not in (first, second)
    kept = list((tmp_path / "mine" / "executed" / "one").iterdir())
    assert len(kept) == 1

    states = iter("ab")  # something changes while it is executed
    monkeypatch.setattr(executed, "state", lambda _: next(states))
    shown()
    assert list((tmp_path / "mine" / "executed" / "one").iterdir()) == kept


def test_chapters_add_nothing_to_what_the_rules_were_asked_before(full):
    profile = Profile(n_train=8, examined_traces=4, budgets=[1])
    book._ask_rules(profile)
    before = executed.state(profile)
    distilled.found(profile)
    examining.rehearse(profile)
    assert executed.state(profile) == before
