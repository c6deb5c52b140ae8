"""Overlap between sets: the same text, or nearly, in training and in test.

Two examples are compared by what their users wrote and read before the judged answer: the earlier
turns and the prompt, in lower case and without punctuation. Responses are not compared: a prompt
that was trained on gives its test example away whatever is answered.

- exact: the texts are equal.
- near: the Jaccard similarity of their word trigrams is at least THRESHOLD. Candidates come from
  MinHash with locality-sensitive hashing (Leskovec, Rajaraman and Ullman, "Mining of Massive
  Datasets", chapter 3) and are then compared in full; at the threshold hashing misses one pair in
  twenty thousand, and fewer above it: (1 - 0.8^5)^25.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import pandas as pd

from reasoning_guards.examples import Example

THRESHOLD = 0.8
BANDS, ROWS = 25, 5  # candidates agree on every hash of one band
WORDS = 3  # of a shingle

Kind = Literal["exact", "near"]


def find(examples: Sequence[Example], others: Iterable[Example]) -> dict[str, Kind]:
    """Those examples that overlap with any of the others: id → how, exact before near.

    Args:
        examples: each with an id of its own.
        others: what they are held against.
    """
    theirs = {_text(example) for example in others}
    mine = {example.id: _text(example) for example in examples}
    near = _near({text for text in mine.values() if text not in theirs}, theirs)
    kinds: dict[str, Kind] = {}
    for name, text in mine.items():
        if text in theirs:
            kinds[name] = "exact"
        elif text in near:
            kinds[name] = "near"
    return kinds


def table(
    training: Mapping[str, Sequence[Example]],
    benchmarks: Mapping[str, Sequence[Example]],
) -> pd.DataFrame:
    """How many of each benchmark's examples stand in each training set.

    Args:
        training, benchmarks: examples by name of the set; each example with an id of its own.

    Index: training set and benchmark. Columns: Examples (of the benchmark), Exact and Near.
    """
    counts = []
    for learnt, theirs in training.items():
        kind = find([example for of in benchmarks.values() for example in of], theirs)
        for benchmark, examples in benchmarks.items():
            kinds = [kind[example.id] for example in examples if example.id in kind]
            counts.append(
                (learnt, benchmark, len(examples), kinds.count("exact"), kinds.count("near"))
            )
    columns = ["Training set", "Benchmark", "Examples", "Exact", "Near"]
    return pd.DataFrame(counts, columns=columns).set_index(columns[:2])


def _near(mine: set[str], theirs: set[str]) -> set[str]:
    """Those of my texts that are near one of theirs."""
    from datasketch import MinHash, MinHashLSH

    def hashed(shingles: frozenset[str]) -> MinHash:
        hashes = MinHash(num_perm=BANDS * ROWS)
        hashes.update_batch([shingle.encode() for shingle in shingles])
        return hashes

    index = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
    known = {text: _shingles(text) for text in theirs}
    for text, shingles in known.items():
        index.insert(text, hashed(shingles))
    near = set()
    for text in mine:
        shingles = _shingles(text)
        candidates = (known[other] for other in index.query(hashed(shingles)))
        if any(_jaccard(shingles, other) >= THRESHOLD for other in candidates):
            near.add(text)
    return near


def _text(example: Example) -> str:
    """What is compared: words and single spaces."""
    texts = [*(turn.text for turn in example.dialogue), example.prompt]
    plain = unicodedata.normalize("NFKC", "\n".join(texts)).casefold()
    return " ".join(re.findall(r"\w+", plain))


def _shingles(text: str) -> frozenset[str]:
    """Runs of three words; a shorter text is one run."""
    words = text.split()
    starts = range(max(len(words) - WORDS, 0) + 1)
    return frozenset(" ".join(words[start : start + WORDS]) for start in starts)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
