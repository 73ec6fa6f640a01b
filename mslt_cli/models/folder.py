"""What a model's folder must hold before its weights are loaded, its tokenizer, and which files of the hub make one.

Safetensors and JSON only: nothing that is unpickled, and no code that comes with a model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import ModelError, needs
from mslt_cli.files import cache_home, recall, remember, sha256_of
from mslt_cli.foreign import UnreadableError, parse_json, read_text_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
MEAN_POOLED = "mslt-mean-pooled"
"""The `model_type` of an encoder with a head over the mean of its tokens. Classes of transformers have no such head for
most encoders: by this name they refuse the folder, and would else make up a head (see `models.mean_pooled`)."""
ENCODER_TYPE = "encoder_type"
"""The key of such a config for the encoder's own `model_type`."""
MEAN_HEAD = "mean_head.safetensors"
"""How an earlier mslt kept such a head: beside the encoder."""
INDEX = "model.safetensors.index.json"
"""Says which tensor is in which file, where the weights are in several."""
SHARD = re.compile(r"model-(\d+)-of-(\d+)\.safetensors")

TOKENIZER_SETTINGS = "tokenizer_config.json"
TOKENIZER_FILES = (TOKENIZER, TOKENIZER_SETTINGS, "special_tokens_map.json", "added_tokens.json")
"""All that can change the ids of a text."""
CHAT_TEMPLATE, GENERATION = "chat_template.jinja", "generation_config.json"
"""Of models that were tuned on conversations: what `models.chat` reads. No identity of a model holds them."""
ADAPTER_CONFIG = "adapter_config.json"
"""Makes transformers and peft add an adapter to whatever model lies beside it."""
REFERENCES = ("configuration_files", "transformers_weights")
"""Keys of a config by which transformers would read other files than those that are checked."""
TOKENIZERS_BY_VERSION = "fast_tokenizer_files"
"""Names further tokenizers for some versions of transformers: tokenizer.json is read whatever it says."""
SLOW_TOKENIZERS = ("sentencepiece.bpe.model", "sentencepiece.model", "spiece.model", "tokenizer.model", "vocab.txt")
"""Older forms of a tokenizer, which transformers can convert."""

PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PLAIN_NAME = re.compile(r"[\w.-]+\.safetensors")
"""Of a file in the folder itself: an index may not name a path."""
MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""
LFS_POINTER = b"version https://git-lfs"
"""The first bytes of the pointer that git leaves in place of a large file."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model that can be loaded."""

    folder: Path
    config: dict[str, Any]
    """Of the encoder itself, where the folder holds one with a head over the mean of its tokens."""
    weights: tuple[Path, ...]
    """Safetensors, sorted by name; none if only the tokenizer was asked for."""
    mean_pooled: bool = False
    """Whether there is a head over the mean of the tokens."""

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """Yield a folder of links to config, weights and tokenizer alone: what is checked, and in a run's identity.

        A library that loads from there can take nothing else that the model's folder may hold: an adapter, settings
        of generation, a second tokenizer, weights in another format, or code.
        """
        names = [CONFIG, *TOKENIZER_FILES, *(path.name for path in self.weights)]
        if self.weights and self.weights[0].name != WEIGHTS:
            names.append(INDEX)
        with TemporaryDirectory(prefix="mslt-") as place:
            for name in names:
                source = (self.folder / name).absolute()
                if source.is_file():
                    try:
                        os.symlink(source, Path(place, name))
                    except OSError:  # not everybody may make links on Windows
                        shutil.copyfile(source, Path(place, name))
            if self.mean_pooled:
                Path(place, CONFIG).unlink()  # the link
                Path(place, CONFIG).write_text(json.dumps(self.config), encoding="utf-8")
            settings = Path(place, TOKENIZER_SETTINGS)
            if settings.is_file() and TOKENIZERS_BY_VERSION in (stated := read_json_object(settings)):
                settings.unlink()  # the link
                del stated[TOKENIZERS_BY_VERSION]
                settings.write_text(json.dumps(stated), encoding="utf-8")
            yield Path(place)


def check_model_folder(folder: Path, *, tokenizer_only: bool = False) -> ModelFiles:
    """Check that a folder holds a model that can be loaded safely; reads JSON and the headers of the weights.

    With `tokenizer_only` the weights may be absent, and are not looked at. Raises ModelError where something is
    missing, damaged, pickled, or needs code of its own; it says which, and what to do.
    """
    if not os.path.isdir(folder):  # `Path.is_dir` raises where a name is too long
        raise ModelError(
            f"{folder} is a file, not a model's folder." if os.path.exists(folder) else f"There is no {folder}."
        )
    if not (folder / CONFIG).is_file():
        if (folder / ADAPTER_CONFIG).is_file():
            raise ModelError(f"{folder} holds an adapter and no model: give the folder of the model that it adapts.")
        raise ModelError(f"{folder} is no model folder: {CONFIG} is missing.")
    if (folder / ADAPTER_CONFIG).is_file():
        raise ModelError(
            f"{folder} holds a model and an adapter ({ADAPTER_CONFIG}), and it is not clear whether both are meant."
            " Merge them (peft's merge_and_unload), or move the adapter out of the folder."
        )
    config = read_json_object(folder / CONFIG)
    for name in (CONFIG, *TOKENIZER_FILES[1:]):
        stated = config if name == CONFIG else read_json_object(folder / name) if (folder / name).is_file() else {}
        if stated.get("auto_map"):
            raise ModelError(f"{folder} needs code of its own (auto_map), and mslt never runs downloaded code.")
        if key := next((key for key in REFERENCES if stated.get(key)), None):
            raise ModelError(
                f"{folder / name} names other files in place of the usual ones ({key}), which mslt does not read."
                " Load the model with transformers, and save it again with `save_pretrained`."
            )
    _check_tokenizer(folder / TOKENIZER)
    mean_pooled = (folder / MEAN_HEAD).is_file()
    if config.get("model_type") == MEAN_POOLED:
        mean_pooled, config = True, {**config, "model_type": config.get(ENCODER_TYPE)}
    return ModelFiles(folder, config, () if tokenizer_only else _weights(folder), mean_pooled)


def choose_files(paths: Sequence[str], *, tokenizer_only: bool = False, name: str = "The repository") -> list[str]:
    """Pick the files to fetch out of a repository's listing: no *.bin, *.pt, *.py, *.h5, *.msgpack, *.onnx.

    Only those at its root are looked at. The weights come in one file where there is such a file, and else in several
    with their index. Raises ModelError about `name` where there is no config.json, no tokenizer.json or no safetensors.
    """
    root = {path for path in paths if "/" not in path}
    if CONFIG not in root:
        raise ModelError(f"{name} is no model of transformers: {CONFIG} is missing.")
    if TOKENIZER not in root:
        raise _no_tokenizer(name, root)
    chosen = root & {CONFIG, *TOKENIZER_FILES}
    if tokenizer_only:
        return sorted(chosen)
    if WEIGHTS in root:
        return sorted(chosen | {WEIGHTS})
    shards = [shard for path in sorted(root) if (shard := SHARD.fullmatch(path))]
    if not shards or INDEX not in root:
        raise _no_weights(name, root)
    number, total = shards[0].groups()  # each part says in its name how many there are
    parts = {f"model-{i:0{len(number)}d}-of-{total}.safetensors" for i in range(1, int(total) + 1)}
    if missing := sorted(parts - root):
        raise ModelError(f"{name} lacks a part of its weights: {_listed(missing)}.")
    return sorted(chosen | {INDEX, *(shard[0] for shard in shards)})


def tokenizer_sha256(folder: Path) -> str:
    """Identify the tokenizer of a model folder: SHA-256 over the names and bytes of TOKENIZER_FILES, in hex."""
    return _combined_sha256([folder / name for name in TOKENIZER_FILES if (folder / name).is_file()])


def weights_sha256(folder: Path) -> str:
    """Identify the weights of a folder: SHA-256 of the one file, as on the hub, or over the parts' lines, in hex."""
    weights = _weights(folder)
    return sha256_of(weights[0]) if len(weights) == 1 else _combined_sha256(weights)


def weights_checksum(folder: Path) -> str:
    """What `weights_sha256` gives, remembered while the files' places, sizes, times and inodes stay as they are.

    The time at which the system last changed a file (ctime) is among these: no copy or `touch` can set it back.
    `check_remembered` computes the checksum anew before weights are used.
    """
    weights = check_model_folder(folder).weights
    stats = [path.stat() for path in weights]
    state = ",".join(f"{s.st_size} {s.st_mtime_ns} {s.st_ctime_ns} {s.st_ino}" for s in stats)
    known, _, checksum = (recall(_notes(), _place(weights)) or "").rpartition(" ")
    if known != state:
        checksum = weights_sha256(folder)
        remember(_notes(), _place(weights), f"{state} {checksum}")
    return checksum


def check_remembered(files: ModelFiles) -> None:
    """Hash weights that are about to be loaded. Raises: ModelError: `weights_checksum` has said something else.

    So a run that starts hours after its identity was made, or after a file was changed behind the system's back,
    does not go by a name that is not its own.
    """
    noted = recall(_notes(), _place(files.weights))
    if noted and noted.rpartition(" ")[2] != weights_sha256(files.folder):
        remember(_notes(), _place(files.weights), "")
        raise ModelError(
            f"The weights in {files.folder} have changed since they were last looked at. Run the same command again if"
            " that was meant; else fetch or copy them again."
        )


def _notes() -> Path:
    return cache_home() / "models" / "checksums.json"


def _place(weights: Sequence[Path]) -> str:
    return "\n".join(str(path.resolve()) for path in weights)


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a model's tokenizer; it neither cuts nor pads. Raises: ModelError: the file is damaged."""
    with needs("Reading text with a tokenizer", "tokenizers", "offline"):
        from tokenizers import Tokenizer
    path = folder / TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise ModelError(f"{path} is not a tokenizer ({str(error)[:80]}). Fetch it again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def glues_words(tokenizer: Tokenizer) -> bool:
    """Whether words given one by one come out as one (byte-level tokenizers, as BLOOM's): then blanks join them."""
    ids = tokenizer.encode(["a", "b"], is_pretokenized=True, add_special_tokens=False).ids
    return tokenizer.decode(ids).strip() == "ab"


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """The id that stands for what the vocabulary cannot spell; None where there is none (byte-level ones)."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    token = model.get("unk_token")
    return tokenizer.token_to_id(token) if token else None


def _combined_sha256(paths: Sequence[Path]) -> str:
    lines = "".join(f"{path.name} {sha256_of(path)}\n" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()


def _weights(folder: Path) -> tuple[Path, ...]:
    """The files of the weights, each of them whole. One file comes before many, as transformers has it."""
    index = folder / INDEX
    if (folder / WEIGHTS).is_file():
        weights = [folder / WEIGHTS]
    elif index.is_file():
        weight_map = read_json_object(index).get("weight_map")
        names = list(weight_map.values()) if isinstance(weight_map, dict) else []
        if not names or not all(isinstance(name, str) and PLAIN_NAME.fullmatch(name) for name in names):
            raise _damaged(index, "does not say which files beside it hold the weights")
        weights = sorted({folder / name for name in names})
        if missing := [path.name for path in weights if not path.is_file()]:
            raise _damaged(folder, f"lacks a part of its weights: {_listed(missing)}")
    else:
        raise _no_weights(str(folder), os.listdir(folder))
    for path in weights:
        _check_safetensors(path)
    return tuple(weights)


def _check_safetensors(path: Path) -> None:
    """Compare a file's size with what it announces: 8 bytes, the header's length; a header in JSON; the tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise _damaged(path, f"is cut short: it has {size} bytes")
        if LFS_POINTER.startswith(start):
            raise _lfs_pointer(path)
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER_BYTES:
            raise _damaged(path, "is not in the safetensors format")
        if 8 + length > size:
            raise _damaged(path, f"is cut short: it has {size:,} bytes, and its header alone should have {length:,}")
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
            announced = 8 + length + max(ends)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise _damaged(path, "is not in the safetensors format") from error
    if announced > size:
        raise _damaged(path, f"is cut short: it has {size:,} bytes of {announced:,}")
    if announced < size:
        raise _damaged(path, f"is damaged: it has {size:,} bytes and announces {announced:,}")


def _check_tokenizer(path: Path) -> None:
    """Check that the file is there, was not cut, which both its ends show, and states a model, without parsing it."""
    if not path.is_file():
        raise _no_tokenizer(str(path.parent), os.listdir(path.parent))
    content = path.read_bytes().strip()
    if content.startswith(LFS_POINTER):
        raise _lfs_pointer(path)
    if not (content.startswith(b"{") and content.endswith(b"}")):
        raise _damaged(path, "is cut short, or no JSON")
    if b'"model"' not in content:
        raise _damaged(path, "is no tokenizer: it says nothing of a model")


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model. ModelError: there is none."""
    try:
        content = parse_json(read_text_file(path))
    except UnreadableError as error:
        raise _damaged(path, "is not JSON") from error
    if not isinstance(content, dict):
        raise _damaged(path, "is not a JSON object")
    return content


def _damaged(path: Path, how: str) -> ModelError:
    return ModelError(f"{path} {how}. Fetch or copy it again.")


def _lfs_pointer(path: Path) -> ModelError:
    return ModelError(f"{path} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in its folder.")


def _no_tokenizer(where: str, names: Collection[str]) -> ModelError:
    that, todo = "", "Put the one that the model was trained with beside it."
    if slow := next((name for name in SLOW_TOKENIZERS if name in names), None):
        convert = f"`AutoTokenizer.from_pretrained({where!r}).save_pretrained(...)`"
        that, todo = " that mslt reads", f"Convert its {slow} with {convert} (needs sentencepiece and protobuf)."
    return ModelError(f"{where} has no tokenizer{that}: {TOKENIZER} is missing. {todo}")


def _no_weights(where: str, names: Collection[str]) -> ModelError:
    pickled = sorted(name for name in names if name.endswith(PICKLED) and name != "training_args.bin")
    if pickled:
        return ModelError(
            f"{where} holds only pickled weights, which mslt never loads: {_listed(pickled)}. Where you trust them,"
            " convert them to safetensors with `AutoModel.from_pretrained(...).save_pretrained(...)`."
        )
    return ModelError(f"{where} has no weights that mslt reads: neither {WEIGHTS} nor {INDEX} with its parts is there.")


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
