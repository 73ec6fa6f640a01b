"""A split as token ids, made once: all combinations and seeds share the cached file.

Its name, tokens/udpos/deu/train-0a1b2c3d4e5f-88693b70f1aa-512.npz, states all that the content depends on: the rows,
the tokenizer, and the longest example.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.data.prepared import Record
from mslt_cli.errors import FetchError, UsageError
from mslt_cli.files import cache_home, new_file
from mslt_cli.models.folder import glues_words
from mslt_cli.progress import QUIET, Progress
from mslt_cli.tasks.prompts import Spacing, instruction_prompt
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl
    from tokenizers import Encoding, Tokenizer

FORMAT = 2
"""Raised when the meaning of the arrays changes."""
BATCH = 2_000
"""Rows that the tokenizer gets at once; its threads share them."""
BARE_MARKS = "▁Ġ "
"""What stands for a blank before a word. A token of nothing else is no part of the word itself."""


@dataclass(frozen=True)
class Encoded:
    """The rows of a split as token ids, flat: segment s is `ids[starts[s] : starts[s + 1]]`, and `types` likewise.

    A row is one segment. Only a row of words (token classification) that is too long for the model continues in
    further segments. Labels belong to `positions[word_starts[s] : word_starts[s + 1]]`, and to `words` likewise.
    """

    ids: NDArray[np.int32]
    """Special ones included."""
    types: NDArray[np.uint8]
    """Of each token: 1 for the second text of a pair, where the tokenizer tells them apart."""
    starts: NDArray[np.int64]
    row: NDArray[np.int32]
    """The row that each segment belongs to, in the order of rows; shape (segments,)."""
    positions: NDArray[np.int32]
    """Token classification: the place in its segment of the token that carries a word's label. Instructions: the place
    before each token of the answer, where the model has to predict it."""
    words: NDArray[np.int32]
    """The word of the row at each of these positions, or the token of the answer, from 0."""
    word_starts: NDArray[np.int64]
    cut: NDArray[np.int32]
    """Rows that are longer than the model takes: texts lose their end, words continue in a further segment."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each segment, shape (segments,)."""
        return np.diff(self.starts)

    def first_segments(self) -> NDArray[np.int64]:
        """The first segment of each row, shape (rows,)."""
        return np.flatnonzero(np.diff(self.row, prepend=-1))

    def segment(self, s: int) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
        """The ids, types, positions and words of a segment."""
        tokens = slice(self.starts[s], self.starts[s + 1])
        words = slice(self.word_starts[s], self.word_starts[s + 1])
        return self.ids[tokens], self.types[tokens], self.positions[words], self.words[words]

    def head(self, rows: int) -> Encoded:
        """The first rows alone."""
        s = int(np.searchsorted(self.row, rows))
        tokens, words = self.starts[s], self.word_starts[s]
        ends = {"ids": tokens, "types": tokens, "positions": words, "words": words}
        ends |= {"row": s, "starts": s + 1, "word_starts": s + 1, "cut": int(np.searchsorted(self.cut, rows))}
        return replace(self, **{name: getattr(self, name)[:end] for name, end in ends.items()})


class _Segment(NamedTuple):
    """A row or a part of one, with the fields of `Encoded`; `cut` stands in the first segment of a row too long."""

    ids: Sequence[int]
    types: Sequence[int]
    positions: Sequence[int] = ()
    words: Sequence[int] = ()
    cut: bool = False


@dataclass(frozen=True)
class RowEncoder:
    """Turns rows into token ids, for one model."""

    tokenizer: Tokenizer
    max_length: int
    """Longest example in tokens, special ones included."""
    eos_id: int | None = None
    spacing: Spacing | None = None
    """Instructions: the token that ends an answer, and the spacing of prompts."""
    progress: Progress = QUIET

    def encode_split(self, task: Task, record: Record, frame: pl.DataFrame, tokenizer_sha256: str) -> Encoded:
        """Encode the rows of a split, or read them from the cache; the checksum is `models.folder.tokenizer_sha256`."""
        name = f"{record.split}-{record.content_sha256[:12]}-{tokenizer_sha256[:12]}-{self.max_length}"
        name += f"-{self.spacing}.npz" if self.spacing else ".npz"
        path = cache_home() / "tokens" / task.key / record.language / name
        encoded = _read(path, frame.height)
        if encoded is None:
            encoded = self.encode(task, frame)
            try:
                with new_file(path) as part, part.open("wb") as file:
                    np.savez(file, format=np.array(FORMAT), **vars(encoded))
            except FetchError as error:  # a cache that cannot be written costs time, nothing else
                self.progress.note(f"token ids of {task.name} {record.split} in {record.code} are not kept: {error}")
        return encoded

    def encode(self, task: Task, frame: pl.DataFrame) -> Encoded:
        """Tokenize rows; all cores share the work. UsageError: max_length leaves no room for text.

        The label of a word belongs to the first of its tokens that is more than the mark of a blank. Some tokenizers
        write a word as a lone `▁` and further pieces (Chinese, punctuation); its label would else sit on the blank.
        An instruction is one text of prompt and answer, and the id that ends it.
        """
        special = self.tokenizer.num_special_tokens_to_add(task.kind == "sequence-classification")
        if self.max_length <= special + 1:
            raise UsageError(f"{self.max_length} tokens leave no room for a sentence. Give a greater --max-length.")
        encoders = {"token-classification": self._encode_words, "instruction": self._encode_instructions}
        encode_rows = encoders.get(task.kind, self._encode_texts)
        by_row: list[list[_Segment]] = []
        with self.progress.step(f"tokenize {task.name}", frame.height, "rows") as step:
            for rows in frame.iter_slices(BATCH):
                by_row += encode_rows(rows)
                step.advance(rows.height)
        segments = [segment for row in by_row for segment in row]
        return Encoded(
            ids=np.fromiter(chain.from_iterable(s.ids for s in segments), np.int32),
            types=np.fromiter(chain.from_iterable(s.types for s in segments), np.uint8),
            starts=np.cumsum([0, *(len(s.ids) for s in segments)], dtype=np.int64),
            row=np.repeat(np.arange(len(by_row), dtype=np.int32), [len(row) for row in by_row]),
            positions=np.fromiter(chain.from_iterable(s.positions for s in segments), np.int32),
            words=np.fromiter(chain.from_iterable(s.words for s in segments), np.int32),
            word_starts=np.cumsum([0, *(len(s.words) for s in segments)], dtype=np.int64),
            cut=np.flatnonzero([any(s.cut for s in row) for row in by_row]).astype(np.int32),
        )

    def _encode_texts(self, rows: pl.DataFrame) -> Iterator[list[_Segment]]:
        self.tokenizer.enable_truncation(self.max_length, strategy="longest_first")
        pairs = zip(rows["text"], rows["text_pair"], strict=True)
        texts: list[Any] = [text if other is None else (text, other) for text, other in pairs]
        for encoding in self.tokenizer.encode_batch(texts):
            yield [_Segment(encoding.ids, encoding.type_ids, cut=bool(encoding.overflowing))]
        self.tokenizer.no_truncation()

    def _encode_instructions(self, rows: pl.DataFrame) -> Iterator[list[_Segment]]:
        pairs = zip(rows["instruction"], rows["input"], strict=True)
        prompts = [instruction_prompt(task, given, self.spacing or "bactrian") for task, given in pairs]
        texts = [prompt + answer for prompt, answer in zip(prompts, rows["output"], strict=True)]
        for prompt, encoding in zip(prompts, self.tokenizer.encode_batch(texts), strict=True):
            ids = list(encoding.ids)
            special = encoding.special_tokens_mask
            # A token that reaches from the prompt into the answer counts as the answer's: it has to be predicted.
            answer = [i for i, (_, stop) in enumerate(encoding.offsets) if stop > len(prompt) and not special[i]]
            if self.eos_id is not None:
                if ids[-1] != self.eos_id:
                    ids.append(self.eos_id)
                answer.append(len(ids) - 1)
            positions = [i - 1 for i in answer if 0 < i < self.max_length]
            kept = ids[: self.max_length]
            yield [_Segment(kept, [0] * len(kept), positions, range(len(positions)), cut=len(ids) > self.max_length)]

    def _encode_words(self, rows: pl.DataFrame) -> Iterator[list[_Segment]]:
        self.tokenizer.no_truncation()
        sentences: list[list[str]] = rows["tokens"].to_list()
        for words, encoding in zip(sentences, self._encode_sentences(sentences), strict=True):
            if len(encoding.ids) <= self.max_length:
                yield [_Segment(encoding.ids, encoding.type_ids, *self._label_places(encoding, words))]
            else:
                yield self._split_words(words, encoding)

    def _encode_sentences(self, sentences: list[list[str]]) -> list[Encoding]:
        texts: list[Any] = [" ".join(words) for words in sentences] if self._glues else sentences
        encoded: list[Encoding] = self.tokenizer.encode_batch(texts, is_pretokenized=not self._glues)
        return encoded

    def _split_words(self, words: list[str], whole: Encoding) -> list[_Segment]:
        """Cut a sentence between words into as few segments as hold it; a word that alone is too long loses its end."""
        sizes = Counter(self._words_of(whole, words))
        room = self.max_length - self.tokenizer.num_special_tokens_to_add(False)
        cuts, used = [0], 0
        for i in range(len(words)):
            if used and used + sizes[i] > room:
                cuts, used = [*cuts, i], 0
            used += sizes[i]
        segments = []
        self.tokenizer.enable_truncation(self.max_length)
        for start, end in pairwise([*cuts, len(words)]):
            (encoding,) = self._encode_sentences([words[start:end]])
            positions, kept = self._label_places(encoding, words[start:end])
            in_row = [start + word for word in kept]
            segments.append(_Segment(encoding.ids, encoding.type_ids, positions, in_row, cut=start == 0))
        self.tokenizer.no_truncation()
        return segments

    def _label_places(self, encoding: Encoding, words: list[str]) -> tuple[list[int], list[int]]:
        """The token that carries each word's label, and the word; a word without any token is left out."""
        carriers: dict[int, int] = {}
        tokens = encoding.tokens
        for i, word in enumerate(self._words_of(encoding, words)):
            if word is not None and (word not in carriers or not tokens[carriers[word]].strip(BARE_MARKS)):
                carriers[word] = i
        return list(carriers.values()), list(carriers)

    def _words_of(self, encoding: Encoding, words: list[str]) -> list[int | None]:
        """The word that each token belongs to; None for special tokens."""
        if not self._glues:
            return list(encoding.word_ids)
        ends = np.cumsum([len(word) + 1 for word in words])  # of each word and the blank behind it, in characters
        last = [max(stop - 1, start) for start, stop in encoding.offsets]
        places = np.minimum(np.searchsorted(ends, last, side="right"), len(words) - 1).tolist()
        return [None if special else word for word, special in zip(places, encoding.special_tokens_mask, strict=True)]

    @cached_property
    def _glues(self) -> bool:
        return glues_words(self.tokenizer)


def _read(path: Path, rows: int) -> Encoded | None:
    """The cached token ids; None if there are none, or the file is damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                return None
            encoded = Encoded(**{field.name: file[field.name] for field in fields(Encoded)})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = len(encoded.ids) == encoded.starts[-1] and (not rows or encoded.row[-1] == rows - 1)
    return encoded if whole else None
