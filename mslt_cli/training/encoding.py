"""A split as token ids, made once: all combinations and seeds share the cached file.

    HF_HOME/mslt/tokens/udpos/deu/train-0a1b2c3d4e5f-88693b70f1aa-512.npz

Its name says all that is in it depends on: the rows, the tokenizer, and the longest example.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.prepared import Record
from mslt_cli.errors import FetchError, UsageError
from mslt_cli.files import cache_home, new_file
from mslt_cli.models.tokenizer import glues_words
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.prompts import Spacing, instruction_prompt
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl
    from tokenizers import Encoding, Tokenizer

FORMAT = 1
"""Raised when what the arrays mean changes."""
BATCH = 2_000
BARE_MARKS = "▁Ġ "
"""What stands for a blank before a word. A token of nothing else is no part of the word itself."""


@dataclass(frozen=True)
class Encoded:
    """The rows of a split as token ids, flat: segment s is `ids[starts[s] : starts[s + 1]]`.

    A row is one segment, but for words (token classification) that are too many for the model: then the words go on
    in a further segment.
    """

    ids: NDArray[np.int32]
    """Token ids, special ones included."""
    types: NDArray[np.uint8]
    """Of each token: 1 for the second text of a pair, where the tokenizer tells them apart."""
    starts: NDArray[np.int64]
    """Shape (segments + 1,)."""
    row: NDArray[np.int32]
    """Which row a segment is of, in the order of rows; shape (segments,)."""
    positions: NDArray[np.int32]
    """Token classification: where in its segment the token stands that carries a word's label. Instructions: the token
    before each one of the answer, which it is to foretell."""
    words: NDArray[np.int32]
    """Which word of the row that is, or which token of the answer, from 0."""
    word_starts: NDArray[np.int64]
    """The words of segment s are `positions[word_starts[s] : word_starts[s + 1]]`, and `words` likewise."""
    cut: int
    """Rows that are longer than the model takes: texts lose their end, words go on in a further segment."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each segment, shape (segments,)."""
        return np.diff(self.starts)

    def first_segments(self) -> NDArray[np.int64]:
        """The first segment of each row, shape (rows,)."""
        first = np.ones(len(self.row), dtype=bool)
        first[1:] = self.row[1:] != self.row[:-1]
        return np.flatnonzero(first)

    def head(self, rows: int) -> Encoded:
        """The first rows alone."""
        s = int(np.searchsorted(self.row, rows))
        tokens, words = int(self.starts[s]), int(self.word_starts[s])
        return Encoded(
            *(self.ids[:tokens], self.types[:tokens], self.starts[: s + 1], self.row[:s]),
            *(self.positions[:words], self.words[:words], self.word_starts[: s + 1], self.cut),
        )


def encoded_split(
    task: Task,
    record: Record,
    frame: pl.DataFrame,
    tokenizer: Tokenizer,
    tokenizer_sha256: str,
    max_length: int,
    *,
    eos_id: int | None = None,
    spacing: Spacing | None = None,
    progress: Progress = QUIET,
) -> Encoded:
    """The rows of a split as token ids, out of the cache where they are in it.

    Args:
        task: of kind sequence- or token-classification, or instruction.
        record: of the split; its checksum is part of the file's name.
        frame: its rows.
        tokenizer: of the model.
        tokenizer_sha256: see `models.directory.tokenizer_sha256`.
        max_length: longest example in tokens, special ones included.
        eos_id: instructions: what ends an answer.
        spacing: instructions: of the prompts.
        progress: hears of it.
    """
    name = f"{record.split}-{record.content_sha256[:12]}-{tokenizer_sha256[:12]}-{max_length}"
    name += f"-{spacing}.npz" if spacing else ".npz"
    path = cache_home() / "tokens" / task.key / record.language / name
    known = _read(path, frame.height)
    if known is not None:
        return known
    made = encode(task, frame, tokenizer, max_length, eos_id=eos_id, spacing=spacing, progress=progress)
    try:
        _write(path, made)
    except FetchError as error:  # a cache that cannot be written costs time, nothing else
        progress.note(f"token ids of {task.name} {record.split} in {record.code} are not kept: {error}")
    return made


def encode(
    task: Task,
    frame: pl.DataFrame,
    tokenizer: Tokenizer,
    max_length: int,
    *,
    eos_id: int | None = None,
    spacing: Spacing | None = None,
    progress: Progress = QUIET,
) -> Encoded:
    """Tokenize rows; all cores share the work.

    The label of a word belongs to the first of its tokens that is more than the mark of a blank: a word that the
    tokenizer writes as a lone `▁` and further pieces (Chinese, punctuation) would else be judged by the blank.

    An instruction is its prompt and its answer in one text, and the id that ends it.

    Raises:
        UsageError: max_length leaves no room for text.
    """
    if max_length <= tokenizer.num_special_tokens_to_add(task.kind == "sequence-classification") + 1:
        raise UsageError(f"{max_length} tokens leave no room for a sentence. Give a greater --max-length.")
    builder = _Builder()
    with progress.step(f"tokenize {task.name}", frame.height, "rows") as step:
        for start in range(0, frame.height, BATCH):
            some = frame.slice(start, BATCH)
            if task.kind == "token-classification":
                _encode_words(builder, tokenizer, some["tokens"].to_list(), max_length)
            elif task.kind == "instruction":
                _encode_instructions(builder, tokenizer, some, max_length, eos_id, spacing or "bactrian")
            else:
                _encode_texts(builder, tokenizer, some["text"].to_list(), some["text_pair"].to_list(), max_length)
            step.advance(some.height)
    return builder.built()


class _Builder:
    """Collects segments."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.types: list[int] = []
        self.starts, self.rows, self.cut = [0], 0, 0
        self.positions: list[int] = []
        self.words: list[int] = []
        self.word_starts = [0]
        self.row: list[int] = []

    def add(self, encoding: Encoding, positions: Sequence[int] = (), words: Sequence[int] = ()) -> None:
        self.add_ids(encoding.ids, encoding.type_ids, positions, words)

    def add_ids(self, ids: Sequence[int], types: Sequence[int], positions: Sequence[int], words: Sequence[int]) -> None:
        self.ids += ids
        self.types += types
        self.starts.append(len(self.ids))
        self.row.append(self.rows)
        self.positions += positions
        self.words += words
        self.word_starts.append(len(self.words))

    def built(self) -> Encoded:
        return Encoded(
            ids=np.array(self.ids, np.int32),
            types=np.array(self.types, np.uint8),
            starts=np.array(self.starts, np.int64),
            row=np.array(self.row, np.int32),
            positions=np.array(self.positions, np.int32),
            words=np.array(self.words, np.int32),
            word_starts=np.array(self.word_starts, np.int64),
            cut=self.cut,
        )


def _encode_texts(
    builder: _Builder, tokenizer: Tokenizer, texts: list[str], pairs: list[str | None], max_length: int
) -> None:
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    given: list[Any] = [text if pair is None else (text, pair) for text, pair in zip(texts, pairs, strict=True)]
    for encoding in tokenizer.encode_batch(given):
        builder.cut += bool(encoding.overflowing)
        builder.add(encoding)
        builder.rows += 1
    tokenizer.no_truncation()


def _encode_instructions(
    builder: _Builder,
    tokenizer: Tokenizer,
    rows: pl.DataFrame,
    max_length: int,
    eos_id: int | None,
    spacing: Spacing,
) -> None:
    prompts = [instruction_prompt(a, b, spacing) for a, b in zip(rows["instruction"], rows["input"], strict=True)]
    texts = [prompt + answer for prompt, answer in zip(prompts, rows["output"], strict=True)]
    for prompt, encoding in zip(prompts, tokenizer.encode_batch(texts), strict=True):
        ids = list(encoding.ids)
        special = encoding.special_tokens_mask
        # Of a token that reaches from the prompt into the answer, the answer's part could not be foretold else.
        answer = [i for i, (_, stop) in enumerate(encoding.offsets) if stop > len(prompt) and not special[i]]
        if eos_id is not None:
            if ids[-1] != eos_id:
                ids.append(eos_id)
            answer.append(len(ids) - 1)
        builder.cut += len(ids) > max_length
        positions = [i - 1 for i in answer if 0 < i < max_length]
        kept = ids[:max_length]
        builder.add_ids(kept, [0] * len(kept), positions, range(len(positions)))
        builder.rows += 1


def _encode_words(builder: _Builder, tokenizer: Tokenizer, sentences: list[list[str]], max_length: int) -> None:
    tokenizer.no_truncation()
    glued = glues_words(tokenizer)
    for words, encoding in zip(sentences, _encode_batch(tokenizer, sentences, glued), strict=True):
        if len(encoding.ids) <= max_length:
            builder.add(encoding, *_labelled(encoding, words, glued))
        else:
            builder.cut += 1
            _encode_long(builder, tokenizer, words, encoding, glued, max_length)
        builder.rows += 1


def _encode_batch(tokenizer: Tokenizer, sentences: list[list[str]], glued: bool) -> list[Encoding]:
    given: list[Any] = [" ".join(words) for words in sentences] if glued else sentences
    encoded: list[Encoding] = tokenizer.encode_batch(given, is_pretokenized=not glued)
    return encoded


def _encode_long(
    builder: _Builder, tokenizer: Tokenizer, words: list[str], whole: Encoding, glued: bool, max_length: int
) -> None:
    """Cut a sentence between words into as few segments as hold it; a word that alone is too long loses its end."""
    sizes = np.bincount([word for word in _words_of(whole, words, glued) if word is not None], minlength=len(words))
    room = max_length - tokenizer.num_special_tokens_to_add(False)
    cuts, used = [0], 0
    for i, size in enumerate(sizes.tolist()):
        if used and used + size > room:
            cuts.append(i)
            used = 0
        used += size
    tokenizer.enable_truncation(max_length)
    for start, end in zip(cuts, [*cuts[1:], len(words)], strict=True):
        (encoding,) = _encode_batch(tokenizer, [words[start:end]], glued)
        positions, kept = _labelled(encoding, words[start:end], glued)
        builder.add(encoding, positions, [start + word for word in kept])
    tokenizer.no_truncation()


def _words_of(encoding: Encoding, words: list[str], glued: bool) -> list[int | None]:
    """The word that each token is of; None for special tokens."""
    if not glued:
        return list(encoding.word_ids)
    ends = np.cumsum([len(word) + 1 for word in words])  # of each word and the blank behind it, in characters
    special = encoding.special_tokens_mask
    return [
        None if special[i] else min(int(np.searchsorted(ends, max(stop - 1, start), side="right")), len(words) - 1)
        for i, (start, stop) in enumerate(encoding.offsets)
    ]


def _labelled(encoding: Encoding, words: list[str], glued: bool) -> tuple[list[int], list[int]]:
    """The token that carries each word's label, and the word; a word without any token is left out."""
    first: dict[int, int] = {}
    bare: set[int] = set()
    tokens = encoding.tokens
    for i, word in enumerate(_words_of(encoding, words, glued)):
        if word is None:
            continue
        if word not in first or word in bare:
            first[word] = i
            if tokens[i].strip(BARE_MARKS):
                bare.discard(word)
            else:
                bare.add(word)
    return list(first.values()), list(first)


def _write(path: Path, made: Encoded) -> None:
    out = io.BytesIO()
    arrays = {name: value for name, value in vars(made).items() if name != "cut"}
    np.savez(out, format=np.array(FORMAT), cut=np.array(made.cut), **arrays)
    with new_file(path) as part:
        part.write_bytes(out.getvalue())


def _read(path: Path, rows: int) -> Encoded | None:
    """What is cached; None if nothing is, or what is there is damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                return None
            names = [name for name in Encoded.__dataclass_fields__ if name != "cut"]
            found = Encoded(**{name: file[name] for name in names}, cut=int(file["cut"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = len(found.ids) == found.starts[-1] and (not rows or found.row[-1] == rows - 1)
    return found if whole else None
