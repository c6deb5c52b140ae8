"""What a browser makes of pages built from hostile rows: text, and nothing else."""

import re
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from reasoning_guards.examples import Example, Policy
from reasoning_guards.recipes import Cell
from reasoning_guards.report import explorer, frames, prompt_pages, world

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    "</pre></dd></details><b class=owned>bold</b>\n\n# owned heading\n\n{doc}`nowhere` $x^2$ "
    "\\(y^2\\) [owned](javascript:alert(1)) \u202eturned\x00 &lt; end"
)
LONG = "y" * 100_000


@pytest.fixture(scope="module")
def dom(tmp_path_factory):
    """The page as Chromium holds it once its scripts have run."""
    folder = tmp_path_factory.mktemp("hostile")
    example = Example(
        id=HOSTILE, cluster="c", policy=Policy(name="p", text=HOSTILE), prompt=HOSTILE + LONG,
        response=HOSTILE, prompt_harmful=True,
        response_harmful=False, response_refusal=False,
    )  # fmt: skip
    patch = pytest.MonkeyPatch()
    patch.setattr(world, "find", lambda _: example)
    patch.setattr(explorer.teacher, "trace", lambda *_: HOSTILE)
    answers = {HOSTILE: explorer.Answer(HOSTILE + LONG, 3, "right")}
    row = explorer.Shown(
        Cell(dataset="synthetic/meadow", task="prompt"), "synthetic/meadow/test/0", True, answers
    )
    shown = [
        world.example("x"),
        prompt_pages.asked("x", "reasoning", "compact"),
        prompt_pages.answered("x", "non-reasoning"),
        explorer.page([row]),
    ]
    patch.undo()
    outputs = [{"text/markdown": each.data} for each in shown]
    outputs.append({"text/html": frames.html(pd.DataFrame({HOSTILE: [HOSTILE + LONG]}, [HOSTILE]))})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Rows")])
    for data in outputs:
        output = nbformat.v4.new_output("execute_result", data, execution_count=1)
        cell = nbformat.v4.new_code_cell("rows", outputs=[output], execution_count=1)
        notebook.cells.append(cell)
    nbformat.write(notebook, folder / "rows.ipynb")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: rows\n")
    (folder / "_config.yml").write_text("execute: {execute_notebooks: 'off'}\n")
    subprocess.run(
        [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build",
         str(folder), "--quiet"],
        check=True, capture_output=True,
    )  # fmt: skip
    page = folder / "_build" / "html" / "rows.html"
    chromium = shutil.which("chromium")
    assert chromium, "`make test-browser` installs it"
    done = subprocess.run(
        [chromium, "--headless=new", "--no-sandbox", "--dump-dom", "--virtual-time-budget=4000",
         page.as_uri()],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def test_nothing_in_a_row_runs_or_becomes_an_element(dom):
    assert re.search(r"<title>Rows\b", dom)
    article = dom[dom.index("<article") : dom.index("</article>")]
    assert not re.search(r"<img|<b class|<a [^>]*javascript:|document.title[^<]*</script>", article)
    assert not re.search(r"<h\d[^>]*>owned", article)
    assert "<mjx-container" not in article
    assert "\u202e" not in article
    assert "\x00" not in article


def test_every_row_is_there_as_text_and_shortened(dom):
    article = dom[dom.index("<article") : dom.index("</article>")]
    assert article.count("&lt;script&gt;") >= 14
    assert "{doc}`nowhere`" in article
    assert "⟨U+202E⟩turned⟨U+0000⟩" in article
    assert "more characters" in article
    visible = re.sub(r'href="data:[^"]*"', "", article)
    assert len(visible) < 60_000
