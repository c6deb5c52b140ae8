"""The whole book as one file, to archive or to send on: pages, styles, scripts and data are in it.

The first page's frame is kept, with the list of contents and the switch for light and dark. All
pages follow one another in it, and what led to a page leads to its place in the file.
"""

import mimetypes
import posixpath
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

# What of a page is about it alone, or needs other files; icons are in the styles' fonts as well.
_LEFT_OUT = (
    ".bd-sidebar-secondary, .prev-next-area, .dropdown-download-buttons, .secondary-toggle, "
    ".search-button, .search-button-field, #jb-print-docs-body, link:not([rel=stylesheet]), "
    "article script, script[src*=fontawesome]"
)
# The theme's script wants its search dialog, which needs an index.
_SEARCH = (
    '<form class="bd-search" method="dialog"><input type="submit" '
    'value="The whole book is on this page: search it as you search any page."></form>'
)
_NAMING = ("for", "headers", "aria-labelledby", "aria-describedby", "aria-controls")
_IMPORT = re.compile(r"""@import ["']([^"']+)["'];""")
_URL = re.compile(r"""url\(["']?(?!data:|#)([^)"']+)["']?\)""")


def write(pages: Path, names: Sequence[str], target: Path) -> None:
    """Make one file of a built and finished book.

    Args:
        pages: the folder of its pages.
        names: of the pages without ending, in their order, the first page first.
        target: the file to write.
    """
    places = {f"{name}.html": Path(name).stem for name in names}
    frame = _read(pages / f"{names[0]}.html")
    article = _article(frame)
    article.clear()
    _lead(frame, f"{names[0]}.html", pages, places)
    for page, place in places.items():
        part = _article(_read(pages / page))
        _rename(part, place)
        _lead(part, page, pages, places)
        part.name, part.attrs = "div", {"id": place, "class": "rg-page"}
        article.append(part)
    _inline(frame, (pages / names[0]).parent)
    target.write_text(str(frame))


def _read(page: Path) -> "BeautifulSoup":
    """A page without what one file has no use for."""
    from bs4 import BeautifulSoup

    read = BeautifulSoup(page.read_text(), "html.parser")
    for piece in read.select(_LEFT_OUT):
        piece.decompose()
    for dialog in read.select("#pst-search-dialog"):
        dialog.clear()
        dialog.append(BeautifulSoup(_SEARCH, "html.parser"))
    return read


def _article(page: "BeautifulSoup") -> "Tag":
    (article,) = page.select("article.bd-article")
    return article


def _lead(part: "Tag", page: str, pages: Path, places: Mapping[str, str]) -> None:
    """Have links lead to places in the file; what is no page of the book comes along as data."""
    for link in part.select("a[href]"):
        parts = urlsplit(str(link["href"]))
        if parts.scheme or not parts.path:
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
        if path in places:
            link["href"] = "#" + "--".join(filter(None, [places[path], parts.fragment]))
        elif path.endswith(".html"):  # such as the index, which the builder adds
            link.unwrap()
        else:
            link["href"], link["download"] = _data(pages / path), Path(path).name


def _rename(part: "Tag", place: str) -> None:
    """Keep ids apart that several pages have, and have what names them follow."""
    for element in part.select("[id]"):
        element["id"] = f"{place}--{element['id']}"
    for link in part.select("a[href^='#']"):
        link["href"] = f"#{place}--{str(link['href'])[1:]}"
    for attribute in _NAMING:
        for element in part.select(f"[{attribute}]"):
            names = str(element[attribute]).split()
            element[attribute] = " ".join(f"{place}--{name}" for name in names)


def _inline(frame: "BeautifulSoup", folder: Path) -> None:
    """Put styles, scripts and images where they are asked for."""
    for link in frame.select("link[rel=stylesheet]"):
        style = frame.new_tag("style")
        style.string = _styles(_file(folder, link["href"]))
        link.replace_with(style)
    for script in frame.select("script[src]"):
        content = _file(folder, script["src"]).read_text()
        script.attrs = {}
        script.string = content.replace("</script", r"<\/script")
    for image in frame.select("img[src]"):
        if not urlsplit(str(image["src"])).scheme:
            image["src"] = _data(_file(folder, image["src"]))


def _styles(path: Path) -> str:
    """A style sheet with what it imports and asks for."""
    text = _IMPORT.sub(lambda found: _styles(_file(path.parent, found[1])), path.read_text())
    return _URL.sub(partial(_embedded, path.parent), text)


def _embedded(folder: Path, found: re.Match[str]) -> str:
    """What a style sheet asks for, as data; of a font that is there as WOFF2 no other format."""
    path = _file(folder, found[1])
    return "url(data:,)" if path.suffix == ".ttf" else f"url({_data(path)})"


def _file(folder: Path, address: object) -> Path:
    return folder / unquote(urlsplit(str(address)).path)


def _data(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    return f"data:{kind};base64,{b64encode(path.read_bytes()).decode()}"
