"""An extension of the book's builder: tables that notebooks show are numbered as tables.

A cell's `mystnb.figure` gives its output a caption and a number, but that of a figure, whatever it
shows. What is named `tab-…` there becomes "Table 2.1" and is referred to as such.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

PREFIX = "tab-"


class shown_table(nodes.figure):  # type: ignore[misc]  # noqa: N801
    """A table that a cell shows, with its caption; called as docutils calls its nodes."""


class _Tables(SphinxTransform):
    """Figures named as tables become such, before their numbers are given."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            if any(name.startswith(PREFIX) for name in figure["names"]):
                table = shown_table("", *figure.children, **figure.attributes)
                figure.replace_self(table)
                for name in table["ids"]:
                    self.document.ids[name] = table


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the tables; pages show them as they show figures."""
    app.add_enumerable_node(
        shown_table,
        "table",
        html=(
            lambda translator, node: translator.visit_figure(node),
            lambda translator, node: translator.depart_figure(node),
        ),
    )
    app.add_transform(_Tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
