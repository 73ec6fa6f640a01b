"""Instructions as token ids: what is read, what is to be foretold, what is cut."""

import numpy as np
import polars as pl
import pytest

from mslt_cli.data.encoding import RowEncoder
from mslt_cli.data.examples import IGNORED, collate, next_token_examples
from mslt_cli.data.prepared import Record
from mslt_cli.models.folder import read_tokenizer
from mslt_cli.tasks import find_task
from mslt_cli.tasks.prompts import instruction_prompt

pytest.importorskip("tokenizers")

TASK = find_task("bactrian")
ROWS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "instruction": ["Nenne ein Tier.", "Addiere.", "说一个字。", "Nothing."],
        "input": ["", "1 und 2", "", ""],
        "output": ["Klaas kukkus maha.", "3", "汤", ""],
    }
)
EOS = 2


@pytest.fixture(scope="module")
def tokenizer(bloom):
    return read_tokenizer(bloom)


def made(tokenizer, max_length=512, spacing="bactrian", eos=EOS, rows=ROWS):
    encoded = RowEncoder(tokenizer, max_length, eos, spacing).encode(TASK, rows)
    return encoded, next_token_examples(encoded, encoded.first_segments().tolist())


@pytest.mark.parametrize("spacing", ["bactrian", "printed"])
def test_a_text_is_prompt_answer_and_end_and_only_the_answer_is_foretold(tokenizer, spacing):
    _, examples = made(tokenizer, spacing=spacing)
    for row, example in zip(ROWS.iter_rows(named=True), examples, strict=True):
        prompt = instruction_prompt(row["instruction"], row["input"], spacing)
        assert tokenizer.decode(example.ids.tolist()[:-1]) == prompt + row["output"]
        assert example.ids[-1] == EOS
        assert tokenizer.decode(example.labels.tolist()[:-1]) == row["output"]
        assert example.labels[-1] == EOS
        before = example.ids[: example.positions[0] + 1]
        assert tokenizer.decode(before.tolist()) == prompt
        assert example.labels.tolist() == example.ids[example.positions + 1].tolist()


def test_in_a_batch_every_other_token_is_ignored(tokenizer):
    _, examples = made(tokenizer)
    batch = collate(examples, pad_id=3)
    assert int((batch["labels"] != IGNORED).sum()) == sum(len(example.labels) for example in examples)
    for i, example in enumerate(examples):
        there = np.flatnonzero(batch["labels"][i] != IGNORED)
        assert there.tolist() == example.positions.tolist()
        assert (batch["input_ids"][i, there + 1] == batch["labels"][i, there]).all()
        assert batch["attention_mask"][i].sum() == len(example.ids)


def test_a_token_that_reaches_from_the_prompt_into_the_answer_is_foretold():
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = sorted(set("### Input:\nab\n### Output:\nx") | {"\n"})
    words = {"<unk>": 0} | {letter: i for i, letter in enumerate(letters, 1)}
    glued = Tokenizer(models.BPE({**words, "\nx": 90}, [("\n", "x")], unk_token="<unk>"))
    glued.pre_tokenizer = pre_tokenizers.Split("§", "isolated")
    rows = pl.DataFrame({"id": ["a"], "instruction": ["ab"], "input": [""], "output": ["x"]})
    _, (example,) = made(glued, rows=rows, eos=None)
    assert example.labels.tolist() == [90]  # the line feed ends the prompt, and x is the answer


def test_special_tokens_of_the_tokenizer_are_no_part_of_an_answer(bloom):
    from tokenizers import processors

    tokenizer = read_tokenizer(bloom)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", EOS)])
    _, examples = made(tokenizer)
    plain = made(read_tokenizer(bloom))[1]
    for one, other in zip(examples, plain, strict=True):
        assert one.ids.tolist() == [1, *other.ids.tolist()]  # one end, not two
        assert one.labels.tolist() == other.labels.tolist()


def test_what_is_too_long_loses_its_end(tokenizer):
    _, examples = made(tokenizer)
    most = len(examples[0].ids) - 3
    cut, short = made(tokenizer, max_length=most)
    assert cut.cut.tolist() == [i for i, example in enumerate(examples) if len(example.ids) > most] != []
    for one, other in zip(short, examples, strict=True):
        assert one.ids.tolist() == other.ids[:most].tolist()
        kept = other.positions < most - 1
        assert one.labels.tolist() == other.labels[kept].tolist()
    bare, none = made(tokenizer, max_length=12)
    assert bare.cut.tolist() == [0, 1, 2, 3]
    assert not any(len(example.labels) for example in none)


def test_the_cache_tells_spacings_apart(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    sums = {"sha256": "0" * 64, "content_sha256": "1" * 64}
    record = Record("bactrian", "deu", "de", "train", 4, 4, "train.parquet", 9, origin={}, **sums)
    first = [
        RowEncoder(tokenizer, 512, EOS, spacing).encode_split(TASK, record, ROWS, "f" * 64).ids.tolist()
        for spacing in ("bactrian", "printed", "bactrian")
    ]
    assert first[0] == first[2] != first[1]
    assert len(list(tmp_path.rglob("*.npz"))) == 2
