"""How tables look: whose numbers they are, the best of a column, a file to download."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Literal

import pandas as pd

from reasoning_guards.report import markup
from reasoning_guards.report.provenance import run_id
from reasoning_guards.study import Study

Way = Literal["max", "min"]

NAMELESS = "table"
"""What a table is called that has no name of its own."""

LONG = 10
"""With more rows than that a table can be sorted by a click on a heading."""

_BEST = (
    '<b class="rg-best">{}<span aria-hidden="true"> ★</span><span class="rg-said"> best</span></b>'
)
_LONGEST_CELL = 600


def of_run(
    frame: pd.DataFrame,
    study: Study,
    name: str,
    best: Mapping[str, Way] | None = None,
    apart: Sequence[str] = (),
) -> pd.DataFrame:
    """A frame of this run's numbers, with what `html` shows around it.

    Args:
        frame: whose attributes are set.
        study: that its numbers are of.
        name: of its file, after the chapter's.
        best: columns, and whether the greatest or the least of their numbers is best.
        apart: rows that describe columns, and are neither compared nor sorted.
    """
    profile = study.profile
    on = "embedded world" if profile.world == "embedded" else profile.backbone
    frame.attrs |= {"name": f"{study.chapter}-{name}", "whose": "run"}
    frame.attrs |= {"source": f"profile {profile.profile}, {on}", "run": run_id(study)}
    frame.attrs |= {"best": dict(best or {}), "apart": list(apart)}
    return frame


def of_paper(frame: pd.DataFrame, name: str, source: str) -> pd.DataFrame:
    """A frame of the paper's own numbers: which tables they stand in is shown above it."""
    frame.attrs |= {"name": name, "whose": "paper", "source": source}
    return frame


def linked(frame: pd.DataFrame, column: str, pages: Mapping[str, str]) -> pd.DataFrame:
    """A frame in whose column the values that are named lead to pages."""
    frame.attrs["links"] = {column: dict(pages)}
    return frame


def of_rows(
    rows: Mapping[Any, Mapping[str, Any]], name: str, index: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows by their labels as a frame, which is empty if there are none.

    Args:
        rows: each with the same columns.
        name: of its file.
        index: what the labels are, a word for each of their levels.
    """
    frame = pd.DataFrame(rows).T
    if rows and index:
        frame = frame.rename_axis(index=list(index))
    frame.attrs["name"] = name
    return frame


def html(frame: pd.DataFrame) -> str:
    """The frame as a table that scrolls by itself where it is wide; all texts in it are inert."""
    about = frame.attrs
    name = about.get("name", NAMELESS)
    apart = [label in about.get("apart", []) for label in frame.index]
    compared = [place for place, is_apart in enumerate(apart) if not is_apart]
    wins = {
        column: {compared[place] for place in _winners(frame[column].iloc[compared], way)}
        for column, way in about.get("best", {}).items()
        if column in frame.columns
    }
    body, foot = (
        "".join(
            _row(frame, place, wins) for place, is_apart in enumerate(apart) if is_apart is wanted
        )
        for wanted in (False, True)
    )
    whose = about.get("whose", "")
    is_long = " sortable" if len(frame) > LONG else ""
    said = {"run": "This run", "paper": "The paper"}
    origin = (
        f'<p class="rg-origin"><b>{said[whose]}</b> {escape(about["source"])}</p>' if whose else ""
    )
    below = [markup.file_link("CSV", f"{name}.csv", frame.to_csv(), "text/csv")]
    if about.get("run"):
        below.append(f"run <code>{about['run']}</code>")
    if any(wins.values()):
        below.append("★ best of its column")
    return (
        f'<div class="rg-table {whose}">{origin}<div class="rg-scroll" tabindex="0" role="group" '
        f'aria-label="Table {escape(name)}"><table class="dataframe{is_long}"><thead><tr>'
        f"{_head(frame)}</tr></thead><tbody>{body}</tbody>"
        f"{f'<tfoot>{foot}</tfoot>' if foot else ''}</table></div>"
        f'<p class="rg-below">{" · ".join(below)}</p></div>'
    )


def renamed(shown: str, name: str) -> str:
    """A table without a name of its own, as HTML, under this one."""
    for part in ('download="{}.csv"', 'aria-label="Table {}"'):
        shown = shown.replace(part.format(NAMELESS), part.format(escape(name)))
    return shown


def install() -> None:
    """Have notebooks show data frames this way."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None and shell.display_formatter is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, html)


def _head(frame: pd.DataFrame) -> str:
    corners = [name or "" for name in frame.index.names]
    if not any(corners):
        corners[-1] = frame.columns.name or ""
    cells = [(f'<th scope="col">{_text(name)}</th>' if name else "<td></td>") for name in corners]
    return "".join(cells) + "".join(f'<th scope="col">{_text(name)}</th>' for name in frame.columns)


def _row(frame: pd.DataFrame, place: int, wins: Mapping[str, set[int]]) -> str:
    label = frame.index[place]
    labels = label if isinstance(label, tuple) else (label,)
    heads = "".join(f'<th scope="row">{_text(part)}</th>' for part in labels)
    cells = []
    for column, value in zip(frame.columns, frame.iloc[place], strict=True):
        text = _text(value)
        page = frame.attrs.get("links", {}).get(column, {}).get(value)
        if page:
            text = f'<a href="{escape(page)}">{text}</a>'
        cells.append(f"<td>{_BEST.format(text) if place in wins.get(column, ()) else text}</td>")
    return f"<tr>{heads}{''.join(cells)}</tr>"


def _winners(column: "pd.Series[Any]", way: Way) -> set[int]:
    """Places of the best numbers, as far as they are shown; none if more than half are best."""
    numbers = column.astype(str).str.extract(r"^([+-]?\d+(?:\.\d+)?)", expand=False).astype(float)
    best = numbers.max() if way == "max" else numbers.min()
    places = {place for place, number in enumerate(numbers) if number == best}
    return places if 2 * len(places) <= len(numbers) else set()


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3f}"
    return "–" if value is None else markup.inert(str(value), _LONGEST_CELL)
