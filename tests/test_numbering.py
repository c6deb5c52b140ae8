"""Tables that notebooks show are numbered as tables, beside figures, and referred to by number."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

CONFIG = """
extensions = ["myst_nb", "reasoning_guards.numbering"]
nb_execution_mode = "off"
numfig = True
"""
LANGUAGE = {"language_info": {"name": "python", "pygments_lexer": "python"}}


@pytest.fixture
def page(tmp_path: Path) -> str:
    """A page of a figure and two tables, as the builder leaves it."""
    notebook = nbformat.v4.new_notebook(metadata=LANGUAGE)
    text = "# Page\n\n{numref}`fig-a`, {numref}`tab-b`, {numref}`tab-c`."
    notebook.cells = [nbformat.v4.new_markdown_cell(text)]
    for name in ("fig-a", "tab-b", "tab-c"):
        output = nbformat.v4.new_output(
            "execute_result", {"text/html": "<p>shown</p>"}, execution_count=1
        )
        cell = nbformat.v4.new_code_cell("x", outputs=[output], execution_count=1)
        cell.metadata["mystnb"] = {"figure": {"name": name, "caption": f"Caption of {name}."}}
        notebook.cells.append(cell)
    nbformat.write(notebook, tmp_path / "index.ipynb")
    (tmp_path / "conf.py").write_text(CONFIG)
    # In a process of its own: what one Sphinx registers, the next takes for a clash.
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", tmp_path, tmp_path / "built"]
    subprocess.run(command, check=True)
    return (tmp_path / "built" / "index.html").read_text()


def test_tables_have_numbers_of_their_own_and_links_to_them(page: str) -> None:
    captions = re.findall(
        r'<figcaption>.*?"caption-number">(.*?) ?</span>.*?</figcaption>', page, re.S
    )
    assert captions == ["Fig. 1", "Table 1", "Table 2"]
    links = re.findall(r'href="#([\w-]+)"[^>]*><span class="std std-numref">(.*?)</span>', page)
    assert links == [("fig-a", "Fig. 1"), ("tab-b", "Table 1"), ("tab-c", "Table 2")]
