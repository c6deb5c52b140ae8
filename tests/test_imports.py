"""Imports: quick where a notebook or the command line starts, and downward in the order below."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"
PACKAGE = "reasoning_guards"

# params → recipe → examples → traces → training → generations → verdicts → scores → tables,
# figures, claims → book. A module imports from rows above its own; modules of one package, such as
# synthetic, import one another freely. A package stands for all its modules.
LAYERS = [
    ["errors", "examples", "resources", "checkout", "cards"],  # the vocabulary
    ["values"],
    ["refinements", "architectures"],
    ["recipes"],
    ["params"],
    ["synthetic", "policies"],
    ["datasets", "backbones", "chat"],
    ["prompts", "verdicts"],
    ["distil"],
    ["traces"],
    ["guards", "mining"],
    ["training"],
    ["engines"],
    ["generation"],
    ["timing", "probability"],
    ["artifacts", "devices"],
    ["memory"],
    ["worker", "board"],
    ["local", "slurm"],
    ["scheduler"],
    ["scoring"],
    ["resampling"],
    ["intervals", "baselines", "paper"],
    ["single_cells", "ranking"],
    ["audit", "hypotheses"],
    ["claims"],
    ["measuring"],
    ["decisions"],
    ["power"],
    ["study"],
    ["chapters"],
    ["tuning", "predictions", "distillation", "costs"],
    ["prices"],
    ["access", "plan", "regression", "report"],
    ["mirror", "executed", "staging", "finishing", "onefile", "speed", "numbering", "terms"],
    ["book"],
    ["cli"],
]
HEIGHT = {name: row for row, names in enumerate(LAYERS) for name in names}


def modules():
    """Each module's name below the package, and its path."""
    for path in sorted((SOURCES / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(SOURCES / PACKAGE).with_suffix("").parts)
        if name != "__init__":
            yield name.removesuffix(".__init__"), path


MODULES = list(modules())


def imported(path):
    """Names below the package that a file imports anywhere, in functions as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == PACKAGE:
                yield from (alias.name for alias in node.names)
            elif node.module and node.module.startswith(f"{PACKAGE}."):
                yield node.module.removeprefix(f"{PACKAGE}.")
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith(PACKAGE) for alias in node.names), path


def top(name):
    return name.split(".", maxsplit=1)[0]


def test_the_layers_name_every_module_and_nothing_else():
    assert {top(name) for name, _ in MODULES} == set(HEIGHT)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_imports_flow_downward(name, path):
    for other in imported(path):
        assert top(other) == top(name) or HEIGHT[top(other)] < HEIGHT[top(name)], (
            f"{name} imports {other}, which comes after it"
        )


@pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])
def test_no_module_takes_anothers_private_names(name, path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            assert not [alias.name for alias in node.names if alias.name.startswith("_")]


def test_the_table_for_contributors_has_each_module_below_what_it_imports():
    lines = (SOURCES.parent / "CONTRIBUTING.md").read_text().splitlines()
    firsts = [line.split("|")[1] for line in lines if line.startswith("| `")]
    rows = {
        name: row for row, first in enumerate(firsts) for name in re.findall(r"`(\w+)/?`", first)
    }
    assert rows.keys() - {"templates"} == set(HEIGHT)
    for name, path in MODULES:
        for other in map(top, imported(path)):
            assert rows[other] <= rows[top(name)], f"{name} imports {other}, which is below it"


def loaded_by(*names):
    """Top-level modules in memory after the imports, in a new process."""
    imports = "\n".join(f"import {name}" for name in names)
    shown = subprocess.run(
        [sys.executable, "-c", f"{imports}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


MODELS = {"torch", "transformers", "trl", "vllm", "datasets", "sklearn", "openai"}


def test_the_package_itself_loads_nothing():
    loaded = loaded_by(PACKAGE)
    assert PACKAGE in loaded
    assert not loaded & (MODELS | {"pandas", "numpy", "pydantic", "yaml"})


def test_values_and_the_command_line_load_neither_model_libraries_nor_pandas():
    light = ("errors", "examples", "recipes", "params", "artifacts", "scheduler", "cli")
    assert not loaded_by(*(f"{PACKAGE}.{name}" for name in light)) & (MODELS | {"pandas", "numpy"})


def test_studies_plans_and_reports_load_no_model_library():
    reports = [name for name, _ in MODULES if name.startswith("report.")]
    assert len(reports) >= 4
    names = ["study", "chapters", "plan", "book", "claims", "regression", *reports]
    assert not loaded_by(*(f"{PACKAGE}.{name}" for name in names)) & MODELS
