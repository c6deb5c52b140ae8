"""Whoever changes a step's code raises its version, or says that its results are the same.

    python tests/test_step_versions.py

records the hash and version of each step as they now are in golden/step_hashes.json.
"""

import ast
import hashlib
import json
from pathlib import Path

import pytest
import yaml

import reasoning_guards
from reasoning_guards.artifacts import STEP_VERSIONS
from reasoning_guards.synthetic.corpora import WORLD_VERSION

SOURCES = Path(reasoning_guards.__file__).parent
GOLDEN = Path(__file__).parent / "golden" / "step_hashes.json"
VERSIONS = {**STEP_VERSIONS, "world": WORLD_VERSION}
# What stands behind each step, as patterns of paths below the package.
BEHIND = {
    "examples": ["examples.py", "datasets/*.py", "policies/*"],
    "prompts": ["prompts.py", "chat.py", "templates/*"],
    "guards": ["guards/*.py", "guards/templates/*"],
    "traces": ["traces/*.py", "synthetic/teacher.py", "distil/releases.py"],
    "training": [
        "backbones.py",
        *(
            f"training/{name}.py"
            for name in ("__init__", "data", "splits", "sft", "loss", "lora", "sharding")
        ),
    ],
    "refinement": [
        "training/refine.py",
        "training/continual.py",
        "training/dpo.py",
        "training/grpo.py",
        "training/rewards.py",
        "mining.py",
        "verdicts.py",
    ],
    "generation": ["generation.py", "backbones.py", "engines/*.py"],
    "timing": ["timing.py"],
    "probability": ["probability.py"],
    "baselines": ["baselines.py"],
    "world": [
        *(f"synthetic/{name}.py" for name in ("lexicon", "grammar", "sampling", "sets", "corpora")),
        "synthetic/tokenizer.py",
        "synthetic/world.yaml",
        "synthetic/backbones/*/model.safetensors",
        "synthetic/backbones/*/tokenizer.json",
        "synthetic/backbones/*/chat_template.jinja",
    ],
}


def files(step):
    """The step's files, sorted by path."""
    for pattern in BEHIND[step]:
        assert list(SOURCES.glob(pattern)), f"{pattern} names no file"
    found = {path for pattern in BEHIND[step] for path in SOURCES.glob(pattern) if path.is_file()}
    return sorted(found)


def digest(paths):
    """SHA-256 over the meaning of the files: comments, docstrings and layout do not count."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.relative_to(SOURCES).as_posix()}\n".encode())
        whole.update(meaning(path.suffix, path.read_bytes()))
    return whole.hexdigest()


def meaning(suffix, content):
    if suffix == ".py":
        return repr(_tree(ast.parse(content))).encode()
    if suffix == ".yaml":
        return json.dumps(yaml.safe_load(content)).encode()
    return content


def _tree(node):
    """A syntax tree as nested tuples, the same in every Python: without fields that are empty."""
    if isinstance(node, list):
        return tuple(map(_tree, node))
    if not isinstance(node, ast.AST):
        return node
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = [s for s in node.body if not _is_text(s)]
    kept = ((name, _tree(value)) for name, value in fields.items() if value not in (None, []))
    return (type(node).__name__, *kept)


def _is_text(statement):
    """Whether a statement is a lone string: a docstring, or one below an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def current():
    return {
        step: {"version": VERSIONS[step], "sha256": digest(files(step))} for step in sorted(BEHIND)
    }


def test_every_step_has_its_files_listed():
    assert set(BEHIND) == set(VERSIONS)


@pytest.mark.parametrize("step", sorted(BEHIND))
def test_a_changed_step_has_a_raised_version(step):
    recorded, now = json.loads(GOLDEN.read_text())[step], current()[step]
    where = "synthetic/corpora.py, WORLD_VERSION" if step == "world" else "artifacts.STEP_VERSIONS"
    record = "run `python tests/test_step_versions.py` to record it"
    assert now["version"] >= recorded["version"], f"The version of {step} went down."
    if now["version"] > recorded["version"]:
        pytest.fail(f"The version of {step} was raised: {record}.")
    if now["sha256"] != recorded["sha256"]:
        pytest.fail(
            f"The code behind {step} has changed. If it gives other results for the same value, "
            f"raise its version ({where}), else cached artifacts are wrong; then, or if all "
            f"results are the same, {record}."
        )


def test_prose_and_layout_do_not_count_and_code_does():
    code = b'"""Says."""\nX = 1\n"""What X is."""\ndef f(a):\n    """Does."""\n    return a + 1\n'
    prose = b"# Why.\nX  =  1\n\n\ndef f(a):  # how\n    return (a + 1)\n"
    assert meaning(".py", code) == meaning(".py", prose)
    for before, after in ((b"X = 1", b"X = 2"), (b"X = 1", b"X = '1'"), (b"a + 1", b"a - 1")):
        assert meaning(".py", code.replace(before, after)) != meaning(".py", code)
    assert meaning(".yaml", b"a: 1  # note\nb: 2") == meaning(".yaml", b"a: 1\nb:   2\n")
    assert meaning(".yaml", b"a: 1\nb: 2") != meaning(".yaml", b"b: 2\na: 1")
    assert meaning(".txt", b"a") != meaning(".txt", b"a ")


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(current(), indent=2) + "\n")
