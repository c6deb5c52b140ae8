"""The commit is that of the code that runs, or none."""

import subprocess

import pytest

from reasoning_guards import checkout


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Git in an empty repository, from which the package seems to run."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "checkout.py"))
    (tmp_path / "checkout.py").touch()

    def git(*arguments):
        named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *named, *arguments],  # noqa: S607
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "another's")
    return git


commit = checkout.commit.__wrapped__


def test_code_of_a_commit_is_named_by_it(git):
    git("add", ".")
    git("commit", "-m", "ours")
    assert commit() == git("rev-parse", "HEAD")[:10]


def test_code_that_was_changed_since_is_said_to_be(git, tmp_path):
    git("add", ".")
    git("commit", "-m", "ours")
    (tmp_path / "checkout.py").write_text("# changed")
    assert commit() == f"{git('rev-parse', 'HEAD')[:10]}, with uncommitted changes"


def test_code_that_is_no_part_of_the_repository_around_it_has_no_commit(git):
    assert commit() is None


def test_code_without_git_has_no_commit(git, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() is None
