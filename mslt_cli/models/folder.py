"""What a model's folder must hold before anything of it is loaded, and which files of a hub repository make one.

Safetensors and JSON only: nothing that is unpickled, and no code that comes with a model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mslt_cli.errors import ModelError
from mslt_cli.files import cache_home, recall, remember, sha256_of

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
MEAN_HEAD = "mean_head.safetensors"
"""Beside an encoder that we trained: a head over the mean of its tokens, which no class of transformers has."""
INDEX = "model.safetensors.index.json"
"""Says which tensor is in which file, where the weights are in several."""

TOKENIZER_FILES = (TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
"""All that can change the ids of a text."""
SLOW_TOKENIZERS = ("sentencepiece.bpe.model", "sentencepiece.model", "spiece.model", "tokenizer.model", "vocab.txt")
"""Older forms of a tokenizer, which transformers can convert."""

WANTED_FILES = (CONFIG, "generation_config.json", *TOKENIZER_FILES, WEIGHTS, "model-*-of-*.safetensors", INDEX)
"""Patterns of the files that are fetched. Nothing else is: no *.bin, *.pt, *.py, *.h5, *.msgpack, *.onnx."""

PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PLAIN_NAME = re.compile(r"[\w.-]+\.safetensors")
"""Of a file in the folder itself: an index may not name a path."""
SHARD = re.compile(r"model-(\d+)-of-(\d+)\.safetensors")
AGAIN = "Fetch or copy it again."
MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""
LFS_POINTER = b"version https://git-lfs"
"""The first bytes of the pointer that git leaves in place of a large file."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model that can be loaded."""

    folder: Path
    config: dict[str, Any]
    """What config.json holds."""
    weights: tuple[Path, ...]
    """Safetensors, sorted by name; none if only the tokenizer was asked for."""
    tokenizer: Path


def check_model_folder(folder: Path, *, tokenizer_only: bool = False) -> ModelFiles:
    """Check that a folder holds a model that can be loaded safely; reads JSON and the headers of the weights.

    Args:
        folder: where config.json is.
        tokenizer_only: do not look at the weights; they may be absent.

    Raises:
        ModelError: something is missing, damaged, pickled, or needs code of its own; says which, and what to do.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file, not a model's folder." if folder.exists() else f"There is no {folder}.")
    if not (folder / CONFIG).is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelError(f"{folder} holds an adapter and no model: give the folder of the model that it adapts.")
        raise ModelError(f"{folder} is no model folder: {CONFIG} is missing.")
    config = _read_json(folder / CONFIG)
    tokenizer_config = folder / "tokenizer_config.json"
    if config.get("auto_map") or (tokenizer_config.is_file() and _read_json(tokenizer_config).get("auto_map")):
        raise ModelError(f"{folder} needs code of its own (auto_map), and mslt never runs downloaded code.")
    tokenizer = folder / TOKENIZER
    if not tokenizer.is_file():
        raise ModelError(_no_tokenizer(str(folder), {path.name for path in folder.iterdir()}))
    _check_whole_json(tokenizer)
    if b'"model"' not in tokenizer.read_bytes():
        raise ModelError(f"{tokenizer} is no tokenizer: it says nothing of a model. {AGAIN}")
    return ModelFiles(folder, config, () if tokenizer_only else _weights(folder), tokenizer)


def choose_files(paths: Sequence[str], *, tokenizer_only: bool = False, name: str = "The repository") -> list[str]:
    """Pick the files to fetch out of a repository's listing.

    Args:
        paths: all files of the repository; only those at its root are looked at.
        tokenizer_only: whether to leave the weights.
        name: of the repository, for messages.

    Returns:
        Sorted. The weights come in one file where there is such a file, and else in several with their index.

    Raises:
        ModelError: there is no config.json, no tokenizer.json or no safetensors.
    """
    root = {path for path in paths if "/" not in path}
    if CONFIG not in root:
        raise ModelError(f"{name} is no model of transformers: {CONFIG} is missing.")
    if TOKENIZER not in root:
        raise ModelError(_no_tokenizer(name, root))
    chosen = {path for path in root if any(fnmatch(path, pattern) for pattern in WANTED_FILES)}
    shards = {path for path in chosen if SHARD.fullmatch(path)}
    single, index = {WEIGHTS} & root, {INDEX} & root
    chosen -= shards | single | index
    if tokenizer_only:
        return sorted(chosen)
    if single:
        return sorted(chosen | single)
    if not shards or not index:
        raise ModelError(_no_weights(name, root))
    if missing := _missing_shards(shards):
        raise ModelError(f"{name} lacks a part of its weights: {_listed(missing)}.")
    return sorted(chosen | shards | index)


def tokenizer_sha256(folder: Path) -> str:
    """Identify the tokenizer of a model folder: SHA-256 over the names and bytes of TOKENIZER_FILES, in hex."""
    return _combined([folder / name for name in TOKENIZER_FILES if (folder / name).is_file()])


def weights_sha256(folder: Path) -> str:
    """Identify the weights of a model folder: SHA-256, in hex.

    That of the file where there is one, which is also what the hub states; else over the parts' names and SHA-256.

    Raises:
        ModelError: there are no weights that can be loaded.
    """
    weights = _weights(folder)
    return sha256_of(weights[0]) if len(weights) == 1 else _combined(weights)


def weights_checksum(folder: Path) -> str:
    """What `weights_sha256` gives, remembered by the files' places, sizes and times: it takes seconds to compute.

    Raises:
        ModelError: there are no weights that can be loaded.
    """
    stats = [(path.resolve(), path.stat()) for path in check_model_folder(folder).weights]
    key = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats)
    notes = cache_home() / "models" / "checksums.json"
    checksum = recall(notes, key)
    if checksum is None:
        checksum = weights_sha256(folder)
        remember(notes, key, checksum)
    return checksum


def _combined(paths: Sequence[Path]) -> str:
    lines = "".join(f"{path.name} {sha256_of(path)}\n" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()


def _weights(folder: Path) -> tuple[Path, ...]:
    """The files of the weights, each of them whole. One file comes before many, as transformers has it."""
    if (folder / WEIGHTS).is_file():
        weights = [folder / WEIGHTS]
    elif (folder / INDEX).is_file():
        weight_map = _read_json(folder / INDEX).get("weight_map")
        names = list(weight_map.values()) if isinstance(weight_map, dict) else []
        if not names or not all(isinstance(name, str) and PLAIN_NAME.fullmatch(name) for name in names):
            raise ModelError(f"{folder / INDEX} does not say which files beside it hold the weights. {AGAIN}")
        weights = sorted({folder / name for name in names})
        if missing := [path.name for path in weights if not path.is_file()]:
            raise ModelError(f"{folder} lacks a part of its weights: {_listed(missing)}. {AGAIN}")
    else:
        raise ModelError(_no_weights(str(folder), {path.name for path in folder.iterdir()}))
    for path in weights:
        _check_safetensors(path)
    return tuple(weights)


def _check_safetensors(path: Path) -> None:
    """Compare the size of a file with the size that its header announces.

    A file is 8 bytes with the length of the header, the header in JSON, and the tensors; the header says where in
    the rest of the file each tensor begins and ends.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise ModelError(_cut_short(path, f"it has {size} bytes"))
        if LFS_POINTER.startswith(start):
            raise ModelError(_lfs_pointer(path))
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER_BYTES:
            raise ModelError(f"{path} is not in the safetensors format. {AGAIN}")
        if 8 + length > size:
            raise ModelError(_cut_short(path, f"it has {size:,} bytes, and its header alone should have {length:,}"))
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
            announced = 8 + length + max(ends)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} is not in the safetensors format. {AGAIN}") from error
    if announced > size:
        raise ModelError(_cut_short(path, f"it has {size:,} bytes of {announced:,}"))
    if announced < size:
        raise ModelError(
            f"{path} is damaged: it has {size:,} bytes and announces {announced:,}. Fetch or copy it again."
        )


def _check_whole_json(path: Path) -> None:
    """Check both ends of a large JSON file: that shows whether it was cut, without reading it."""
    with path.open("rb") as file:
        start = file.read(64).lstrip()
        file.seek(max(0, path.stat().st_size - 64))
        end = file.read().rstrip()
    if start.startswith(LFS_POINTER):
        raise ModelError(_lfs_pointer(path))
    if not (start.startswith(b"{") and end.endswith(b"}")):
        raise ModelError(f"{path} is cut short, or no JSON. {AGAIN}")


def _lfs_pointer(path: Path) -> str:
    return f"{path} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in its folder."


def _cut_short(path: Path, how: str) -> str:
    return f"{path} is cut short: {how}. {AGAIN}"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON. {AGAIN}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object. {AGAIN}")
    return content


def _no_tokenizer(where: str, names: set[str]) -> str:
    slow = next((name for name in SLOW_TOKENIZERS if name in names), None)
    if slow is None:
        return (
            f"{where} has no tokenizer: {TOKENIZER} is missing. Put the one that the model was trained with beside it."
        )
    return (
        f"{where} has no tokenizer that mslt reads: {TOKENIZER} is missing. Convert its {slow} with"
        f" `AutoTokenizer.from_pretrained({where!r}).save_pretrained(...)` (needs sentencepiece and protobuf)."
    )


def _no_weights(where: str, names: set[str]) -> str:
    pickled = sorted(name for name in names if name.endswith(PICKLED) and name != "training_args.bin")
    if pickled:
        return (
            f"{where} holds only pickled weights, which mslt never loads: {_listed(pickled)}. Where you trust them,"
            " convert them to safetensors with `AutoModel.from_pretrained(...).save_pretrained(...)`."
        )
    return f"{where} has no weights that mslt reads: neither {WEIGHTS} nor {INDEX} with its parts is there."


def _missing_shards(shards: set[str]) -> list[str]:
    """Names of the parts that a listing lacks: each part says in its name how many there are."""
    matches = [match for shard in sorted(shards) if (match := SHARD.fullmatch(shard))]
    width, total = len(matches[0][1]), matches[0][2]
    return sorted({f"model-{i:0{width}d}-of-{total}.safetensors" for i in range(1, int(total) + 1)} - shards)


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
