"""What decides how much memory and arithmetic a model takes: its shape, and what follows from it.

The numbers stand in `architectures.yaml`, from the configurations that models are published with.
The formulas need no model library; tests hold them against the true classes on the meta device.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from reasoning_guards.values import Precision

BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Architecture:
    """A decoder of RMS norms, grouped queries and gated MLPs; the YAML file says what is what."""

    name: str
    source: str
    card: float
    layer: str
    layers: int
    width: int
    mlp: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    models: tuple[str, ...]
    tied: bool = False
    norms: int = 2
    query_norms: bool = False
    window: int | None = None
    full_every: int = 1
    images: int = 0
    idle: int = 0
    served: float | None = None

    @property
    def of_queries(self) -> int:
        """Width of all query heads together."""
        return self.heads * self.head

    @property
    def of_keys(self) -> int:
        """Width of all key heads together, and of all value heads."""
        return self.kv_heads * self.head

    @property
    def of_layer(self) -> int:
        """Parameters of a decoder layer, as far as a token passes them."""
        attention = self.width * 2 * (self.of_queries + self.of_keys)
        norms = self.norms * self.width + 2 * self.head * self.query_norms
        return attention + 3 * self.width * self.mlp + norms

    @property
    def of_head(self) -> int:
        """Parameters of the output layer, which may be the embedding's."""
        return self.vocabulary * self.width

    @property
    def embedding(self) -> int:
        """Parameters outside the layers: embedding and output layer."""
        return self.of_head * (1 if self.tied else 2)

    @property
    def active(self) -> int:
        """Parameters that a token of text passes."""
        return self.layers * self.of_layer + self.embedding + self.width

    @property
    def loaded(self) -> int:
        """Parameters that are loaded to train a guard or to ask it."""
        return self.active + self.idle

    @property
    def parameters(self) -> int:
        """All that are released."""
        return self.loaded + self.images

    def adapters(self, rank: int) -> int:
        """Parameters of low-rank adapters on every linear layer but the output layer."""
        ends = 2 * (self.width + self.of_queries) + 2 * (self.width + self.of_keys)
        return self.layers * rank * (ends + 3 * (self.width + self.mlp))

    def weights(self, precision: Precision) -> float:
        """Bytes of all weights, as an engine loads them."""
        return self.loaded * (self.served or BYTES[precision])

    def cache(self, tokens: int, precision: Precision) -> float:
        """Bytes of a sequence's keys and values, where layers with a window keep no more."""
        full = self.layers // self.full_every if self.window else self.layers
        kept = full * tokens + (self.layers - full) * min(tokens, self.window or tokens)
        return 2 * self.of_keys * BYTES[precision] * kept


@cache
def known() -> dict[str, Architecture]:
    """Every architecture by name."""
    text = files("reasoning_guards").joinpath("architectures.yaml").read_text()
    return {
        name: Architecture(name=name, **{**row, "models": tuple(row["models"])})
        for name, row in yaml.safe_load(text).items()
    }


def of(model: str) -> Architecture | None:
    """The architecture of a hub id or an embedded backbone; None if it is none of those listed."""
    for each in known().values():
        if model in each.models or model.rsplit("-", 1)[0] in each.models:
            return each
    return None
