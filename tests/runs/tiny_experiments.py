"""A tiny model and tiny tasks, so that whole experiments take a second."""

import itertools
import shutil
from pathlib import Path

import pytest

from mslt_cli.models.find import fetch_model
from mslt_cli.progress import Progress
from mslt_cli.tasks import find_task

LANGUAGES = ("en", "de", "fr", "es", "fi", "tr")
WORDS = ("good", "fine", "nice", "bad", "poor", "ugly", "a", "b", "c", "d")
SENTENCES = """
name = "moods"
kind = "sequence-classification"
path = "moods/{lang}/{split}.csv"
languages = ["en", "de", "fr", "es", "fi", "tr"]
splits = ["train", "validation", "test"]
labels = ["happy", "sad"]
sources = ["en", "de", "fr", "es"]
targets = ["fi", "tr"]
aligned = true
"""
TAGS = """
name = "names"
kind = "token-classification"
path = "names/{lang}/{split}.parquet"
languages = ["en", "de", "fi", "tr"]
splits = ["train", "test"]
labels = ["O", "B-PER", "I-PER"]
sources = ["en", "de"]
targets = ["fi", "tr"]
"""


def mood(i):
    """Row i: its text and label; a happy one holds good, fine or nice."""
    happy = i % 2
    key = WORDS[(i // 2) % 3] if happy else WORDS[3 + (i // 2) % 3]
    around = [WORDS[6 + (i // 7**k) % 4] for k in range(1 + i % 5)]
    return " ".join([*around, key]), "happy" if happy else "sad"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def moods(home):
    """As `write_moods`."""
    return write_moods(home)


def write_moods(home):
    """A parallel task of sentences: 48 to train on, 10 and 14 to judge by, in six languages."""
    (home / "moods.toml").write_text(SENTENCES)
    for lang, (split, rows) in itertools.product(LANGUAGES, {"train": 48, "validation": 10, "test": 14}.items()):
        folder = home / "moods" / lang
        folder.mkdir(parents=True, exist_ok=True)
        start = {"train": 0, "validation": 1000, "test": 2000}[split]
        lines = [f"{split}{i},{','.join(mood(start + i))}\n" for i in range(rows)]
        (folder / f"{split}.csv").write_text("id,text,label\n" + "".join(lines))
    return find_task(str(home / "moods.toml"))


@pytest.fixture
def names(home):
    """A task of words."""
    import polars as pl

    (home / "names.toml").write_text(TAGS)
    for lang, (split, rows) in itertools.product(("en", "de", "fi", "tr"), {"train": 24, "test": 9}.items()):
        folder = home / "names" / lang
        folder.mkdir(parents=True, exist_ok=True)
        tokens = [[WORDS[(i + k) % 10] for k in range(2 + i % 4)] for i in range(rows)]
        tags = [["B-PER" if w in ("good", "fine") else "I-PER" if w == "nice" else "O" for w in ws] for ws in tokens]
        pl.DataFrame({"tokens": tokens, "labels": tags}).write_parquet(folder / f"{split}.parquet")
    return find_task(str(home / "names.toml"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """As `write_tiny`."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny")


def write_tiny(folder):
    """A BERT of two layers, 16 wide, with random weights, and a tokenizer of whole words."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "<unk>", "<s>", "</s>", *WORDS]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = [("<s>", 2), ("</s>", 3)]
    made.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", special_tokens=special)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tiny_folder):
    return fetch_model(str(tiny_folder))


def store_for(root, filled_store):
    """The store of one folder of runs, which knows no others."""
    own = root.with_name(f"{root.name}.db")
    return own if own.exists() else Path(shutil.copy(filled_store, own))


class Heard(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.notes = []
        self.begun = []

    def note(self, text):
        self.notes.append(text)

    def step(self, what, total=None, unit="", done=0):
        self.begun.append((what, total, unit, done))
        return super().step(what, total, unit, done)


@pytest.fixture
def heard():
    return Heard()
