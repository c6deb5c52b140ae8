"""GPUs by name: what their data sheets say of memory and speed."""

from typing import Literal, NamedTuple

CardName = Literal["A100 40GB", "A100 80GB", "H100", "H200", "B200", "L4", "RTX 4090"]


class Card(NamedTuple):
    """A GPU.

    Attributes:
        gib: memory, as its driver reports it.
        flops: dense bfloat16 matrix products with float32 sums, a second, at best.
        bandwidth: bytes read from its memory a second, at best.
    """

    gib: float
    flops: float
    bandwidth: float


# NVIDIA's data sheets: A100 (SXM), H100 (SXM), H200, B200 (HGX), L4, and the Ada whitepaper;
# where a sheet gives products of sparse matrices, half of that.
CARDS: dict[CardName, Card] = {
    "A100 40GB": Card(40.0, 312e12, 1.555e12),
    "A100 80GB": Card(80.0, 312e12, 2.039e12),
    "H100": Card(79.6, 989e12, 3.35e12),
    "H200": Card(140.4, 989e12, 4.8e12),
    "B200": Card(179.1, 2250e12, 8.0e12),
    "L4": Card(22.5, 121e12, 0.30e12),
    "RTX 4090": Card(24.0, 165e12, 1.008e12),
}

USUAL: CardName = "A100 80GB"
"""Of profiles that name none: the paper's."""
