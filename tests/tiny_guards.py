"""A tiny guard that reads any text: random weights, one token per byte, in the hub's format.

And random adapters to it.
"""

from pathlib import Path
from typing import Any

CONTEXT = 2048
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message.content }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)


def build(folder: Path, *, padding: bool = True, end_ids: list[int] | None = None) -> Path:
    """Write a guard that `from_pretrained` and vLLM load.

    Args:
        folder: made if it is not there.
        padding: whether the tokenizer has a padding token; Llama's has none.
        end_ids: what ends an answer; the tokenizer's end token alone if None.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = tokenizer(padding=padding)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=32,  # vLLM's CPU kernels take heads of 32 and more
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.3,  # far from uniform, so that the most probable token is plain
        bos_token_id=words.bos_token_id,
        eos_token_id=end_ids or words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def adapters(folder: Path, base: Path) -> Path:
    """Write random low-rank adapters that change what a guard says, as PEFT releases them.

    Args:
        folder: made if it is not there.
        base: the guard's.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj", "up_proj"], task_type="CAUSAL_LM")
    torch.manual_seed(1)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:  # PEFT starts with adapters that change nothing
            torch.nn.init.normal_(weight, std=0.3)
    adapted.save_pretrained(folder)
    return folder


def tokenizer(*, padding: bool = True) -> Any:
    """One token per byte, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({char: index for index, char in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=CONTEXT)
    fast.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    if padding:
        fast.add_special_tokens({"pad_token": "<pad>"})
    fast.chat_template = CHAT_TEMPLATE
    return fast
