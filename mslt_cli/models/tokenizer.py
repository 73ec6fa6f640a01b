"""A model's tokenizer, read by the `tokenizers` library alone: no torch, no transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from mslt_cli.errors import ModelError, needs

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a model's tokenizer; it neither cuts nor pads. Raises: ModelError: the file is damaged."""
    with needs("Reading text with a tokenizer", "tokenizers", "offline"):
        from tokenizers import Tokenizer
    path = folder / "tokenizer.json"
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
