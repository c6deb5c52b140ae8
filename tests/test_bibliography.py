"""The bibliography: whatever the paper's tables name is in it, and nothing is that nobody cites."""

import re
from pathlib import Path

from reasoning_guards import paper

ROOT = Path(__file__).parents[1]
SOURCES = {
    "WILDGUARD": "han2024wildguard",
    "AEGIS 2.0": "ghosh2025aegis",
    "L3.1-8B-Instruct": "grattafiori2024llama3",
    "L3.1-8B-WILDGUARDMIX": "han2024wildguard",
    "L3.1-8B-Aegis": "ghosh2025aegis",
    "DeepSeek-Distill-Llama-8B": "guo2025deepseekr1",
    "Gemma-3-4B": "gemma2025gemma3",
    "+TF": "rebedea2024canttalk",
    "WG": "han2024wildguard",
    "Aegis": "ghosh2025aegis",
    "OpenAI-Mod": "markov2023holistic",
    "SimpleSafety": "vidgen2023simplesafetytests",
    "ToxicChat": "lin2023toxicchat",
    "XSTest": "rottger2023xstest",
    "JBB": "chao2024jailbreakbench",
    "Dynaguard": "oneill2025dynaguardrail",
    "Cosa": "zhang2024cosa",
}
"""What names in the paper's tables begin with, or hold → the entry for it."""


def entries() -> set[str]:
    return set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.M))


def cited() -> set[str]:
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    roles = re.findall(r"\{cite:[pt]\}`([^`]+)`", "".join(page.read_text() for page in pages))
    return {key for role in roles for key in role.split(",")}


def named() -> set[str]:
    """Names of guards, as they are printed, and of benchmarks in the paper's tables."""
    rows = {str(row) for row in paper.results()["row"] if not str(row).isdigit()}
    columns = (label.split(": ") for label in paper.COLUMNS.values())
    groups = {"Prompt-Only", "Response-Only"}
    benchmarks = {
        name if group in groups else group
        for group, name in columns
        if (group in groups and name != "Avg") or group in {"Dynaguard", "Cosa"}
    }
    return rows | benchmarks


def test_each_entry_is_cited_and_each_citation_has_an_entry() -> None:
    assert entries() == cited()


def test_each_system_and_set_in_the_paper_s_tables_has_an_entry() -> None:
    found = named()
    assert len(found) > 25
    for name in found:
        assert any(name.startswith(known) for known in SOURCES), name
    assert all(any(known in name for name in found) for known in SOURCES)
    assert set(SOURCES.values()) <= entries()


def test_the_release_and_the_work_against_rq1_are_cited_where_the_question_is() -> None:
    chapter = (ROOT / "notebooks/rq1_efficacy.ipynb").read_text()
    for key in ("nvidia2025nemotron", "na2026leanguard", "sai2026colaguard"):
        assert key in chapter
