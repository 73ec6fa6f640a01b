"""What it brings to put sentences of like length into a batch: sentences a second, three ways, side by side.

- sorted: ours, `sentence_embeddings`: longest first, so many sentences a batch that it holds a given number of tokens.
- batch: in the order of the text, each batch padded to its longest sentence.
- corpus: in the order of the text, every batch padded to the longest sentence of all.

The three take turns, and a speed is that of the fastest round: where another process runs on the same cores torch's
threads wait for each other, and a round takes ten times as long. Whether the three embed alike is printed below.

Run: python bench/embeddings.py [en_pud-ud-test.conllu.gz, or any text file with a sentence a line]
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.models.e5_small import build_e5_small
from mslt_cli.models.loading import load_encoder
from mslt_cli.probing.embeddings import EmbeddingOptions, sentence_embeddings

PREFIX = "query: "
DOCS = Path(__file__).parent.parent / "docs" / "search.md"


def read_sentences(path: Path, n: int) -> list[str]:
    """The first n sentences of a text file, or of a CoNLL-U file's comments `# text = …`."""
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8").splitlines()
    if ".conllu" in path.suffixes:
        lines = [line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")]
    return [line.strip() for line in lines if line.strip()][:n]


def in_order(model: Any, tokenizer: Any, texts: list[str], batch_size: int, *, padding: str) -> NDArray[np.float32]:
    """The last layer's mean, batches in the order of the texts; padding "batch" or "corpus"."""
    import torch

    given = [PREFIX + text for text in texts]
    ids = tokenizer(given, truncation=True, max_length=512)["input_ids"]
    longest = max(map(len, ids))
    rows = []
    for start in range(0, len(ids), batch_size):
        batch = {"input_ids": ids[start : start + batch_size]}
        width = {"padding": "max_length", "max_length": longest} if padding == "corpus" else {"padding": "longest"}
        padded = tokenizer.pad(batch, return_tensors="pt", **width).to(model.device)
        with torch.inference_mode():
            states = model(**padded).last_hidden_state.float()
        mask = padded["attention_mask"].unsqueeze(-1).float()
        rows.append(((states * mask).sum(dim=1) / mask.sum(dim=1)).cpu().numpy())
    return np.concatenate(rows)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "corpus",
        type=Path,
        nargs="?",
        default=DOCS,
        help="a sentence a line, or CoNLL-U; default: our docs",
    )
    parser.add_argument("--sentences", type=int, default=200, help="how many, from the first")
    parser.add_argument("--model", type=Path, help="a model's folder; default: e5-small, built for the occasion")
    parser.add_argument("--batch-size", type=int, default=32, help="sentences a batch of the two that are not sorted")
    parser.add_argument("--batch-tokens", type=int, help="tokens a batch of the one that is; default: the library's")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    texts = read_sentences(given.corpus, given.sentences)
    with tempfile.TemporaryDirectory() as folder:
        if given.model is None:
            build_e5_small(Path(folder))
        tokenizer, model = load_encoder(given.model or Path(folder))
    last = int(model.config.num_hidden_layers)
    size = given.batch_size
    options = EmbeddingOptions(prefix=PREFIX, batch_tokens=given.batch_tokens)
    ways: dict[str, Callable[[], NDArray[np.float32]]] = {
        "sorted": lambda: sentence_embeddings(model, tokenizer, texts, options)[last],
        "batch": lambda: in_order(model, tokenizer, texts, size, padding="batch"),
        "corpus": lambda: in_order(model, tokenizer, texts, size, padding="corpus"),
    }
    embeddings = {name: way() for name, way in ways.items()}  # warms up
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)

    lengths = [len(ids) for ids in tokenizer([PREFIX + text for text in texts], truncation=True)["input_ids"]]
    print(
        f"{len(texts)} sentences of {min(lengths)} to {max(lengths)} tokens, {statistics.mean(lengths):.1f} on average;"
        f" {model.config.model_type} of {last} layers on {model.device}, {given.rounds} rounds\n"
    )
    print("| padding | sentences/s | tokens/s | seconds (all rounds) | faster than corpus |")
    print("|---|---:|---:|---|---:|")
    slowest = min(times["corpus"])
    for name, taken in times.items():
        best, rounds = min(taken), ", ".join(f"{seconds:.2f}" for seconds in taken)
        speeds = f"{len(texts) / best:.1f} | {sum(lengths) / best:,.0f}"
        print(f"| {name} | {speeds} | {rounds} | {slowest / best:.2f}× |")
    apart = max(float(np.abs(embeddings[name] - embeddings["corpus"]).max()) for name in ways)
    print(f"\nLargest difference between their embeddings: {apart:.1e}")


if __name__ == "__main__":
    main()
