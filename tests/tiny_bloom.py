"""A tiny decoder: BLOOM's architecture with random weights, and a byte-level tokenizer like its own, trained here."""

import json
from pathlib import Path

import numpy as np

ITEMS = Path(__file__).parent / "evaluation" / "harness" / "items"
WORDS = " ?[^(\\s|[.,!?…。，、।۔،])]+"
"""How BLOOM's tokenizer splits a text before it merges bytes."""


def texts_of_items():
    """All sentences of the items that lie beside the comparison with the harness."""
    lines = [line for path in sorted(ITEMS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [value for line in lines for value in json.loads(line).values() if isinstance(value, str)]


def make_tokenizer(folder, texts, size=700, pad="<pad>"):
    import transformers
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<unk>", "<s>", "</s>", "<pad>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"} | ({"pad_token": pad} if pad else {})
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return made


def fill(model, seed=0, spread=0.15):
    """Weights out of numpy's frozen generator: the same with every version of torch."""
    import torch

    rng = np.random.RandomState(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = rng.standard_normal(tuple(parameter.shape)) * spread
            one = "norm" in name and name.endswith("weight")
            parameter.copy_(torch.from_numpy(values + one).to(parameter.dtype))
    return model


def make_bloom(folder, *, layers=2, **changes):
    """Write a BLOOM of two layers, 32 wide, with its tokenizer."""
    import transformers

    tokenizer = make_tokenizer(
        folder, [*texts_of_items(), "### Input:\nAnswer the number of option.\n1. a\n2. b\n### Output:\n"]
    )
    config = transformers.BloomConfig(
        **{
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": 32,
            "n_layer": layers,
            "n_head": 4,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 3,
        }
        | changes
    )
    fill(transformers.BloomForCausalLM(config)).save_pretrained(folder)
    return folder
