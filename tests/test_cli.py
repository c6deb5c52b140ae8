"""The command line: a user's mistake is one sentence on stderr and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reasoning_guards import book, chapters, cli, scheduler
from reasoning_guards.params import Profile

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def misspelt(tmp_path):
    """A profile with an unknown parameter."""
    path = tmp_path / "mine.yaml"
    path.write_text("n_trian: 5\n")
    return str(path)


def refusal(capsys, *arguments):
    assert cli.main([*arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("reasoning-guards: ")
    assert shown.err.count("\n") == 1
    return shown.err


@pytest.mark.parametrize(
    "command",
    [
        ["plan"],
        ["plan", "--check"],
        ["mirror", "--to", "nowhere"],
        ["run"],
        ["chapter", "rq1_efficacy"],
        ["book"],
    ],
    ids=lambda c: c[0],
)
def test_every_command_refuses_an_unknown_profile_and_an_unknown_parameter(
    capsys, command, misspelt
):
    assert "no file params/smoky.yaml" in refusal(capsys, *command, "--profile", "smoky")
    assert "did you mean 'n_train'?" in refusal(capsys, *command, "--profile", misspelt)


@pytest.mark.parametrize("given", ["params/smoke", "./smoke", "smoke.yml", "~/x.yaml"])
def test_what_has_a_slash_or_a_suffix_is_a_path_and_named_as_given(capsys, given):
    sentence = refusal(capsys, "plan", "--profile", given)
    assert f"no file {Path(given)}: give the path of one, or the name of a profile" in sentence
    assert "cpu, " in sentence


def test_an_unknown_chapter_is_answered_with_the_nearest(capsys):
    assert "did you mean 'rq1_efficacy'?" in refusal(capsys, "chapter", "rq1_eficacy")


def test_an_unknown_chapter_that_is_near_none_is_answered_with_all(capsys):
    there = ", ".join(sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
    assert f"in notebooks/: there are {there}." in refusal(capsys, "chapter", "zzz")


def test_where_there_are_no_notebooks_is_said_too(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    profile = str(ROOT / "params" / "smoke.yaml")
    sentence = refusal(capsys, "chapter", "rq1_efficacy", "--profile", profile)
    assert "in notebooks/: there are none here, so go to the" in sentence


def test_a_mistake_shows_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "reasoning_guards.cli", "plan", "--profile", "nope"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli.params, "load", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["plan"])


def test_plan_prints_the_plan_of_the_named_profile(capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"profile": "mine", "n_train": 77}))
    assert cli.main(["plan", "--profile", str(path)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("rq1_efficacy with profile mine")
    assert " 77 " in shown


def test_run_asks_the_scheduler_for_every_chapters_answers(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path))
    asked = []
    monkeypatch.setattr(
        scheduler, "run", lambda values, *rest: asked.extend(values) or rest[-1]("made")
    )
    assert cli.main(["run"]) == 0
    wanted = [
        value for chapter in chapters.CHAPTERS.values()
        for value in chapter(Profile()).values()
    ]  # fmt: skip
    assert asked == wanted
    assert capsys.readouterr().out == "made\nFitting the linear baseline ...\n"


def test_a_parameter_is_changed_on_the_command_line_as_papermill_does(capsys):
    changes = ["-p", "n_train", "78", "-p", "learning_rate_reasoning", "1e-3", "-p", "seeds", "[1]"]
    assert cli.main(["plan", "--profile", "smoke", *changes]) == 0
    assert " 78 " in capsys.readouterr().out
    assert "did you mean 'n_train'?" in refusal(capsys, "plan", "-p", "n_trian", "5")
    assert "'n_train' is not YAML: quote it" in refusal(capsys, "plan", "-p", "n_train", "[5")


def test_book_says_last_which_page_to_open(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(book, "build", lambda profile, output, report: output / "index.html")
    assert cli.main(["book", "--build", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Open {tmp_path / 'index.html'}"


def test_a_command_is_required():
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2
