"""An extension of the book's builder: a page's first use of a term leads to the glossary.

It reads the terms from the glossary's page, so that no page has to mark them, and a new term is
linked wherever it stands. Only running text counts: headings, code, captions and links stay as they
are, and so does what has a role of its own.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

PAGE = "book/glossary"

_APART = (
    nodes.Admonition, nodes.caption, nodes.entry, nodes.literal, nodes.math, nodes.reference,
    addnodes.pending_xref, nodes.title,
)  # fmt: skip


def read(page: Path) -> list[str]:
    """The terms on the glossary's page: the lines before each definition, which is indented."""
    found: list[str] = []
    waiting: list[str] = []
    block = page.read_text("utf-8").partition("```{glossary}\n")[2].partition("\n```")[0]
    for line in block.splitlines():
        if line.startswith(" "):
            found += waiting
            waiting = []
        elif line:
            waiting.append(line)
    return found


def forms(terms: list[str]) -> dict[str, str]:
    """What each term may look like in a sentence: itself and its plural; see `_plain`."""
    found: dict[str, str] = {}
    for term in terms:
        plural = f"{term[:-1]}ies" if term.endswith("y") else f"{term}s"
        found |= {_plain(term): term, _plain(plural): term}
    return found


def pattern(known: Iterable[str]) -> re.Pattern[str]:
    """What finds any of the forms as a word of its own; the longest wins."""
    longest = sorted(map(re.escape, known), key=len, reverse=True)
    either = "|".join(longest).replace("\\ ", "[ -]").replace("'", "['’]")
    return re.compile(rf"(?<![\w-])({either})(?![\w-])", re.IGNORECASE)


def _plain(text: str) -> str:
    """Without what differs from place to place: capitals, hyphens, curled apostrophes."""
    return text.lower().replace("-", " ").replace("’", "'")


class _Links(SphinxTransform):
    """First uses become references to terms, before references are resolved."""

    default_priority = 900

    def apply(self, **_: Any) -> None:
        page = Path(self.app.srcdir) / f"{PAGE}.md"
        if self.env.docname == PAGE or not page.is_file():
            return
        known = forms(read(page))
        look = pattern(known)
        used: set[str] = set()
        for text in list(self.document.findall(nodes.Text)):
            if not _is_running(text):
                continue
            pieces: list[nodes.Node] = []
            end = 0
            for match in look.finditer(text):
                term = known[_plain(match[0])]
                if term not in used:
                    used.add(term)
                    said = text[match.start() : match.end()]
                    pieces += [nodes.Text(text[end : match.start()]), self._link(term, said)]
                    end = match.end()
            if pieces:
                text.parent.replace(text, [*pieces, nodes.Text(text[end:])])

    def _link(self, term: str, said: str) -> nodes.Node:
        shown = nodes.inline("", said, classes=["xref", "std", "std-term"])
        return addnodes.pending_xref(
            "", shown, refdomain="std", reftype="term", reftarget=term, refexplicit=True,
            refwarn=True, refdoc=self.env.docname,
        )  # fmt: skip


def _is_running(text: nodes.Text) -> bool:
    """Whether a text is part of a sentence on the page."""
    above, inside = text.parent, False
    while above is not None and not isinstance(above, _APART):
        inside = inside or isinstance(above, nodes.paragraph)
        above = above.parent
    return inside and above is None


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the links."""
    app.add_transform(_Links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
