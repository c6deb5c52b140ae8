"""The book as one file: every page in order, links that lead within it, nothing left outside."""

import base64
import re

import pytest
from bs4 import BeautifulSoup

from reasoning_guards import onefile

FRAME = """<html data-theme="light"><head>
<link rel="stylesheet" href="../_static/styles/theme.css?v=1"><link rel="next" href="b.html">
<script src="../_static/fontawesome.js"></script><script src="../_static/own.js?v=2"></script>
</head><body><a class="skip-link" href="#main-content">Skip</a>
<dialog id="pst-search-dialog"><form class="bd-search" action="../search.html"></form></dialog>
<nav><a href="#">One</a><a href="../notebooks/b.html">Two</a><a href="../genindex.html">Index</a>
<button class="search-button">Search</button></nav>
<main id="main-content"><article class="bd-article">{article}</article></main>
<div class="bd-sidebar-secondary"><a href="#limits">Limits</a></div></body></html>"""
PAGES = {
    "book/a": """<section id="one"><h1>One</h1><a href="../notebooks/b.html#limits">there</a>
<a href="../notebooks/b.html">all</a> <a href="../facts.json">facts</a>
<a href="https://example.org/x">out</a> <a href="data:,x">data</a> <a href="#limits">here</a>
<h2 id="limits">Limits</h2><img src="../_images/dot.svg"></section>""",
    "notebooks/b": """<section id="two"><h1>Two</h1><label for="q">Q</label><input id="q">
<p id="p">é &lt; &amp;</p><table aria-labelledby="two p"></table><a href="../book/a.html">back</a>
<a href="#limits">mine</a><h2 id="limits">Limits</h2><script>kernelName = 1</script></section>""",
}
FILES = {
    "facts.json": '{"a": 1}',
    "_images/dot.svg": "<svg/>",
    "_static/basic.css": ".a { background: url(dot.png) }",
    "_static/dot.png": "png",
    "_static/styles/theme.css": (
        '@import "../basic.css";\n@font-face { src: url("../f.woff2"), url(../f.ttf) } '
        ".b { background: url(data:,x) }"
    ),
    "_static/f.woff2": "font",
    "_static/own.js": 'own("</script>")',
}


@pytest.fixture
def made(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, article in PAGES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.html").write_text(FRAME.replace("{article}", article))
    target = tmp_path / "one.html"
    onefile.write(tmp_path, list(PAGES), target)
    return BeautifulSoup(target.read_text(), "html.parser")


def hrefs(made, where):
    return [link["href"] for link in made.select(f"{where} a")]


def test_every_page_is_there_in_order_in_one_frame(made):
    assert [title.text for title in made.select("article.bd-article > div > section > h1")] == [
        "One", "Two"
    ]  # fmt: skip
    assert len(made.select("main")) == len(made.select("article")) == 1
    assert made.select_one("[id=b--p]").text == "é < &"
    assert not made.select(".bd-sidebar-secondary, .search-button, link")


def test_ids_are_apart_and_what_names_them_follows(made):
    ids = [element["id"] for element in made.select("[id]")]
    assert len(set(ids)) == len(ids)
    assert {"a", "a--limits", "b", "b--limits", "main-content"} <= {*ids}
    assert made.select_one("label")["for"] == "b--q"
    assert made.select_one("table")["aria-labelledby"] == "b--two b--p"


def test_links_to_pages_lead_within_the_file_and_others_stay(made):
    facts = "data:application/json;base64," + base64.b64encode(b'{"a": 1}').decode()
    assert hrefs(made, "#a") == [
        "#b--limits", "#b", facts, "https://example.org/x", "data:,x", "#a--limits"
    ]  # fmt: skip
    assert hrefs(made, "#b") == ["#a", "#b--limits"]
    assert hrefs(made, "nav") == ["#", "#b"]  # and no link to the index, which is not there
    assert made.select_one(".skip-link")["href"] == "#main-content"
    assert made.select_one(f'a[href="{facts}"]')["download"] == "facts.json"


def test_styles_scripts_and_images_are_in_it(made):
    (style,) = made.select("style")
    assert re.findall(r"url\(([^)]*)\)", style.string) == [
        "data:image/png;base64,cG5n", "data:font/woff2;base64,Zm9udA==", "data:,", "data:,x"
    ]  # fmt: skip
    assert "@import" not in style.string
    assert [script.string for script in made.select("script")] == ['own("<\\/script>")']
    assert made.select_one("img")["src"].startswith("data:image/svg+xml;base64,")
    assert not made.select("[src]:not([src^=data])")


def test_the_search_that_needs_an_index_is_replaced_by_advice(made):
    dialog = made.select_one("#pst-search-dialog")
    assert dialog.form["method"] == "dialog"
    assert "whole book is on this page" in dialog.input["value"]
