"""The book: its banner, and what stops it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from reasoning_guards import artifacts, book, staging
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.params import Profile

ROOT = Path(__file__).parents[1]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what the book is built from, as the working folder."""
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def banner(profile):
    config = yaml.safe_load(staging.config(profile))
    return config["sphinx"]["config"]["html_theme_options"]["announcement"]


def test_the_banner_says_which_profile_and_that_embedded_is_no_evidence(repository):
    assert "<b>cpu</b>" in banner(Profile(profile="cpu"))
    assert "no evidence about 8B guards" in banner(Profile())


def test_the_banner_says_so_where_guards_are_adapters(repository):
    assert "low-rank adapters (rank 32)" in banner(Profile(world="hub", lora_rank=32))
    assert "adapters" not in banner(Profile(world="hub"))


def test_the_banner_of_a_hub_book_names_the_backbone_escaped(repository):
    said = banner(Profile(world="hub", backbone="<i>me/model"))
    assert "&lt;i&gt;me/model" in said
    assert "no evidence" not in said


def test_an_unknown_chapter_is_answered_with_the_nearest(repository):
    (repository / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "rq1_efficacy.ipynb", repository / "notebooks")
    with pytest.raises(book.UnknownChapterError, match="did you mean 'rq1_efficacy'"):
        book.execute("rq1_eficacy", Profile(), repository, print)


@pytest.mark.parametrize("there", [{"profile": "smoke"}, {"profile": "cpu", "seeds": [5]}, None])
def test_one_file_is_made_of_a_book_of_its_parameters_that_was_built_to_its_end(
    repository, monkeypatch, there
):
    profile = Profile(profile="cpu", seeds=[4])
    pages = repository / "cpu" / "pages" / "_build" / "html"
    asked, packed = [], []
    monkeypatch.setattr(book, "build", lambda *wanted: asked.append(wanted[0]))
    monkeypatch.setattr(book.onefile, "write", lambda pages, names, target: packed.append(pages))
    pages.mkdir(parents=True)
    if there:
        record = {"profile": Profile(**there).model_dump(mode="json")}
        (pages / "provenance.json").write_text(json.dumps(record))
    book.one_file(profile, repository, print)
    assert asked == [profile]
    record = {"profile": profile.model_dump(mode="json")}
    (pages / "provenance.json").write_text(json.dumps(record))
    book.one_file(profile, repository, print)
    assert asked == [profile]
    assert packed == [pages.resolve()] * 2


@pytest.mark.slow
def test_a_book_that_does_not_build_names_the_first_complaint_and_is_not_taken_for_built(
    repository, monkeypatch
):
    def broken(stage, profile):
        stage.mkdir(parents=True)
        (stage / "_toc.yml").write_text("format: jb-book\nroot: index\n")
        extra = "sphinx: {config: {html_extra_path: [provenance.json]}}"
        (stage / "_config.yml").write_text(f"title: Broken\n{extra}\n")
        (stage / "index.md").write_text("# Broken\n\n{ref}`nowhere`\n")
        record = {"profile": profile.model_dump(mode="json")}
        (stage / "provenance.json").write_text(json.dumps(record))

    monkeypatch.setattr(book, "run_study", lambda profile, report: None)
    monkeypatch.setattr(book.staging, "stage", broken)
    with pytest.raises(book.BookFailedError, match="undefined label: 'nowhere'"):
        book.build(Profile(), repository, print)
    pages = repository / "smoke" / "pages" / "_build" / "html"
    assert (pages / "index.html").is_file()
    assert not (pages / "provenance.json").exists()


def test_a_study_leaves_no_linear_baseline_for_its_chapters_to_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("REASONING_GUARDS_CACHE", str(tmp_path))
    monkeypatch.setattr(book.scheduler, "run", lambda *given: None)
    profile, said = Profile(eval_examples=2), []
    book.run_study(profile, said.append)
    asked = {v for chapter in CHAPTERS.values() for _, v in chapter(profile).linear_baselines()}
    assert all(map(artifacts.is_cached, asked))
    assert said == ["Fitting the linear baseline ..."]
    book.run_study(profile, said.append)
    assert len(said) == 1


def test_the_questions_chapters_bear_the_questions_numbers():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    assert contents["defaults"]["numbered"]
    first = [page["file"] for page in contents["parts"][0]["chapters"][:8]]
    for number, page in enumerate(first, start=1):
        assert page.startswith(f"notebooks/rq{number}_")


def test_every_page_of_the_contents_is_there():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [contents["root"]]
    pages += [page["file"] for part in contents["parts"] for page in part["chapters"]]
    for page in pages:
        assert any((ROOT / f"{page}{suffix}").is_file() for suffix in (".md", ".ipynb")), page
