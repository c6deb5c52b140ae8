"""HTML of our own in a notebook's outputs, and the text of others in it: inert, and shortened."""

import unicodedata
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.display import Markdown

LONGEST = 2000
"""Characters of one text that a page shows; what a dataset's row holds may be any length."""


def show(html: str) -> "Markdown":
    """HTML as a notebook and the book show it; texts in it must be escaped already.

    It goes as markdown, since the book's theme lays HTML outputs on a light ground in dark mode.
    Line breaks become references: a blank line would end the HTML and begin a paragraph.
    """
    from IPython.display import Markdown

    return Markdown(html.replace("\n", "&#10;"))  # type: ignore[no-untyped-call]


def inert(text: str, longest: int = LONGEST) -> str:
    """A text of unknown origin as HTML that shows it and does nothing.

    Shortened at its end, with the number of characters left out; escaped. Characters that nobody
    sees, such as NUL or those that turn the direction of writing, are named in place of being
    obeyed. The book looks for formulas in elements of their own only, so that dollars stay dollars.
    """
    kept = text[:longest]
    named = "".join(character if _plain(character) else _named(character) for character in kept)
    left = len(text) - len(kept)
    return escape(named) + (f"<i> … and {left:,} more characters</i>" if left else "")


def file_link(label: str, name: str, content: str, kind: str) -> str:
    """A link that holds the whole file, so that it works without a server.

    Args:
        label: what the link says.
        name: what the file is called once it is saved.
        content: of the file.
        kind: its media type.
    """
    encoded = b64encode(content.encode()).decode()
    return f'<a download="{escape(name)}" href="data:{kind};base64,{encoded}">{escape(label)}</a>'


def _plain(character: str) -> bool:
    return character in "\n\t" or unicodedata.category(character) not in {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    }


def _named(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
