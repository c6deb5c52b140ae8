"""Generation with vLLM, on GPUs or with its CPU build; always in a child process."""

import os
from collections.abc import Iterator
from typing import Any

from reasoning_guards import backbones, chat
from reasoning_guards.engines import Answer, Question, Request
from reasoning_guards.recipes import Decoding, Precision
from reasoning_guards.resources import Resources

# One process instead of a server and a worker: the child process is ours already, and starting a
# second one doubles the start-up time.
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
# As many threads as OMP_NUM_THREADS says, on any core. By itself vLLM ties them to cores and leaves
# one idle; engines side by side would all be tied to the same ones.
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


def settings(max_length: int, resources: Resources, precision: Precision) -> dict[str, Any]:
    """The arguments of vLLM's `EngineArgs`, but for the model."""
    given: dict[str, Any] = {
        "max_model_len": max_length,
        "load_format": "safetensors",  # other formats can run code when they are loaded
        "enable_prefix_caching": True,
        "tensor_parallel_size": resources.tensor_parallel,
        "dtype": precision,
        "disable_log_stats": True,
    }
    if resources.device == "cuda":
        return given | {"gpu_memory_utilization": resources.gpu_memory}
    # A prefill cut in chunks breaks per-request seeds on CPU, so each prompt goes whole.
    return given | {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(4096, max_length),
        # Prompts and generations share whole blocks alone; on CPUs one has 128 tokens otherwise.
        "block_size": 32,
    }


class VLLMEngine:
    """vLLM with its prefix cache on, so that the policy all prompts share is read once."""

    def __init__(
        self,
        source: str,
        revision: str | None,
        max_length: int,
        resources: Resources,
        precision: Precision,
    ) -> None:
        import vllm

        with backbones.for_text(source, revision, precision) as folder:
            own = revision if folder == source else None
            given = settings(max_length, resources, precision)
            self.model = vllm.LLM(model=folder, revision=own, **given)
        self.tokenizer = self.model.get_tokenizer()
        # vLLM adds what the model's generation settings list.
        self.ends = chat.end_ids(self.tokenizer)

    def answer(
        self, requests: list[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, list[Answer]]]:
        """All generations of a prompt share one request, and with it the prompt's cache."""
        import vllm

        # Requests that begin alike follow each other, so that they find each other's prefix.
        ordered = sorted(requests, key=lambda request: request.prompt)
        outputs = self.model.generate(
            [{"prompt_token_ids": request.prompt} for request in ordered],
            [
                vllm.SamplingParams(
                    n=decoding.generations,
                    temperature=decoding.temperature,
                    top_p=decoding.top_p,
                    max_tokens=decoding.max_new_tokens,
                    stop_token_ids=self.ends,
                    seed=request.seed(decoding),
                    detokenize=False,  # token by token; an answer is decoded once it is whole
                )
                for request in ordered
            ],
            use_tqdm=False,
        )
        for request, output in zip(ordered, outputs, strict=True):
            yield request, [self._answer(completion) for completion in output.outputs]

    def read(self, questions: list[Question]) -> list[list[float]]:
        """Each question is a request for one token; the prefix cache reads each prompt once."""
        import vllm

        outputs = self.model.generate(
            [{"prompt_token_ids": [*question.prompt, *question.lead]} for question in questions],
            [
                vllm.SamplingParams(
                    max_tokens=1, temperature=0, logprob_token_ids=list(question.tokens)
                )
                for question in questions
            ],
            use_tqdm=False,
        )
        return [
            [output.outputs[0].logprobs[0][token].logprob for token in question.tokens]
            for question, output in zip(questions, outputs, strict=True)
        ]

    def forget(self) -> None:
        """Empty the prefix cache."""
        self.model.reset_prefix_cache()

    def _answer(self, completion: Any) -> Answer:
        ended = completion.finish_reason == "stop"
        ids = list(completion.token_ids)
        # vLLM leaves the end token among the ids.
        kept = ids[:-1] if ended else ids
        return Answer(
            text=self.tokenizer.decode(kept, skip_special_tokens=True),
            tokens=len(kept),
            finish="stop" if ended else "length",
        )
