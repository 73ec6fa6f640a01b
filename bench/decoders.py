"""Tuning and asking decoders beside the usual way to do either: same model, data, steps and machine, in one run.

Tuning: `mslt train`'s loop against transformers' Trainer with peft, as QLoRA is customarily written: random order, each
batch padded to its longest, batch 4 × accumulation 3, hidden states computed twice. Asking: `mslt eval`'s scores of the
numbers and of filled-in texts against batches in the order of the data, one row a text, all scores of all tokens.

The model has random weights: what they are does not matter for time and memory. --shape bloom-7b1 is for a GPU; the
others run anywhere. Each way has a process of its own, so that peak memory is its own.

Run: python bench/decoders.py --instructions DIR [--choices DIR] [--shape small|bloom-560m|bloom-7b1]
where DIR has files as ../shared/data/instruct and ../shared/data/xcopa; without them texts are made up.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHAPES = {"small": (8_000, 256, 4, 8), "bloom-560m": (250_880, 1024, 24, 16), "bloom-7b1": (250_880, 4096, 30, 32)}
"""Vocabulary, width, layers, heads."""
LONGEST = 512


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--instructions", type=Path)
    parser.add_argument("--choices", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--no-4bit", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        way, folder = given.one
        print(json.dumps(WAYS[way](Path(folder), given)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder), given)
        for ways, unit in (
            (("mslt train", "Trainer"), "tokens that matter/s"),
            (("mslt letters", "plain letters"), "items/s"),
            (("mslt options", "plain options"), "items/s"),
        ):
            found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
            for _ in range(given.rounds):
                for way in ways:
                    words = [sys.executable, __file__, *sys.argv[1:], "--one", way, folder]
                    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
                    found[way].append(json.loads(done.stdout.splitlines()[-1]))
            best = {way: max(measured["speed"] for measured in some) for way, some in found.items()}
            for way, some in found.items():
                said = ", ".join(f"{measured['speed']:,.1f}" for measured in some)
                peak = max(measured["peak_gb"] for measured in some)
                print(f"  {way:14s} {best[way]:10,.1f} {unit} ({said}); peak {peak:.2f} GB")
            ours, theirs = ways
            print(f"  ratio {best[ours] / best[theirs]:.2f} ×\n")


def _make(folder: Path, given: argparse.Namespace) -> None:
    """A model of the shape with random weights, a tokenizer, and the data."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    instructions = _rows(given.instructions, "instruction") or _made_up()
    questions = _rows(given.choices, "premise") or [
        {
            "premise": f"Event {i} took place.",
            "choice1": f"It was {i}.",
            "choice2": "Nobody came.",
            "question": "effect",
        }
        for i in range(given.items)
    ]
    rng = random.Random(0)
    rng.shuffle(instructions)
    rng.shuffle(questions)
    (folder / "instructions.json").write_text(json.dumps(instructions[: 12 * given.steps]))
    (folder / "questions.json").write_text(json.dumps(questions[: given.items]))
    made: Any = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.ByteLevel()
    made.decoder = decoders.ByteLevel()
    vocabulary, width, layers, heads = SHAPES[given.shape]
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    trainer = trainers.BpeTrainer(
        vocab_size=min(vocabulary, 8_000), special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator([row["output"] + row["input"] for row in instructions], trainer)
    tokenizer_class: Any = transformers.PreTrainedTokenizerFast
    fast = tokenizer_class(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.save_pretrained(folder)
    config = transformers.BloomConfig(
        vocab_size=vocabulary, hidden_size=width, n_layer=layers, n_head=heads, eos_token_id=2, pad_token_id=3
    )
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    auto_class: Any = transformers.AutoModelForCausalLM
    with torch.device(device):
        model = auto_class.from_config(config, dtype=torch.bfloat16 if device == "cuda" else torch.float32)
    model.save_pretrained(folder)
    size = sum(parameter.numel() for parameter in model.parameters())
    sizes = [len(fast(row["instruction"] + row["input"] + row["output"])["input_ids"]) for row in instructions]
    mean = sum(min(n, LONGEST) for n in sizes) / len(sizes)
    print(f"{given.shape} ({size / 1e6:,.0f} M parameters) on {device}, {given.steps} steps of 12 instructions,")
    print(f"{mean:.0f} tokens each on average, cut at {LONGEST}; {given.items} questions")


def _rows(folder: Path | None, column: str) -> list[dict[str, Any]]:
    """All JSON lines under a folder that have the column."""
    import gzip

    found = []
    for path in sorted(folder.rglob("*.jsonl*")) if folder is not None else ():
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found += [json.loads(line) for line in text.decode().splitlines() if line.strip()]
    return [row for row in found if column in row]


def _made_up() -> list[dict[str, Any]]:
    """Texts as uneven in length as instructions are: the middle half of them spans a factor of four."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghij", k=rng.randint(2, 9))) for _ in range(2_000)]

    def text() -> str:
        return " ".join(rng.choices(words, k=max(2, int(rng.lognormvariate(3.3, 1.0)))))

    return [{"instruction": text(), "input": "", "output": text()} for _ in range(2_000)]


def _peak_gb() -> float:
    import resource

    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _ours(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    import polars as pl
    import torch

    from mslt_cli.data.encoding import RowEncoder
    from mslt_cli.data.examples import next_token_examples
    from mslt_cli.models.adapter import Adapter
    from mslt_cli.models.decoder import load_decoder
    from mslt_cli.models.folder import read_tokenizer
    from mslt_cli.tasks import find_task
    from mslt_cli.training.loop import Training
    from mslt_cli.training.settings import override, preset

    rows = json.loads((folder / "instructions.json").read_text())
    frame = pl.DataFrame({name: [row[name] for row in rows] for name in ("instruction", "input", "output")})
    encoded = RowEncoder(read_tokenizer(folder), LONGEST, 2, "bactrian").encode(find_task("bactrian"), frame)
    precision = "bf16" if torch.cuda.is_available() else "fp32"
    settings = preset("default", "bactrian", "bloom-7b1", kind="instruction")
    settings = override(settings, {"steps": given.steps, "precision": precision})
    decoder = load_decoder(folder, adapter=Adapter(four_bit=not given.no_4bit), precision=precision)
    decoder.restart(0)
    examples = next_token_examples(encoded, encoded.first_segments().tolist())
    training = Training(decoder, examples, settings, 0)
    clock = time.perf_counter()
    tokens = sum(record.tokens for record in training.steps())
    return {"speed": tokens / (time.perf_counter() - clock), "peak_gb": _peak_gb()}


def _trainer(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    import peft
    import torch
    import transformers

    from mslt_cli.tasks.prompts import instruction_prompt

    low = torch.cuda.is_available()
    dtype = torch.bfloat16 if low else torch.float32
    how: dict[str, Any] = {}
    if not given.no_4bit:
        how["quantization_config"] = transformers.BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    where = "cuda" if low else "cpu"
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map={"": where}, **how)
    model = peft.prepare_model_for_kbit_training(model)  # type: ignore[no-untyped-call]
    config = peft.LoraConfig(
        r=64, lora_alpha=16, lora_dropout=0.05, target_modules=["query_key_value"], task_type="CAUSAL_LM"
    )
    model = peft.get_peft_model(model, config)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    examples, tokens = [], 0
    for row in json.loads((folder / "instructions.json").read_text()):
        prompt = instruction_prompt(row["instruction"], row["input"], "bactrian")
        ids = [*tokenizer(prompt + row["output"])["input_ids"], 2][:LONGEST]
        start = len(tokenizer(prompt)["input_ids"])
        examples.append({"input_ids": ids, "labels": [-100] * min(start, len(ids)) + ids[start:]})
        tokens += len(ids) if start < len(ids) else 0  # what has no answer teaches nothing
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=4,
        gradient_accumulation_steps=3,
        max_steps=given.steps,
        learning_rate=3e-4,
        bf16=low,
        use_cpu=not low,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
    )
    collator = transformers.DataCollatorForSeq2Seq(tokenizer, padding=True)
    trainer = transformers.Trainer(model, arguments, train_dataset=examples, data_collator=collator)
    clock = time.perf_counter()
    trainer.train()
    return {"speed": tokens / (time.perf_counter() - clock), "peak_gb": _peak_gb()}


def _asked(scoring: str, *, plain: bool) -> Any:
    def measure(folder: Path, given: argparse.Namespace) -> dict[str, float]:
        import torch

        from mslt_cli.evaluation.choices import Speaker, answer, numbered_texts, text_of_parts
        from mslt_cli.evaluation.reading import Reading
        from mslt_cli.models.decoder import load_decoder
        from mslt_cli.models.folder import read_tokenizer
        from mslt_cli.tasks import find_task
        from mslt_cli.tasks.prompts import choice_prompt, choice_texts

        task, tokenizer = find_task("xcopa"), read_tokenizer(folder)
        rows = json.loads((folder / "questions.json").read_text())
        rows = [row | {"id": str(i), "choices": [row["choice1"], row["choice2"]]} for i, row in enumerate(rows)]
        precision = "bf16" if torch.cuda.is_available() else "fp32"
        decoder = load_decoder(folder, precision=precision)
        clock = time.perf_counter()
        if not plain:
            speaker = Speaker(decoder, tokenizer, precision=precision)
            answer(speaker, task, "id", rows, Reading(scoring))  # type: ignore[arg-type]
            return {"speed": len(rows) / (time.perf_counter() - clock), "peak_gb": _peak_gb()}
        texts = []
        for row in rows:
            if scoring == "letters":
                texts += numbered_texts(tokenizer, choice_prompt(task, row), 2)
            else:
                texts += [text_of_parts(tokenizer, *pair) for pair in choice_texts(task, row, "id")]
        for start in range(0, len(texts), 16):
            some = texts[start : start + 16]
            longest = max(len(text.ids) for text in some)
            ids = torch.full((len(some), longest), 3)
            for i, text in enumerate(some):
                ids[i, : len(text.ids)] = torch.tensor(text.ids)
            ids = ids.to(decoder.device)
            with (
                torch.inference_mode(),
                torch.autocast(decoder.device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                logits = decoder.network(input_ids=ids, attention_mask=(ids != 3).long(), use_cache=False).logits
                scores = torch.log_softmax(logits[:, :-1].float(), dim=-1).gather(2, ids[:, 1:, None])
            scores.cpu()
        return {"speed": len(rows) / (time.perf_counter() - clock), "peak_gb": _peak_gb()}

    return measure


WAYS = {
    "mslt train": _ours,
    "Trainer": _trainer,
    "mslt letters": _asked("letters", plain=False),
    "plain letters": _asked("letters", plain=True),
    "mslt options": _asked("options", plain=False),
    "plain options": _asked("options", plain=True),
}


if __name__ == "__main__":
    main()
