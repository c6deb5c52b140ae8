"""How the next token is chosen: the greatest, or drawn by random numbers of the request's own."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from reasoning_guards.engines import Request
from reasoning_guards.recipes import Decoding

# So many tokens hold the share of top-p nearly always; to find these takes a fifth of sorting all.
PROBABLE = 32


def draw(scores: torch.Tensor, uniforms: torch.Tensor, top_p: float = 1.0) -> torch.Tensor:
    """Each row's next token, by inverting its cumulative distribution at a given number.

    With the random numbers fixed per request beforehand, an answer is the same in whatever batch,
    order or resumed run it is drawn; the batch's shared generator would not give that.

    Args:
        scores: logits, shape (rows, vocabulary).
        uniforms: shape (rows,), in [0, 1), float64: in float32 the greatest of them would round up
            to 1, where there is no token.
        top_p: a token is drawn only if those more probable hold less than this share.

    Returns:
        Token ids, shape (rows,).
    """
    probabilities = scores.double().softmax(-1)
    if top_p < 1:
        best = probabilities.topk(min(PROBABLE, scores.shape[-1])).values
        if bool((best.sum(-1) < top_p).any()):
            best = probabilities.sort(descending=True).values
        more_probable = best.cumsum(-1) - best
        least = best.where(more_probable < top_p, 1.0).amin(-1, keepdim=True)
        probabilities = probabilities.where(probabilities >= least, 0.0)
    cumulative = probabilities.cumsum(-1)
    return (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(-1)


def picker(
    batch: Sequence[Request], decoding: Decoding, device: torch.device
) -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
    """What chooses the next token of each row, given scores, rows and step.

    Rows are of `batch`, one for each generation of a request after the other.
    """
    if decoding.temperature == 0:
        return lambda scores, rows, step: scores.argmax(-1)
    # One row per request and generation, one column per token.
    drawn = np.stack(
        [
            np.random.default_rng(request.seed(decoding, generation)).random(
                decoding.max_new_tokens
            )
            for request in batch
            for generation in range(decoding.generations)
        ]
    )
    uniforms = torch.tensor(drawn, device=device)
    return lambda scores, rows, step: draw(
        scores / decoding.temperature, uniforms[rows, step], decoding.top_p
    )
