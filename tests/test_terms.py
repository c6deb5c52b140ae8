"""Terms: a page's first use of one leads to the glossary, and only that."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from reasoning_guards import terms

ROOT = Path(__file__).parents[1]
GLOSSARY = """# Glossary

```{glossary}
guard
    Says what is harmful.

NR
non-reasoning guard
    Answers at once.

policy
    Says what is meant.

Cohen's kappa
    Agreement.
```
"""
PAGE = """# A guard

A `policy`, a safeguard and [some guard](https://somewhere).

```{note}
A policy in a box.
```

Two Guards and one non reasoning guard read **policies**. A guard, a policy, Cohen's kappa.
"""


@pytest.fixture
def built(tmp_path: Path) -> str:
    """A page of text beside a glossary, as the builder leaves it."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "glossary.md").write_text(GLOSSARY)
    (tmp_path / "index.md").write_text(PAGE + "\n```{toctree}\nbook/glossary\n```\n")
    extensions = ["myst_parser", "reasoning_guards.terms"]
    (tmp_path / "conf.py").write_text(f"extensions = {extensions}\n")
    # In a process of its own: what one Sphinx registers, the next takes for a clash.
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", tmp_path, tmp_path / "built"]
    subprocess.run(command, check=True)
    return (tmp_path / "built" / "index.html").read_text()


def test_first_uses_in_running_text_are_links_to_their_terms(built: str) -> None:
    links = re.findall(r'href="book/glossary.html#term-([\w-]+)"[^>]*><span[^>]*>([^<]*)<', built)
    assert [(anchor, text.replace("’", "'")) for anchor, text in links] == [
        ("guard", "Guards"),
        ("non-reasoning-guard", "non reasoning guard"),
        ("policy", "policies"),
        ("Cohen-s-kappa", "Cohen's kappa"),
    ]


def test_the_book_s_glossary_is_sorted_and_defines_each_term_once() -> None:
    found = terms.read(ROOT / "book" / "glossary.md")
    assert len(found) > 50
    assert len(set(terms.forms(found))) == 2 * len(found)
    blocks = (ROOT / "book" / "glossary.md").read_text().partition("{glossary}\n")[2].split("\n\n")
    firsts = [block.partition("\n")[0].lower() for block in blocks]
    assert firsts == sorted(firsts)


def test_each_term_is_used_on_some_page() -> None:
    pages = [page for page in (ROOT / "book").glob("*.md") if page.stem != "glossary"]
    prose = "\n".join(page.read_text() for page in [*pages, *(ROOT / "notebooks").glob("*.ipynb")])
    for term in terms.read(ROOT / "book" / "glossary.md"):
        assert terms.pattern(terms.forms([term])).search(prose), term
