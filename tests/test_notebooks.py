"""Notebooks ask, read and show: their logic is in src, and nbval has something to compare."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from reasoning_guards import chapters, claims, params
from reasoning_guards.intervals import Interval
from reasoning_guards.measuring import Measured
from reasoning_guards.params import Profile
from reasoning_guards.report import contrasts, glued

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORBIDDEN = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


@every_notebook
def test_holds_no_logic(path):
    for cell in code_cells(path):
        found = [type(node).__name__ for node in ast.walk(ast.parse(cell.source))
                 if isinstance(node, FORBIDDEN)]  # fmt: skip
        assert not found, f"{cell.id} holds {found}"


@every_notebook
def test_was_executed_without_errors(path):
    for number, cell in enumerate(code_cells(path), start=1):
        assert cell.execution_count == number, f"{cell.id} was not executed in order"
        assert all(output.output_type != "error" for output in cell.outputs)


@every_notebook
def test_compares_something(path):
    ignored = "nbval-ignore-output"
    shown = [cell for cell in code_cells(path) if cell.outputs]
    compared = [cell for cell in shown if ignored not in cell.metadata.get("tags", [])]
    assert compared, "nbval would pass whatever this notebook shows"


@every_notebook
def test_defaults_are_the_smoke_profile(path):
    parameters, check = code_cells(path)[:2]
    assert "parameters" in parameters.metadata.tags
    assert "params.from_notebook(globals())" in check.source
    for statement in ast.parse(parameters.source).body:
        name = statement.targets[0].id
        assert ast.literal_eval(statement.value) == getattr(Profile(), name), name


NUMBERS_THAT_NAME = re.compile(
    r"\{[\w:]+\}`[^`]*`|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$"  # roles, code, formulas
    r"|Tables? \d+( and \d+)?|Figure \d+|A100|RQ\d|§[\d.]+|F1|Aegis 2\.0",
    re.DOTALL,
)


@pytest.mark.parametrize(
    "page", ["claims", "paper_audit", "detectable_effects", "gpu_costs", "traces_explorer"]
)
def test_no_number_is_typed_in_prose(page):
    (path,) = (path for path in NOTEBOOKS if path.stem == page)
    cells = nbformat.read(path, 4).cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    figures = (cell.metadata.get("mystnb", {}).get("figure", {}) for cell in code_cells(path))
    prose += [figure.get("caption", "") for figure in figures]
    typed = [re.findall(r".{,30}\d.{,30}", NUMBERS_THAT_NAME.sub("", text)) for text in prose]
    assert not any(typed), typed


def numbered(path):
    """Name → caption of each table and figure that a notebook shows in the book."""
    found = {}
    for cell in code_cells(path):
        shown = any("text/html" in output.get("data", {}) for output in cell.outputs)
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if shown and "remove-cell" not in cell.metadata.get("tags", []):
            assert figure.get("caption"), f"{cell.id} has no caption"
            is_table = 'class="rg-figure"' not in "".join(cell.outputs[-1]["data"]["text/html"])
            assert figure["name"].startswith("tab-" if is_table else "fig-"), figure["name"]
        if figure:
            found[figure["name"]] = figure["caption"]
    return found


@every_notebook
def test_each_table_and_figure_is_captioned_and_referred_to_by_its_number(path):
    prose = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"]
    referred = {name for text in prose for name in re.findall(r"\{numref\}`([\w-]+)`", text)}
    assert referred == set(numbered(path))


def test_no_two_tables_or_figures_have_one_name():
    names = [name for path in NOTEBOOKS for name in numbered(path)]
    assert len(names) > 80
    assert len(names) == len(set(names))


SCORES = re.compile(r"\w+_(safety|custom|verdict|difference|low|high)")
GLUES_SCORES = ("glued.averages(", "glued.findings(", "contrasts.glued(")


def made_up(cells):
    """Judgements of a harmful and a harmless example in each cell."""
    rows = [
        (cell.name, f"{cell.name}/{truth}", f"{cell.name}/{truth}", truth, truth, 0, 0)
        for cell in cells
        for truth in (True, False)
    ]
    names = ["cell", "example", "cluster", "truth", "predicted", "seed", "generation"]
    return pd.DataFrame(rows, columns=names).astype({"predicted": "boolean"})


@pytest.mark.parametrize("chapter", chapters.CHAPTERS)
def test_every_score_that_prose_quotes_is_glued_in_the_hub_world_too(chapter, monkeypatch):
    """By the notebook's own lines, as if its study had been run and all claims measured."""
    changes = {"seeds": "0", "released": "[]", "bootstrap_replicates": "100"}
    study = chapters.CHAPTERS[chapter](params.load(ROOT / "params" / "gpu.yaml", changes))
    judged = {name: made_up(variant.cells) for name, variant in study.variants.items()}
    judged |= {"always_harmful": judged["nr"], "tfidf": judged["nr"]}
    measured = {
        claim.id: Measured.otherwise(Interval(0, 0, 0, 0, claim.region().level))
        for claim in claims.load().values()
        if claim.measure is not None
    }
    given = {
        "chapters": chapters, "contrasts": contrasts, "glued": glued, "judged": judged,
        "profile": study.profile, "study": study,
        "found": study.findings(judged, measured, detectable={}),
    }  # fmt: skip
    there = set()
    monkeypatch.setattr(glued, "glue", there.update)
    (path,) = (path for path in NOTEBOOKS if path.stem == chapter)
    for cell in code_cells(path):
        for line in cell.source.splitlines():
            if any(call in line for call in GLUES_SCORES):
                exec(line, given)  # noqa: S102
    prose = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"]
    quoted = {name for text in prose for name in re.findall(r"\{glue:\w+\}`([^`]+)`", text)}
    scores = set(filter(SCORES.fullmatch, quoted))
    assert scores
    assert scores <= there, scores - there


@every_notebook
def test_runs_on_any_python_kernel(path):
    assert nbformat.read(path, 4).metadata.kernelspec.name == "python3"


@every_notebook
def test_stores_no_path_of_a_machine(path):
    text = path.read_text()
    for folder in ("/home/", "/Users/", "/root/", "/tmp/", str(Path(__file__).parents[2])):  # noqa: S108
        assert folder not in text


@every_notebook
def test_stores_no_times_that_would_differ_in_every_run(path):
    assert not any("execution" in cell.metadata for cell in nbformat.read(path, 4).cells)


# Whoever imports one of these, or asks the network for anything, fails.
SHUT = """
import socket, sys
import nbformat

names = "torch", "transformers", "trl", "vllm", "datasets", "huggingface_hub", "sklearn"
sys.modules.update(dict.fromkeys(names))

def refuse(*_, **__):
    raise AssertionError("the network was asked")

socket.getaddrinfo = socket.socket.connect = refuse
for page in sys.argv[1:]:
    names = {"__name__": page}
    for cell in nbformat.read(page, 4).cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
"""


@pytest.mark.slow
def test_the_pages_before_any_run_need_neither_a_model_library_nor_a_network():
    pages = ("claims", "paper_audit", "detectable_effects", "gpu_costs", "traces_explorer")
    paths = [str(path) for path in NOTEBOOKS if path.stem in pages]
    assert len(paths) == len(pages)
    done = subprocess.run(
        [sys.executable, "-c", SHUT, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
