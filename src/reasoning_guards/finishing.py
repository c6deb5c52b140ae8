"""What is mended in built pages: nothing remote is in them, and what assistive technology needs is.

Each pattern says what the theme, or an extension of it, leaves in a page.
"""

import html
import re
from pathlib import Path

# Every page: a loader of notebooks' kernels from a remote address, switched off and put in twice.
_THEBE = re.compile(
    r"<script>const THEBE_JS_URL = .*?</script>\n?"
    r'|<script async="async" src="[^"]*sphinx-thebe\.js[^"]*"></script>\n?',
)
# A typesetter of formulas, remote or of a megabyte: browsers set MathML by themselves.
_MATHJAX = re.compile(
    r"<script>window\.MathJax = .*?</script>\n?"
    r'|<script [^>]*src="[^"]*mathjax[^"]*"></script>\n?',
)
_FORMULA = re.compile(
    r'(<(?:div|span) class="math [^>]*>)\s*\\([\[(])(.*?)\\[\])]\s*(?=</(?:div|span)>)', re.DOTALL
)
# Search buttons show "Search Ctrl+K" and are called "Search": what is read out has to be all of it.
_SEARCH = re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"')
# So do the button for light and dark, whose icons are letters, and the cover of a folded cell.
_THEME = re.compile(
    r'(<button class="[^"]*theme-switch-button[^>]*?) aria-label="Color mode"([^>]*>)'
)
_FOLDED = re.compile(r'<summary aria-label="Toggle hidden content">')
# The bibliography's list holds entries that are no list items.
_CITATIONS = re.compile(r'<div role="list" class="citation-list">')


def finish(pages: Path) -> None:
    """Mend every page below a folder."""
    for path in pages.rglob("*.html"):
        text = path.read_text()
        mended = _MATHJAX.sub("", _THEBE.sub("", text))
        mended = _FORMULA.sub(_mathml, mended)
        mended = _SEARCH.sub(r"\1", mended)
        mended = _THEME.sub(r'\1\2<span class="rg-said">Color mode</span>', mended)
        mended = _FOLDED.sub("<summary>", mended)
        mended = _CITATIONS.sub('<div class="citation-list">', mended)
        if mended != text:
            path.write_text(mended)


def _mathml(formula: re.Match[str]) -> str:
    from latex2mathml import converter

    element, bracket, tex = formula.groups()
    display = "block" if bracket == "[" else "inline"
    return element + converter.convert(html.unescape(tex), display=display)
