"""The estimate of memory beside what torch keeps for the backward pass, and beside sums by hand."""

import pytest

from mslt_cli.models.adapter import Adapter
from mslt_cli.models.folder import check_model_folder
from mslt_cli.models.shape import ModelShape, read_shape
from mslt_cli.training.memory import LargestPart, estimate_memory
from mslt_cli.training.settings import Settings

ROWS, LENGTH = 2, 40
HEADS, WIDTH, INNER, LAYERS, VOCABULARY = 4, 64, 256, 3, 100


def kept_bytes(network, scores):
    """Bytes that the forward pass keeps for the backward pass, parameters not counted."""
    import torch

    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        scores(network).float().logsumexp(-1).sum()
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in own)


@pytest.fixture
def ids():
    return pytest.importorskip("torch").randint(5, VOCABULARY, (ROWS, LENGTH))


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_an_encoder_keeps_as_much_as_torch_counts(dropout, ids):
    transformers = pytest.importorskip("transformers")
    network = transformers.BertForSequenceClassification(
        transformers.BertConfig(
            vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
            intermediate_size=INNER, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        )
    ).train()  # fmt: skip
    mask = ids.new_ones(ids.shape)
    mask[0, -2:] = 0
    counted = kept_bytes(network, lambda model: model(input_ids=ids, attention_mask=mask).logits)
    tensors = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    shape = ModelShape("bert", LAYERS, WIDTH, HEADS, INNER, VOCABULARY, dropout, tensors)
    settings = Settings(precision="fp32", batch_size=ROWS)
    memory = estimate_memory(shape, settings, LargestPart(ROWS, LENGTH, 1, VOCABULARY), on_gpu=False)
    assert memory.activations == pytest.approx(counted, rel=0.03)
    n = sum(parameter.numel() for parameter in network.parameters())
    assert (memory.weights, memory.gradients, memory.optimizer) == (8 * n, 4 * n, 8 * n)
    assert memory.total == 16 * n + max(4 * n, memory.activations)


@pytest.mark.parametrize("kind", ["bloom", "llama"])
def test_a_decoder_with_an_adapter_keeps_as_much_as_torch_counts(kind, ids):
    pytest.importorskip("peft")
    import peft
    import transformers

    if kind == "bloom":
        made = transformers.BloomForCausalLM(
            transformers.BloomConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS)
        )
    else:
        made = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                intermediate_size=INNER,
            )
        )  # fmt: skip
    tensors = {name: tuple(value.shape) for name, value in made.state_dict().items() if "lm_head" not in name}
    shape = ModelShape(kind, LAYERS, WIDTH, HEADS, INNER, VOCABULARY, 0.0, tensors)
    made.requires_grad_(False)
    adapter = Adapter(rank=8, four_bit=False)
    layers = ["query_key_value"] if kind == "bloom" else ["q_proj", "k_proj", "v_proj"]
    config = peft.LoraConfig(r=8, lora_dropout=0.05, target_modules=layers, task_type="CAUSAL_LM")
    network = peft.get_peft_model(made, config).train()
    mask = ids.new_ones(ids.shape)
    mask[0, -2:] = 0
    counted = kept_bytes(
        network,
        lambda model: model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False).logits,
    )
    settings = Settings(precision="fp32", batch_size=12, adapter=adapter, micro_batch=ROWS)
    memory = estimate_memory(shape, settings, LargestPart(ROWS, LENGTH, 0, VOCABULARY), on_gpu=False)
    assert memory.activations == pytest.approx(counted, rel=0.05)
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert (memory.gradients, memory.optimizer) == (4 * trained, 8 * trained)
    assert memory.total == memory.weights + 12 * trained + memory.activations


def test_a_large_model_by_hand():
    # XLM-R base: 12 layers, 768 wide, 3,072 inside, 250,002 words; 16 texts of 128 tokens in bfloat16 on a GPU. A layer
    # keeps 2·4·768 + 2·(8·768 + 2·3,072) + 2·768 + 2·128 + 4·12 = 32,560 bytes for a token: 12 of them and 9,216 more
    # of the embeddings, for 2,048 tokens, are 819 MB.
    tensors = {"words": (250_002, 768), "rest": (85_646_592,)}
    shape = ModelShape("xlm-roberta", 12, 768, 12, 3072, 250_002, 0.1, tensors)
    settings = Settings(precision="bf16", batch_size=16)
    memory = estimate_memory(shape, settings, LargestPart(16, 128, 1, 20_000), on_gpu=True)
    assert memory.activations == 2048 * (12 * 32_560 + 9_216)
    trained = 85_646_592 + 20_000 * 768  # the rows of the embedding that occur
    assert memory.weights == 4 * (250_002 * 768 + trained) + 2 * 85_646_592
    assert (memory.gradients, memory.optimizer) == (4 * trained, 8 * trained)
    # BLOOM 7.1 B, 4,096 wide: 30 adapters of 64·(4,096 + 12,288) numbers; its weights take half a byte and a bit each.
    tensors = {"words": (250_880, 4096)} | {f"h.{i}.query_key_value.weight": (12_288, 4096) for i in range(30)}
    shape = ModelShape("bloom", 30, 4096, 32, 16_384, 250_880, 0.0, tensors)
    settings = Settings(precision="bf16", batch_size=12, adapter=Adapter())
    memory = estimate_memory(shape, settings, LargestPart(4, 512, 100, 50_000), on_gpu=True)
    assert memory.optimizer == 8 * 30 * 64 * 16_384
    assert memory.weights == round(2 * 250_880 * 4096 + 0.516 * 30 * 12_288 * 4096 + 4 * 30 * 64 * 16_384)


def test_a_shape_is_read_from_config_and_headers(bloom):
    files = check_model_folder(bloom)
    shape = read_shape(files)
    assert (shape.kind, shape.layers, shape.width) == ("bloom", files.config["n_layer"], files.config["hidden_size"])
    assert shape.inner == 4 * shape.width and shape.tensors
    assert len(shape.adapted(Adapter())) == shape.layers
    assert 0 < shape.in_vocabulary < shape.parameters
