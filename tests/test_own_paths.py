"""The page's four paths from something of one's own to an executed chapter, as they are written.

The commands are taken from the page and run one after the other in a copy of the repository; a line
that sets a name in capitals is given the test's own model, endpoint or traces.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_teacher
import nbformat
import pytest
import tiny_guards

ROOT = Path(__file__).parents[1]
BASH = shutil.which("bash") or ""
PAGE = (ROOT / "book" / "bring_your_own.md").read_text()

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def blocks(heading: str) -> list[str]:
    """The commands below a heading, block by block."""
    section = re.split(r"^#+ ", PAGE.partition(heading)[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


class Reader:
    """Somebody who follows the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("notebooks", "params", "book"):
            shutil.copytree(ROOT / name, folder / name)
        for name in ("_config.yml", "_toc.yml"):
            shutil.copy(ROOT / name, folder)
        self.run(blocks("# Bring your own")[0])

    def run(self, commands: str, **own: str) -> str:
        """What the commands print, with names set to what is the reader's own."""
        for name, value in own.items():
            commands, changed = re.subn(rf"^{name}=.*$", f"{name}={value}", commands, flags=re.M)
            assert changed == 1, f"the page does not set {name}"
        assert not re.search(r"^[A-Z_]+=.*(/path/to|your-model)", commands, re.MULTILINE)
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "REASONING_GUARDS_CACHE": str(self.folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", commands], cwd=self.folder, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def chapter(self, printed: str) -> dict[str, str]:
        """What the cells of the chapter show whose path was printed last, by the cells' ids."""
        notebook = nbformat.read(self.folder / printed.splitlines()[-1], 4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        shown: dict[str, str] = {
            cell.get("id", ""): str(
                [output.get("data", {}).get("text/plain") for output in cell.outputs]
            )
            for cell in cells
        }
        return shown

    def asked(self) -> list[dict[str, Any]]:
        """The guards whose answers are in the cache, as values."""
        manifests = (self.folder / "cache" / "generations").glob("*/manifest.json")
        return [json.loads(path.read_text())["value"]["guard"] for path in manifests]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model with room for the paper's prompt, a token to a byte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_guards, "CONTEXT", 4096)
        yield tiny_guards.build(tmp_path_factory.mktemp("model") / "mine")


def test_an_own_model_is_trained_and_asked_in_a_chapter(reader: Reader, model: Path) -> None:
    first, _ = blocks("## Your own model")
    shown = reader.chapter(reader.run(first, MODEL=str(model)))
    assert "NR" in shown["results"]
    assert "Backbone, not trained" in shown["results"]


def test_an_own_guard_is_a_row_of_a_chapter(reader: Reader, model: Path) -> None:
    _, second = blocks("## Your own model")
    shown = reader.chapter(reader.run(second, GUARD=str(model)))
    assert "mine, reasoning" in shown["results"]
    assert "mine, at once" in shown["results"]


def test_an_own_benchmark_has_cells_in_a_chapter(reader: Reader) -> None:
    (commands,) = blocks("## Your own benchmark")
    assert "library" in reader.chapter(reader.run(commands))["cells"]


def test_guards_learn_an_own_policy(reader: Reader) -> None:
    shutil.copytree(ROOT / "book" / "examples", reader.folder / "mine", dirs_exist_ok=True)
    (commands,) = blocks("## Your own policy")
    assert "library" in reader.chapter(reader.run(commands))["cells"]
    assert any(guard.get("train_set", "").startswith("own/library-") for guard in reader.asked())


def test_guards_learn_from_an_own_teacher(reader: Reader) -> None:
    ask, train = blocks("## Your own teacher")
    with fake_teacher.serve(message=answer) as teacher:
        said = reader.run(ask, TEACHER_URL=teacher.url, TEACHER_MODEL="clerk")
    traces = re.findall(r"distilled/clerk-\w+", said)[-1]
    assert "R (full)" in reader.chapter(reader.run(train, TRACES=traces))["results"]
    assert any((guard.get("traces") or {}).get("teacher") == traces for guard in reader.asked())


def answer(asked: str) -> dict[str, Any]:
    """A trace that ends in the labels it was shown, or a rewrite of one sentence."""
    labels = re.findall(r"(Prompt|Response) harm label: (\w+)", asked)
    verdict = "\n\n".join(f"{of} harm: {label}" for of, label in labels)
    if not labels:
        return {"content": "The request was held against what the policy bans."}
    return {
        "reasoning_content": "The policy was read. The request was held against it.",
        "content": verdict,
    }
