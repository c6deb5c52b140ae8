"""From sources to pages: run the study, execute the chapters with papermill, build the book.

Run from the repository's root. Everything made lies under `_build/<profile>/`: `source` holds the
staged pages and executed notebooks, `pages` what is built from them, `executed` the notebooks that
the next book can take as they are.
"""

import difflib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from reasoning_guards import artifacts, baselines, executed, finishing, onefile, scheduler, staging
from reasoning_guards.chapters import CHAPTERS, benchmarks
from reasoning_guards.distillation import asking, examining
from reasoning_guards.errors import UserError
from reasoning_guards.params import Profile

Report = Callable[[str], None]

_PAGES = "pages"
# Among the pages of a book that was built to its end: what they were made from.
_RECORD = "provenance.json"
# Its module runs nothing by itself, and its script may not be on the path.
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


class UnknownChapterError(UserError):
    """There is no notebook of that name."""


class ChapterFailedError(UserError):
    """A notebook raised an error while it was executed."""


class BookFailedError(UserError):
    """The book builder refused the pages."""


def run_study(profile: Profile, report: Report) -> None:
    """Train and generate everything the chapters need, each distinct value once."""
    studies = [chapter(profile) for chapter in CHAPTERS.values()]
    values = [value for study in studies for value in study.values()]
    scheduler.run(values, studies[0].resources(), profile.workers, report)
    # Here and not in the chapters, which would each load what it takes and change what others read.
    asked = [value for study in studies for _, value in study.linear_baselines()]
    if not all(map(artifacts.is_cached, asked)):
        report("Fitting the linear baseline ...")
        baselines.tfidf(asked)


def execute(chapter: str, profile: Profile, output: Path, report: Report) -> Path:
    """Execute one chapter with papermill; its notebook computes what it lacks.

    Returns:
        The executed notebook, under `<output>/<profile>/source/notebooks/`.

    Raises:
        UnknownChapterError: naming the nearest one there is.
        ChapterFailedError: with the error's own sentence; the partial notebook is kept beside.
    """
    source = Path("notebooks") / f"{chapter}.ipynb"
    if not source.is_file():
        known = sorted(path.stem for path in Path("notebooks").glob("*.ipynb"))
        near = difflib.get_close_matches(chapter, known, n=1)
        there = ", ".join(known) or "none here, so go to the repository's root first"
        hint = f"did you mean {near[0]!r}?" if near else f"there are {there}."
        raise UnknownChapterError(f"There is no chapter {chapter!r} in notebooks/: {hint}")
    # papermill warns of each parameter a chapter does not use; ours refuse those none knows.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target = _stage(output, profile) / "notebooks" / f"{chapter}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    report(f"Executing {chapter} ...")
    unfinished = target.with_suffix(".unfinished.ipynb")
    try:
        papermill.execute_notebook(
            str(source),
            str(unfinished),
            parameters=profile.model_dump(mode="json"),
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    except PapermillExecutionError as error:
        kept = target.parent.parent.parent / unfinished.name
        unfinished.replace(kept)
        raise ChapterFailedError(
            f"{chapter} stopped at cell {error.exec_count}: {error.ename}: {error.evalue} "
            f"(the notebook so far: {kept})."
        ) from None
    _fold_parameters(unfinished)
    unfinished.replace(target)
    return target


def build(profile: Profile, output: Path, report: Report) -> Path:
    """Everything, in order; warnings of the book builder are errors.

    Returns:
        The page to open.

    Raises:
        BookFailedError: naming the builder's first complaint.
    """
    run_study(profile, report)
    _ask_rules(profile)
    stage = _stage(output, profile)
    shutil.rmtree(stage, ignore_errors=True)
    _execute_all(profile, output, report)
    report("Building the pages ...")
    staging.stage(stage, profile)
    built = stage.parent / _PAGES
    done = subprocess.run(  # noqa: S603
        [
            sys.executable, "-c", _JUPYTER_BOOK, "build", str(stage), "--path-output", str(built),
            "-n", "-W", "--keep-going", "--quiet",
        ],
        capture_output=True,
        text=True,
        env=os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        check=False,
    )  # fmt: skip
    page = built / "_build" / "html" / "index.html"
    finishing.finish(page.parent)
    if done.returncode != 0 or not page.is_file():
        (page.parent / _RECORD).unlink(missing_ok=True)
        log = stage.parent / "build.log"
        log.write_text(done.stdout + done.stderr)
        complaints = [line for line in log.read_text().splitlines() if "WARNING" in line]
        first = complaints[0].strip() if complaints else "see the log"
        raise BookFailedError(f"The book does not build: {first} (log: {log}).")
    return page.resolve()


def _ask_rules(profile: Profile) -> None:
    """Have the rule teacher and the rule judge answer what chapters show of them.

    Chapters would have them answer as well, and so change what others of the same book read.
    """
    asking.rehearse(profile, benchmarks.set_name(profile.train_set))
    examining.rehearse(profile)


def _execute_all(profile: Profile, output: Path, report: Report) -> None:
    """Every chapter: as it was executed before, if nothing that it reads has changed since."""
    notebooks = sorted(Path("notebooks").glob("*.ipynb"))
    read, folder = executed.state(profile), output / profile.profile / "executed"
    places = {notebook: executed.place(notebook, read, folder) for notebook in notebooks if read}
    there = {notebook: place for notebook, place in places.items() if place.is_file()}
    for notebook, place in there.items():
        report(f"Taking {notebook.stem} as it was executed ...")
        target = _stage(output, profile) / "notebooks" / notebook.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place, target)
    with ThreadPoolExecutor(profile.workers) as pool:
        # What they need is made; reading it takes each a kernel, and those can run side by side.
        done = {
            notebook: pool.submit(execute, notebook.stem, profile, output, report)
            for notebook in notebooks
            if notebook not in there
        }
        for chapter in done.values():
            chapter.result()
    if read and read == executed.state(profile):  # else it is not known what they have read
        for notebook, chapter in done.items():
            executed.keep(chapter.result(), places[notebook])


def one_file(profile: Profile, output: Path, report: Report) -> Path:
    """The whole book in one file, from pages that are there whole, or else are built first.

    Returns:
        The file.

    Raises:
        BookFailedError: as `build`.
    """
    folder = (output / profile.profile).resolve()
    pages = folder / _PAGES / "_build" / "html"
    if not _is_built(pages, profile):
        build(profile, output, report)
    contents = yaml.safe_load(Path("_toc.yml").read_text())
    chapters = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    target = folder / "reasoning-guards.html"
    onefile.write(pages, [contents["root"], *chapters], target)
    return target


def _is_built(pages: Path, profile: Profile) -> bool:
    """Whether a book of these parameters was built to its end."""
    record = pages / _RECORD
    if not record.is_file():
        return False
    return bool(json.loads(record.read_text())["profile"] == profile.model_dump(mode="json"))


def _fold_parameters(notebook: Path) -> None:
    """Have the pages fold the cell that papermill put in, as they fold the defaults it replaces."""
    import nbformat

    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-input")
    nbformat.write(content, notebook)


def _stage(output: Path, profile: Profile) -> Path:
    return output / profile.profile / "source"
