import json
import os

import pytest

from mslt_cli.errors import ModelError
from mslt_cli.files import sha256_of
from mslt_cli.models import canonical_name
from mslt_cli.models.folder import (
    check_model_folder,
    check_remembered,
    choose_files,
    tokenizer_sha256,
    weights_checksum,
    weights_sha256,
)


def safetensors_bytes(floats=2, name="w"):
    """A file with one tensor: 8 bytes of length, the header, then 4 bytes a float."""
    header = json.dumps({name: {"dtype": "F32", "shape": [floats], "data_offsets": [0, 4 * floats]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4 * floats)


@pytest.fixture
def folder(tmp_path):
    """A folder that passes."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer.json").write_text('{"model": {}}\n')
    (tmp_path / "model.safetensors").write_bytes(safetensors_bytes())
    return tmp_path


@pytest.fixture
def sharded(folder):
    """The same with its weights in two files."""
    (folder / "model.safetensors").unlink()
    parts = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for part in parts:
        (folder / part).write_bytes(safetensors_bytes(name=part))
    weight_map = dict(zip("ab", parts, strict=True))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def refusal(folder, **how):
    with pytest.raises(ModelError) as caught:
        check_model_folder(folder, **how)
    return str(caught.value)


def test_a_whole_folder_passes(folder):
    files = check_model_folder(folder)
    assert files.folder == folder
    assert files.config == {"model_type": "bert"}
    assert files.weights == (folder / "model.safetensors",)


def test_all_parts_of_the_weights_are_found(sharded):
    names = [path.name for path in check_model_folder(sharded).weights]
    assert names == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_one_file_comes_before_parts_as_in_transformers(sharded):
    (sharded / "model.safetensors").write_bytes(safetensors_bytes())
    assert [path.name for path in check_model_folder(sharded).weights] == ["model.safetensors"]


def test_for_a_tokenizer_no_weights_are_needed(folder):
    (folder / "model.safetensors").unlink()
    assert check_model_folder(folder, tokenizer_only=True).weights == ()
    assert "has no weights" in refusal(folder)


def test_what_is_no_folder_is_told(folder):
    assert refusal(folder / "absent") == f"There is no {folder / 'absent'}."
    assert refusal(folder / "config.json") == f"{folder / 'config.json'} is a file, not a model's folder."


def test_an_absent_config_is_told(folder):
    (folder / "config.json").unlink()
    assert refusal(folder) == f"{folder} is no model folder: config.json is missing."
    (folder / "adapter_config.json").write_text("{}")
    assert "holds an adapter and no model: give the folder of the model that it adapts" in refusal(folder)


@pytest.mark.parametrize("text", ['{"model_type": ', "[" * 100_000, "\xff\xfe"], ids=["cut", "deep", "binary"])
def test_a_config_that_is_not_json_is_told(folder, text):
    (folder / "config.json").write_text(text, encoding="latin-1")
    assert refusal(folder) == f"{folder / 'config.json'} is not JSON. Fetch or copy it again."


def test_a_config_that_is_no_object_is_told(folder):
    (folder / "config.json").write_text("[]")
    assert refusal(folder) == f"{folder / 'config.json'} is not a JSON object. Fetch or copy it again."


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_of_its_own_is_refused(folder, name):
    (folder / name).write_text(json.dumps({"auto_map": {"AutoModel": "modeling_own.OwnModel"}}))
    (folder / "modeling_own.py").write_text("raise SystemExit('this ran')")
    message = refusal(folder)
    assert message == f"{folder} needs code of its own (auto_map), and mslt never runs downloaded code."


def test_an_absent_tokenizer_is_told(folder):
    (folder / "tokenizer.json").unlink()
    assert refusal(folder).startswith(f"{folder} has no tokenizer: tokenizer.json is missing.")


def test_a_slow_tokenizer_is_told_how_to_convert(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "sentencepiece.bpe.model").touch()
    message = refusal(folder)
    assert "tokenizer.json is missing. Convert its sentencepiece.bpe.model with" in message
    assert f"AutoTokenizer.from_pretrained('{folder}').save_pretrained(" in message


def test_a_tokenizer_that_was_cut_is_told(folder):
    (folder / "tokenizer.json").write_text('{"model": {"vocab": [["a", 0.0], ["b"')
    assert refusal(folder) == f"{folder / 'tokenizer.json'} is cut short, or no JSON. Fetch or copy it again."
    (folder / "tokenizer.json").write_text("")
    assert "is cut short" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "last.ckpt", "model.pth"])
def test_pickled_weights_are_refused_and_never_opened(folder, name):
    (folder / "model.safetensors").unlink()
    (folder / name).symlink_to(folder / "leads nowhere")  # opening it would fail
    message = refusal(folder)
    assert message.startswith(f"{folder} holds only pickled weights, which mslt never loads: {name}.")
    assert "`AutoModel.from_pretrained(...).save_pretrained(...)`" in message


def test_pickled_weights_beside_safetensors_do_no_harm(folder):
    (folder / "pytorch_model.bin").touch()
    assert [path.name for path in check_model_folder(folder).weights] == ["model.safetensors"]


def test_the_arguments_of_a_training_are_no_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "training_args.bin").touch()
    (folder / "tf_model.h5").touch()
    assert "has no weights that mslt reads: neither model.safetensors nor" in refusal(folder)


@pytest.mark.parametrize("lost", [1, 7])
def test_weights_that_were_cut_are_told(folder, lost):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-lost])
    n = len(whole)
    assert refusal(folder) == f"{path} is cut short: it has {n - lost} bytes of {n}. Fetch or copy it again."


@pytest.mark.parametrize("kept", [0, 3, 8, 20])
def test_a_head_that_was_cut_is_told(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert f"{path} is cut short: it has {kept} bytes" in refusal(folder)


def test_weights_with_something_behind_them_are_told(folder):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    assert f"is damaged: it has {len(whole) + 1} bytes and announces {len(whole)}" in refusal(folder)


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 a zip archive, as torch.save writes it" * 3,
        (4).to_bytes(8, "little") + b"null",
        (9).to_bytes(8, "little") + b'{"w": {}}',
        (2).to_bytes(8, "little") + b"{}",
    ],
    ids=["zip", "null", "no offsets", "no tensors"],
)
def test_what_only_has_the_name_of_safetensors_is_told(folder, data):
    (folder / "model.safetensors").write_bytes(data)
    assert "is not in the safetensors format. Fetch or copy it again." in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_what_git_left_of_a_large_file_is_told(folder, name):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1115567652\n"
    (folder / name).write_text(pointer)
    assert refusal(folder) == (
        f"{folder / name} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in its folder."
    )


def test_a_missing_part_is_named(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    assert refusal(sharded) == (
        f"{sharded} lacks a part of its weights: model-00002-of-00002.safetensors. Fetch or copy it again."
    )


def test_a_part_that_was_cut_is_named(sharded):
    path = sharded / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert str(path) in refusal(sharded)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/model.safetensors", "pytorch_model.bin", 7, ["x"]])
def test_an_index_may_only_name_safetensors_beside_it(sharded, name):
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert "does not say which files beside it hold the weights" in refusal(sharded)


# What lies at the root of two well-known repositories, and a little of what lies below.
XLM_R = [
    *(".gitattributes", "README.md", "config.json", "flax_model.msgpack", "model.safetensors", "onnx/config.json"),
    *("onnx/model.onnx", "onnx/tokenizer.json", "pytorch_model.bin", "sentencepiece.bpe.model", "tf_model.h5"),
    *("tokenizer.json", "tokenizer_config.json"),
]
BLOOM = [
    *("README.md", "config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"),
    *("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"),
    *("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"),
]


def test_of_several_formats_only_safetensors_are_fetched():
    assert choose_files(XLM_R) == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def test_parts_are_fetched_with_their_index():
    assert choose_files(BLOOM) == [
        *("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        *("model.safetensors.index.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"),
    ]


def test_weights_in_one_file_are_not_fetched_in_parts_as_well():
    chosen = choose_files([*BLOOM, "model.safetensors"])
    assert "model.safetensors" in chosen
    assert not any("-of-" in name or "index" in name for name in chosen)


def test_for_a_tokenizer_no_weights_are_fetched():
    assert choose_files(XLM_R, tokenizer_only=True) == ["config.json", "tokenizer.json", "tokenizer_config.json"]
    assert not any("safetensors" in name for name in choose_files(BLOOM, tokenizer_only=True))


def test_a_repository_with_pickles_only_is_refused():
    paths = [name for name in BLOOM if "safetensors" not in name]
    with pytest.raises(ModelError) as caught:
        choose_files(paths, name="org/old")
    assert str(caught.value) == (
        "org/old holds only pickled weights, which mslt never loads: pytorch_model-00001-of-00002.bin,"
        " pytorch_model-00002-of-00002.bin. Where you trust them, convert them to safetensors with"
        " `AutoModel.from_pretrained(...).save_pretrained(...)`."
    )


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("config.json", "The repository is no model of transformers: config.json is missing."),
        ("tokenizer.json", "The repository has no tokenizer: tokenizer.json is missing."),
        ("model-00002-of-00002.safetensors", "lacks a part of its weights: model-00002-of-00002.safetensors."),
        ("model.safetensors.index.json", "holds only pickled weights"),
    ],
)
def test_a_repository_without_a_needed_file_is_refused(without, message):
    with pytest.raises(ModelError) as caught:
        choose_files([name for name in BLOOM if name != without])
    assert message in str(caught.value)


def test_what_is_chosen_passes_the_checks(sharded):
    for name in choose_files([path.name for path in sharded.iterdir()]):
        assert (sharded / name).is_file()
    check_model_folder(sharded)


def test_the_identity_of_a_tokenizer_is_that_of_the_files_that_change_ids(folder):
    before = tokenizer_sha256(folder)
    (folder / "README.md").write_text("new")
    (folder / "config.json").write_text("{}")
    assert tokenizer_sha256(folder) == before
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    cased = tokenizer_sha256(folder)
    (folder / "tokenizer.json").write_text('{"model": {"unk_id": 3}}')
    assert len({before, cased, tokenizer_sha256(folder)}) == 3


def test_the_identity_of_weights_in_one_file_is_the_files(folder):
    assert weights_sha256(folder) == sha256_of(folder / "model.safetensors")


def test_the_identity_of_weights_in_parts_takes_in_every_part(sharded):
    before = weights_sha256(sharded)
    path = sharded / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert weights_sha256(sharded) != before


def test_an_adapter_beside_a_model_is_refused(folder):
    (folder / "adapter_config.json").write_text("{}")
    assert refusal(folder) == (
        f"{folder} holds a model and an adapter (adapter_config.json), and it is not clear whether both are meant."
        " Merge them (peft's merge_and_unload), or move the adapter out of the folder."
    )


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("config.json", "transformers_weights", "other.safetensors"),
        ("config.json", "configuration_files", ["config.4.0.0.json"]),
        ("tokenizer_config.json", "transformers_weights", "other.safetensors"),
    ],
)
def test_a_config_that_leads_to_other_files_is_refused(folder, name, key, value):
    (folder / name).write_text(json.dumps({key: value}))
    assert refusal(folder).startswith(f"{folder / name} names other files in place of the usual ones ({key})")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "added_tokens.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "7" * 5000 + "}"], ids=["deep", "long"])
def test_json_that_no_parser_takes_is_told(folder, name, text):
    (folder / name).write_text(text)
    assert refusal(folder) == f"{folder / name} is not JSON. Fetch or copy it again."


def test_a_library_is_shown_only_the_files_that_are_in_the_identity(folder, sharded):
    for name in ("generation_config.json", "tokenizer.model", "vocab.txt", "pytorch_model.bin", "own.py", "x.gguf"):
        (folder / name).write_text("")
    (folder / "added_tokens.json").write_text("{}")
    with check_model_folder(sharded).alone() as place:
        shown = {path.name for path in place.iterdir()}
    parts = {f"model-0000{i}-of-00002.safetensors" for i in (1, 2)}
    assert shown == {"config.json", "tokenizer.json", "added_tokens.json", "model.safetensors.index.json", *parts}
    assert not place.exists()


def test_changed_weights_are_noticed_though_size_and_time_are_as_before(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    path, before = folder / "model.safetensors", weights_checksum(folder)
    stat, data = path.stat(), bytearray(path.read_bytes())
    check_remembered(check_model_folder(folder))
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ModelError, match="have changed since they were last looked at"):
        check_remembered(check_model_folder(folder))
    assert weights_checksum(folder) == weights_sha256(folder) != before
    check_remembered(check_model_folder(folder))


def test_a_checksum_is_remembered(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    before = weights_checksum(folder)
    monkeypatch.setattr("mslt_cli.models.folder.weights_sha256", lambda folder: pytest.fail("hashed again"))
    assert weights_checksum(folder) == before


def test_names_that_are_no_text_or_too_long_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"is not text in UTF-8. Rename its folder"):
        canonical_name("./caf\udce9")
    assert canonical_name("x" * 300) == "x" * 300
    assert refusal(tmp_path / ("x" * 300)).startswith("There is no ")
