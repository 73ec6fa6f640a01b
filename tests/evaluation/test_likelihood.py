"""Log-likelihoods in batches with shared beginnings, against each text alone, without padding or cache."""

import pytest
from tiny_bloom import fill, make_tokenizer, texts_of_items

from mslt_cli.errors import ModelError
from mslt_cli.evaluation.likelihood import Text, log_likelihoods
from mslt_cli.models import batching
from mslt_cli.models.decoder import load_decoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {"vocab_size": 300, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
HIDDEN = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
CONFIGS = {
    "bloom": lambda: transformers.BloomConfig(**SMALL, hidden_size=32, n_layer=2, n_head=4),
    "llama": lambda: transformers.LlamaConfig(**SMALL, **HIDDEN, num_key_value_heads=2),
    "gpt2": lambda: transformers.GPT2Config(**SMALL, n_embd=32, n_layer=2, n_head=4, n_positions=96),
    "opt": lambda: transformers.OPTConfig(
        **SMALL, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48, word_embed_proj_dim=32
    ),
    "mpt": lambda: transformers.MptConfig(**SMALL, d_model=32, n_layers=2, n_heads=4, max_seq_len=96),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**SMALL, **HIDDEN),
}
"""Positions by ALiBi (out of the mask; MPT's out of the columns), by rotation (twice), learned (two ways)."""


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp("likelihood") / request.param
    make_tokenizer(made, texts_of_items(), size=300)
    config = CONFIGS[request.param]()
    fill(transformers.AutoModelForCausalLM.from_config(config)).save_pretrained(made)
    return made


def alone(decoder, text):
    """The slow obvious twin: one text, no padding, no cache, every score."""
    with torch.no_grad():
        logits = decoder.network(input_ids=torch.tensor([text.ids]), use_cache=False).logits[0]
    scores = torch.log_softmax(logits.double(), dim=-1)
    return sum(float(scores[t - 1, text.ids[t]]) for t in range(text.start, len(text.ids)))


def made_items(seed=0):
    """Items of all shapes: one text; the same but for the last token; a long common beginning; none; several starts."""
    rng = torch.Generator().manual_seed(seed)

    def ids(n):
        return tuple(torch.randint(4, 300, (n,), generator=rng).tolist())

    items = []
    for n in (1, 5, 9, 23, 40):
        begin = ids(n)
        items += [
            [Text((*begin, 7), len(begin))],
            [Text((*begin, 7), len(begin)), Text((*begin, 8), len(begin))],
            [Text((*begin, *ids(6)), len(begin)), Text((*begin, *ids(3)), len(begin))],
            [Text((*begin, *ids(4)), 1), Text((*begin, *ids(9)), max(1, n // 2))],
            [Text(ids(n + 2), n), Text(ids(n + 5), 1)],
            [Text((*begin, 9, *ids(5), end), n + 6) for end in (4, 5)] + [Text((*begin, 9, *ids(2), 6), n + 2)],
        ]
    return items


def test_batches_with_shared_beginnings_equal_each_text_alone(folder):
    decoder = load_decoder(folder, device="cpu")
    items = made_items()
    found = log_likelihoods(decoder, items)
    assert [len(values) for values in found] == [len(texts) for texts in items]
    for texts, values in zip(items, found, strict=True):
        assert values == pytest.approx([alone(decoder, text) for text in texts], abs=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_nothing(folder, side):
    decoder = load_decoder(folder, device="cpu")
    text = made_items()[9][0]
    ids, mask = torch.tensor([text.ids]), torch.ones(1, len(text.ids), dtype=torch.long)
    pads, none = torch.full((1, 5), decoder.pad_id), torch.zeros(1, 5, dtype=torch.long)
    order = (lambda a, b: (b, a)) if side == "left" else (lambda a, b: (a, b))
    given = {
        "input_ids": torch.cat(order(ids, pads), dim=1),
        "attention_mask": torch.cat(order(mask, none), dim=1),
    }
    if decoder.takes_positions:
        given["position_ids"] = torch.cat(order(torch.arange(len(text.ids))[None], none), dim=1)
    with torch.no_grad():
        logits = decoder.network(**given).logits[0]
    kept = logits[5:] if side == "left" else logits[: len(text.ids)]
    scores = torch.log_softmax(kept.double(), dim=-1)
    said = sum(float(scores[t - 1, text.ids[t]]) for t in range(text.start, len(text.ids)))
    assert said == pytest.approx(alone(decoder, text), abs=1e-4)
    assert log_likelihoods(decoder, [[text]])[0][0] == pytest.approx(said, abs=1e-4)


def test_what_texts_have_in_common_goes_through_the_model_once(bloom, monkeypatch):
    decoder = load_decoder(bloom, device="cpu")
    begin = tuple(range(10, 40))
    seen = []
    plain = decoder.network.forward

    def counting(**given):
        seen.append(given["input_ids"].numel())
        return plain(**given)

    monkeypatch.setattr(decoder.network, "forward", counting)
    log_likelihoods(decoder, [[Text((*begin, 50), 30), Text((*begin, 51), 30)]])
    assert seen == [30]  # one row for both: their last tokens are never put in
    seen.clear()
    log_likelihoods(decoder, [[Text((*begin, 50, 60, 70), 30), Text((*begin, 51, 61, 71), 30)]])
    assert seen == [30, 4]


@pytest.mark.parametrize("most", [1, 60, 100_000])
def test_the_size_of_batches_changes_nothing(bloom, monkeypatch, most):
    decoder = load_decoder(bloom, device="cpu")
    usual = log_likelihoods(decoder, made_items())
    monkeypatch.setitem(batching.BATCH_TOKENS, "cpu", most)
    for one, other in zip(usual, log_likelihoods(decoder, made_items()), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_batch_that_does_not_fit_into_memory_is_halved(bloom, monkeypatch):
    decoder = load_decoder(bloom, device="cpu")
    usual, plain, rows = log_likelihoods(decoder, made_items()), decoder.network.forward, []

    def scarce(**given):
        rows.append(len(given["input_ids"]))
        if rows[-1] > 3:
            raise torch.OutOfMemoryError("no")
        return plain(**given)

    monkeypatch.setattr(decoder.network, "forward", scarce)
    for one, other in zip(usual, log_likelihoods(decoder, made_items()), strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert max(rows) > 3

    def none_at_all(**given):
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(decoder.network, "forward", none_at_all)
    with pytest.raises(ModelError, match="too little memory for a text of"):
        log_likelihoods(decoder, made_items())


def test_a_model_that_gives_no_numbers_is_told(bloom):
    decoder = load_decoder(bloom, device="cpu")
    with torch.no_grad():
        next(iter(decoder.network.parameters())).fill_(float("nan"))
    with pytest.raises(ModelError, match="no finite numbers"):
        log_likelihoods(decoder, made_items())
