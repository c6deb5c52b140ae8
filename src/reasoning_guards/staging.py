"""What the book adds to executed notebooks: banner, re-run boxes, provenance of each page.

Everything here is read from the profile, the artifacts' manifests and the executed notebooks.
"""

import html
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from reasoning_guards import artifacts, checkout, params, plan
from reasoning_guards.chapters import CHAPTERS
from reasoning_guards.params import Profile
from reasoning_guards.report import frames
from reasoning_guards.report.provenance import run_id
from reasoning_guards.study import Study

BANNERS = {
    "embedded": (
        '<span class="rg-embedded"><b>Embedded world</b>, profile <b>{profile}</b>: tiny models, '
        "an invented corpus, and no evidence about 8B guards.</span>"
    ),
    "hub": "Profile <b>{profile}</b>: {backbone} on the paper's datasets.",
}
GPU_PROFILE = Path("params/gpu.yaml")
_CLEAN, _CHANGED = "clean", "with uncommitted changes"


def stage(folder: Path, profile: Profile) -> None:
    """Put beside the executed notebooks in a folder what the builder needs, and complete them."""
    shutil.copytree("book", folder / "book", dirs_exist_ok=True)
    shutil.copytree("_static", folder / "_static", dirs_exist_ok=True)
    for name in ("_toc.yml", "CITATION.cff"):
        shutil.copy(name, folder)
    (folder / "_config.yml").write_text(config(profile))
    studies = {name: chapter(profile) for name, chapter in CHAPTERS.items()}
    notebooks = sorted((folder / "notebooks").glob("*.ipynb"))
    record = provenance(profile, studies, {path.stem: _seconds(path) for path in notebooks})
    (folder / "provenance.json").write_text(json.dumps(record, indent=1) + "\n")
    (folder / "book" / "executed.md").write_text(_executed(record))
    (folder / "book" / "this_copy.md").write_text(_this_copy(record))
    for path in notebooks:
        _complete(path, record, studies.get(path.stem))


def config(profile: Profile) -> str:
    """The book's configuration with this copy's banner in it."""
    read = yaml.safe_load(Path("_config.yml").read_text())
    named = {name: html.escape(getattr(profile, name)) for name in ("profile", "backbone")}
    # Among the theme's own options: they replace those that Jupyter Book makes of its `html` part.
    options = read["sphinx"]["config"]["html_theme_options"]
    options["announcement"] = BANNERS[profile.world].format(**named)
    if profile.lora_rank:
        options["announcement"] += (
            f" Guards are low-rank adapters (rank {profile.lora_rank}), not fully fine-tuned."
        )
    return yaml.safe_dump(read, allow_unicode=True)


def provenance(
    profile: Profile, studies: Mapping[str, Study], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What a book is made from, to be read by machines.

    Args:
        profile: the book's.
        studies: by chapter.
        seconds: what executing each notebook took, by its name.

    Returns:
        Of the book: commit, whether it is clean, time, every parameter. Of each page: its seconds;
        of a chapter also the run's id, seeds, artifacts, and of those devices, versions, commits
        and how long they took.
    """
    head, _, changed = (checkout.commit() or "not in git").partition(", ")
    pages: dict[str, dict[str, Any]] = {name: {"seconds": took} for name, took in seconds.items()}
    for name, study in studies.items():
        if name in pages:
            pages[name] |= _of_study(study)
    return {
        "commit": head,
        "state": changed or _CLEAN,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": profile.model_dump(mode="json"),
        "pages": pages,
    }


def _of_study(study: Study) -> dict[str, Any]:
    there = [v for v in (*study.recipes(), *study.values()) if artifacts.is_cached(v)]
    manifests = [artifacts.manifest(value) for value in there]
    versions = {
        f"{name} {version}"
        for manifest in manifests
        for name, version in manifest["packages"].items()
    }
    return {
        "run": run_id(study),
        "seeds": study.profile.seeds,
        "devices": sorted({manifest["machine"]["device"] for manifest in manifests}),
        "python": sorted({manifest["python"] for manifest in manifests}),
        "packages": sorted(versions),
        "commits": sorted({str(manifest.get("commit")) for manifest in manifests}),
        "artifact_seconds": round(sum(manifest["seconds"] for manifest in manifests), 1),
        "artifacts": sorted(map(artifacts.key, there)),
    }


def _complete(path: Path, record: Mapping[str, Any], study: Study | None) -> None:
    """Put the box after a chapter's title, and a line on what the page is made from at its end.

    A table's file is called as the table is.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []) if name else []:
            shown = output.get("data", {})
            if "text/html" in shown:
                shown["text/html"] = frames.renamed(shown["text/html"], name)
    if study is not None:
        box = nbformat.v4.new_markdown_cell(rerun_box(study), id="rerun-box")
        notebook.cells.insert(1, box)
    line = nbformat.v4.new_markdown_cell(_page_line(record, path.stem), id="page-line")
    notebook.cells.append(line)
    nbformat.write(notebook, path)


def rerun_box(study: Study) -> str:
    """The command that runs a chapter again, and what that costs here and with the GPU profile."""
    profile = study.profile
    here = plan.cost(study)
    device = "GPU" if profile.device == "cuda" else "core"
    lines = [
        ":::{admonition} Re-run this chapter",
        ":class: tip rg-rerun",
        f"`make chapter CHAPTER={study.chapter} PROFILE={profile.profile}`",
        "",
        f"- Profile `{profile.profile}`: {_duration(here.hours)} of one {device} in all "
        f"({here.basis}). In the cache when this page was made: {here.cached} of {here.steps} "
        "trainings and answered cells.",
    ]
    if profile.profile != GPU_PROFILE.stem and GPU_PROFILE.is_file():
        there = plan.cost(CHAPTERS[study.chapter](params.load(GPU_PROFILE)))
        lines.append(
            f"- Profile `gpu`, the paper's models and data: {_duration(there.hours)} of one GPU "
            f"({there.basis})."
        )
    lines += ["- Change a parameter, or bring data of your own: {doc}`../book/rerun`.", ":::"]
    return "\n".join(lines)


def _page_line(record: Mapping[str, Any], name: str) -> str:
    """What a page is made from, in a line of HTML."""
    page = record["pages"][name]
    parts = [
        f"commit <code>{html.escape(record['commit'])}</code> ({html.escape(record['state'])})",
        f"profile <code>{html.escape(record['profile']['profile'])}</code>",
        f"executed in {page['seconds']:.0f} s",
    ]
    if "run" in page:
        parts.insert(0, f"run <code>{page['run']}</code>")
    return (
        f'<p class="rg-below">This page: {" · ".join(parts)} · '
        '<a href="../provenance.json">provenance.json</a></p>'
    )


def _this_copy(record: Mapping[str, Any]) -> str:
    """At which scale a copy ran, and what it was made from, in a sentence."""
    profile = Profile(**record["profile"])
    runs, examples = len(profile.seeds), profile.eval_examples
    return (
        f"**This copy**: profile `{profile.profile}`, `{profile.backbone}`, "
        f"{profile.n_train or 'all'} examples to learn from, "
        f"{runs} training seed{'s' if runs > 1 else ''}, "
        f"{f'at most {examples}' if examples else 'all'} examples a cell; made "
        f"{record['built'][:10]} from commit `{record['commit']}`, {record['state']}.\n"
    )


def _executed(record: Mapping[str, Any]) -> str:
    """A table of how long executing each page took, and making the artifacts behind it."""
    rows = [
        f"| {{doc}}`../notebooks/{name}` | {page['seconds']:.0f} s | "
        + (
            f"{page['artifact_seconds'] / 60:.1f} min | `{page['run']}` |"
            if "run" in page
            else "| |"
        )
        for name, page in record["pages"].items()
    ]
    head = ["| Page | Executed in | Its artifacts took | Run |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _seconds(notebook: Path) -> float:
    """How long papermill took over a notebook."""
    executed = json.loads(notebook.read_text())
    return float(executed["metadata"].get("papermill", {}).get("duration") or 0)


def _duration(hours: float) -> str:
    if hours < 1:
        return f"about {60 * hours:.1f} minutes"
    return f"about {hours:,.0f} hour{'s' if round(hours) > 1 else ''}"
