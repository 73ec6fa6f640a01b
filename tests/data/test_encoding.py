"""Token ids and where labels go, with the real tokenizer of e5-small."""

import numpy as np
import polars as pl
import pytest

from mslt_cli.data.encoding import RowEncoder
from mslt_cli.data.prepared import Record
from mslt_cli.errors import UsageError
from mslt_cli.models.folder import read_tokenizer
from mslt_cli.tasks import find_task

tokenizers = pytest.importorskip("tokenizers")

WORDS = find_task("wikiann")
TEXTS = find_task("xnli")
BARE = 6  # ▁


@pytest.fixture(scope="module")
def tokenizer(e5_small):
    return read_tokenizer(e5_small)


def tagged(*sentences):
    return pl.DataFrame({"tokens": list(sentences), "labels": [[0] * len(words) for words in sentences]})


def carriers(made, segment=0):
    """(word, token id that carries its label) of a segment."""
    first, last = made.word_starts[segment], made.word_starts[segment + 1]
    ids = made.ids[made.starts[segment] : made.starts[segment + 1]]
    return list(zip(made.words[first:last].tolist(), ids[made.positions[first:last]].tolist(), strict=True))


def test_a_label_goes_to_the_first_piece_that_is_not_a_lone_mark(tokenizer):
    words = ["北", "京", "，", "Paris", "schläft", "unglaublich"]
    made = RowEncoder(tokenizer, 128).encode(WORDS, tagged(words))
    found = carriers(made)
    assert [word for word, _ in found] == list(range(6))
    assert BARE in made.ids.tolist()  # some of these words do start with one
    assert BARE not in [token for _, token in found]
    for word, token in found:
        piece = tokenizer.id_to_token(token).strip("▁")
        assert words[word].replace("，", ",").startswith(piece), (words[word], piece)


def test_a_word_without_any_token_is_left_out(tokenizer):
    made = RowEncoder(tokenizer, 128).encode(WORDS, tagged(["a", "\u200b", "b"]))
    assert [word for word, _ in carriers(made)] == [0, 2]


def test_words_that_are_too_many_go_on_in_a_further_segment(tokenizer):
    words = [f"word{i}" for i in range(100)]
    made = RowEncoder(tokenizer, 32).encode(WORDS, tagged(["short"], words, ["short"]))
    assert made.cut.tolist() == [1]
    assert made.lengths.max() <= 32
    assert made.row[0] == 0 and made.row[-1] == 2 and (made.row == 1).sum() > 3
    labelled = [word for s in np.flatnonzero(made.row == 1) for word, _ in carriers(made, s)]
    assert labelled == list(range(100))
    assert made.first_segments().tolist() == [0, 1, len(made.row) - 1]


def test_a_single_word_that_is_too_long_keeps_its_label(tokenizer):
    made = RowEncoder(tokenizer, 16).encode(WORDS, tagged(["a", "x1y2z3" * 60, "b"]))
    assert made.lengths.max() <= 16
    assert [word for s in range(len(made.row)) for word, _ in carriers(made, s)] == [0, 1, 2]


def test_pairs_are_cut_to_the_length_from_the_longer_side(tokenizer):
    frame = pl.DataFrame(
        {"text": ["a " * 100, "kurz"], "text_pair": ["b", None]}, schema_overrides={"text_pair": pl.String}
    )
    made = RowEncoder(tokenizer, 20).encode(TEXTS, frame)
    assert made.lengths.tolist() == [20, 3]
    assert made.cut.tolist() == [0]
    first = [tokenizer.id_to_token(i) for i in made.ids[:20].tolist()]
    assert first[-4:] == ["</s>", "</s>", "▁b", "</s>"]
    with pytest.raises(UsageError, match="leave no room"):
        RowEncoder(tokenizer, 5).encode(TEXTS, frame)


def test_the_head_is_that_of_the_whole(tokenizer):
    rows = [["a", "b"], [f"word{i}" for i in range(60)], ["c"]]
    whole, head = (
        RowEncoder(tokenizer, 32).encode(WORDS, tagged(*rows)),
        RowEncoder(tokenizer, 32).encode(WORDS, tagged(*rows[:2])),
    )
    for name in ("ids", "starts", "row", "positions", "words", "word_starts"):
        assert getattr(whole.head(2), name).tolist() == getattr(head, name).tolist(), name


def test_words_are_told_apart_by_a_tokenizer_that_writes_them_together():
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(["new york is new", "in new york"], trainer)
    found = carriers(RowEncoder(made, 64).encode(WORDS, tagged(["new", "york", "é"])))
    assert [word for word, _ in found] == [0, 1, 2]
    assert made.id_to_token(found[0][1])[0] == "n"
    assert made.id_to_token(found[1][1]).startswith(("Ġy", "y"))


def record(sha="a" * 64):
    return Record("wikiann", "deu", "de", "train", 2, 2, "x.parquet", 1, "b" * 64, sha, {"kind": "folder"})


def test_token_ids_are_made_once(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    frame = tagged(["a", "b"], ["北", "京"])
    first = RowEncoder(tokenizer, 128).encode_split(WORDS, record(), frame, "t" * 64)
    (path,) = tmp_path.rglob("*.npz")
    monkeypatch.setattr(RowEncoder, "encode", lambda *_, **__: pytest.fail("it tokenizes"))
    again = RowEncoder(tokenizer, 128).encode_split(WORDS, record(), frame, "t" * 64)
    for name in ("ids", "types", "starts", "row", "positions", "words", "word_starts"):
        assert getattr(again, name).tolist() == getattr(first, name).tolist(), name
    monkeypatch.undo()
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    path.write_bytes(path.read_bytes()[:-200])  # cut short: made anew
    assert RowEncoder(tokenizer, 128).encode_split(WORDS, record(), frame, "t" * 64).ids.tolist() == first.ids.tolist()
    # Other rows, another tokenizer, another length: other files.
    for sha, model, length in (("c" * 64, "t" * 64, 128), ("a" * 64, "u" * 64, 128), ("a" * 64, "t" * 64, 64)):
        RowEncoder(tokenizer, length).encode_split(WORDS, record(sha), frame, model)
    assert len(list(tmp_path.rglob("*.npz"))) == 4
