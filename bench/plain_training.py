"""Fine-tuning as it is usually written: what bench/training.py compares `mslt train` with.

It does what the example scripts of transformers do when they are told to pad to the maximum: every example has 128
tokens, batches come in random order, one process trains on one combination. To be fair it has what does not come
with that pattern as well: the fused optimizer, the same model, data, steps, learning rate and evaluation.

Prints one line of JSON: seconds, real tokens, scores.

Run by bench/training.py.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from typing import Any

MAX_LENGTH = 128


def main() -> None:
    """Train, evaluate, print."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", required=True)
    parser.add_argument("--model", required=True, help="folder")
    parser.add_argument("--sources", required=True)
    parser.add_argument("--examples", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--targets", required=True)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    given = parser.parse_args()

    import torch
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    from mslt_cli.data.splits import read_data
    from mslt_cli.tasks import find_task

    task = find_task(given.task)
    words = task.kind == "token-classification"
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    kind: Any = AutoModelForTokenClassification if words else AutoModelForSequenceClassification
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = kind.from_pretrained(given.model, num_labels=len(task.labels)).to(device)

    def features(rows: Any) -> list[dict[str, Any]]:
        how = {"padding": "max_length", "truncation": True, "max_length": MAX_LENGTH}
        if not words:
            out = tokenizer(rows["text"].to_list(), **how)
            return [
                {"input_ids": out["input_ids"][i], "attention_mask": out["attention_mask"][i], "labels": label}
                for i, label in enumerate(rows["label"].to_list())
            ]
        out = tokenizer(rows["tokens"].to_list(), is_split_into_words=True, **how)
        made = []
        for i, labels in enumerate(rows["labels"].to_list()):
            aligned, before = [], None
            for word in out.word_ids(i):
                aligned.append(-100 if word is None or word == before else labels[word])
                before = word
            made.append(
                {"input_ids": out["input_ids"][i], "attention_mask": out["attention_mask"][i], "labels": aligned}
            )
        return made

    def batches(rows: list[dict[str, Any]]) -> Any:
        for start in range(0, len(rows), 16):
            some = rows[start : start + 16]
            yield {name: torch.tensor([row[name] for row in some], device=device) for name in some[0]}

    sources = given.sources.split(",")
    share = given.examples // len(sources)
    train = [row for source in sources for row in features(read_data(task, source, task.training).head(share))]
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.learning_rate, weight_decay=0.01, fused=True)
    random.seed(0)
    torch.manual_seed(0)
    model.train()
    step = tokens = 0
    clock = time.perf_counter()
    while step < given.steps:
        random.shuffle(train)
        for batch in batches(train):
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            tokens += int(batch["attention_mask"].sum())
            step += 1
            if step == given.steps:
                break
    trained_s = time.perf_counter() - clock

    model.eval()
    scores = {}
    for target in given.targets.split(","):
        right = n = 0
        for batch in batches(features(read_data(task, target, task.evaluation))):
            labels = batch.pop("labels")
            with torch.inference_mode():
                best = model(**batch).logits.argmax(dim=-1)
            kept = labels != -100
            right, n = right + int((best == labels)[kept].sum()), n + int(kept.sum())
        scores[target] = right / n
    whole_s = time.perf_counter() - started
    print(json.dumps({"trained_s": trained_s, "whole_s": whole_s, "tokens": tokens, "scores": scores}))


if __name__ == "__main__":
    main()
