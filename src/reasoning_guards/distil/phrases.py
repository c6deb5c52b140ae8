"""Phrases of traces that speak of their labels, or hesitate: patterns on plain words.

Each meets single words with one space between them and repeats nothing without a bound, so that all
of them take time that is linear in the text. They are ours, set on invented traces.
"""

import re

_WORD = re.compile(r"[^\W_]++")
_WORD_OR_END = re.compile(r"[^\W_]++|[.!?;]")


def _phrases(*alternatives: str) -> re.Pattern[str]:
    """Any of the phrases, in what `_plain` makes of a text."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


_PART = "(?:prompt|request|response|answer|interaction|it)"
_LABEL = "(?:labels?|annotations?)"
# "The label on the bottle" is no leak: a label counts where it is a ground truth, was given, or
# says something of the interaction.
_LEAK = _phrases(
    "ground truths?",
    f"(?:gold|true|reference|annotated|actual|official) {_LABEL}",
    f"(?:given|provided|supplied|assigned|expected|correct|known) (?:\\w+ ){{0,2}}{_LABEL}",
    f"(?:harm|harmfulness|refusal|safety) {_LABEL}",
    f"{_LABEL} (?:(?:i|we) )?(?:(?:was|were|is|are|has|have) )?(?:been )?"
    "(?:given|provided|supplied|assigned|said|says?|states?|indicates?|harmful|unharmful|safe)",
    f"{_LABEL} for (?:the|this) {_PART}",
    "(?:already|been|was|were|is|are) (?:labell?ed|annotated|marked)(?: as)? "
    "(?:harmful|unharmful|safe|unsafe|a refusal)",
    f"(?:i|we) (?:am|are|was|were) told (?:that )?(?:the )?{_PART} (?:is|was)",
    f"(?:according to|based on|match(?:es)?|consistent with|in line with) (?:\\w+ )?{_LABEL}",
)
_HESITATION = _phrases(
    "wait(?! (?:for|until|till|a|at|in|on|here|there|outside|times?)\\b)",
    "hm+",
    "hold on",
    "on second thought",
    "but then again",
    "let (?:me|us|s) (?:re ?)?(?:think (?:again|(?:about )?(?:this|it) again)|rethink|reconsider"
    "|recheck|check again|double ?check|go over (?:this|it) again|start over)",
    "i (?:am|m) (?:not sure|confused|overthinking)",
    "actually (?:no|wait|maybe)",
    "no (?:wait|that is wrong|that s wrong)",
    "or maybe not",
)


def words(text: str) -> list[str]:
    """The words in lower case: runs of letters and digits."""
    return [word.lower() for word in _WORD.findall(text)]


def count(text: str) -> int:
    """How many words there are."""
    return len(_WORD.findall(text))


def speaks_of_labels(text: str) -> bool:
    """Whether it says that labels were given, or what they are."""
    return bool(_LEAK.search(_plain(text)))


def hesitations(text: str) -> int:
    """How often it hesitates or turns back."""
    return len(_HESITATION.findall(_plain(text)))


def _plain(text: str) -> str:
    """The words in lower case and the ends of sentences, a space between each two."""
    return " ".join(_WORD_OR_END.findall(text)).lower()
