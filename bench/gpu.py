"""What only a GPU can show, in one call under eight minutes on an H100. It has NOT been run on a GPU yet.

Parts: precision (bf16 and fp32 score alike), speed (XLM-R-base's shape beside a plain loop: samples a second, and the
share of the card's peak that the tokens which are no padding account for), memory (a batch that does not fit is
halved), ranks (two processes train together), decoders (bench/decoders.py: QLoRA of BLOOM-7B1's shape beside Trainer).
Weights are random. A part that this machine cannot do is skipped, and says why.

Run: python bench/gpu.py [--tiny] [--parts speed,memory], or `make gpu`. --tiny is for a CPU: small shapes, no findings.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kills import Bench

HERE = Path(__file__).parent
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12}
"""Operations a second in bfloat16 without sparsity, by data sheets; the first that is in the card's name."""
SHAPES = {False: (250_002, 768, 12, 12, 3072), True: (1_000, 64, 2, 2, 128)}
"""Vocabulary, width, layers, heads, inner width: of XLM-R base, and with --tiny."""
LONGEST, BATCH = 128, 32


class Skipped(Exception):
    """This machine cannot do a part; says why."""


def precision(bench: Bench, tiny: bool) -> str:
    """Train the same runs in both precisions, and compare their mean accuracy."""
    from mslt_cli.runs.experiment import train
    from mslt_cli.training.settings import Settings, override

    scores: dict[str, list[float]] = {}
    settings = Settings(epochs=2 if tiny else 20, batch_size=8, learning_rate=1e-2)
    for name in ("fp32", "bf16"):
        done = train(
            bench.store, bench.task, bench.model, [("eng",)], root=bench.home / "precision", examples=48,
            targets=("fin", "tur"), seeds=tuple(range(2 if tiny else 5)),
            settings=override(settings, {"precision": name}),
        )  # fmt: skip
        for finished in done:
            if finished.outcome is None:
                raise finished.error or RuntimeError("a run has no outcome")
            scores.setdefault(name, []).append(finished.outcome.run.means[0]["value"])
    difference = statistics.mean(scores["bf16"]) - statistics.mean(scores["fp32"])
    noise = (sum(statistics.variance(each) / len(each) for each in scores.values())) ** 0.5
    said = ", ".join(f"{name} {100 * statistics.mean(each):.1f} %" for name, each in scores.items())
    return f"{said}; difference {100 * difference:+.1f} points, standard error over seeds {100 * noise:.1f}"


def speed(bench: Bench, tiny: bool) -> str:
    """Steps of mslt's loop, and of one that pads to the maximum in random order, on the same examples."""
    import numpy as np
    import torch

    from mslt_cli.data.examples import Example, collate
    from mslt_cli.models.classifier import load_classifier
    from mslt_cli.training.loop import Training
    from mslt_cli.training.settings import Settings, override

    steps, rng = 4 if tiny else 60, np.random.default_rng(0)
    folder = _write_shape(bench.home / "shape", tiny)
    learner = load_classifier(folder, "cls", ("a", "b", "c"))
    device, name = learner.device, "bf16" if learner.device.type == "cuda" else "fp32"
    body = sum(p.numel() for n, p in learner.network.named_parameters() if "embeddings" not in n)
    _, width, layers, *_ = SHAPES[tiny]
    examples = []
    for length in rng.integers(10, LONGEST, BATCH * steps):
        ids = rng.integers(4, SHAPES[tiny][0], int(length)).astype(np.int32)
        examples.append(Example(ids, np.zeros(len(ids), np.uint8), ids[:0], rng.integers(0, 3, 1)))
    work = sum(6 * body * len(e.ids) + 12 * layers * width * len(e.ids) ** 2 for e in examples)

    def ours() -> None:
        settings = override(Settings(batch_size=BATCH), {"steps": steps, "precision": name})
        for _ in Training(learner, examples, settings, 0).steps():
            pass
        learner.untrim()

    def plain() -> None:
        parameters = list(learner.trainable(freeze_embeddings=False).values())
        optimizer = torch.optim.AdamW(parameters, lr=1e-5, fused=True)
        learner.network.train()
        for start in range(0, len(examples), BATCH):
            arrays = collate(examples[start : start + BATCH], learner.pad_id, multiple=LONGEST)
            batch = {key: torch.from_numpy(value).to(device) for key, value in arrays.items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=name == "bf16"):
                loss = learner.loss(batch) / BATCH
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()

    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    peak = next((value for key, value in PEAK.items() if key in card), None)
    found = []
    for title, run in (("mslt", ours), ("plain loop", plain)):
        seconds = []
        for _ in range(2):  # the first warms up
            learner.restart(0)
            clock = time.perf_counter()
            run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - clock)
        utilisation = "" if peak is None else f", {100 * work / seconds[1] / peak:.0f} % of the peak"
        found.append(f"{title} {len(examples) / seconds[1]:,.0f} samples/s{utilisation}")
    return f"{card}, {name}, batches of {BATCH}: {'; '.join(found)}"


def memory(bench: Bench, tiny: bool) -> str:
    """Let a batch of inference need more than the process may have: it has to be halved, and all texts answered."""
    import torch

    if not torch.cuda.is_available():
        raise Skipped("torch has no GPU here whose memory could run out; tests/training and tests/models play it.")
    from mslt_cli.models.batching import compute_batches, inference
    from mslt_cli.models.classifier import load_classifier

    learner = load_classifier(_write_shape(bench.home / "shape", tiny), "cls", ("a", "b"))
    learner.network.eval()
    device = learner.device

    def compute(positions: list[int]) -> Any:
        ids = torch.full((len(positions), LONGEST), 5, device=device)
        with inference(device):
            return learner.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.cpu()

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    compute([*range(64)])
    allowed = 1.2 * torch.cuda.max_memory_allocated(device) / torch.cuda.get_device_properties(device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(min(allowed, 1.0), device)
    try:
        sizes = [len(batch) for batch, _ in compute_batches(compute, [LONGEST] * 4096, 4096 * LONGEST)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    if sum(sizes) != 4096 or max(sizes) == 4096:
        raise RuntimeError(f"nothing was halved, or texts are missing: batches of {sizes}")
    return f"4,096 texts at once were halved to batches of {max(sizes):,} at most, and all were answered"


def ranks(bench: Bench, tiny: bool) -> str:
    """Train one run in two processes, on two GPUs where there are two, else on the CPU."""
    import torch

    gpus = torch.cuda.device_count()
    environment = os.environ | {"MSLT_STORE": str(bench.store)} | ({} if gpus > 1 else {"CUDA_VISIBLE_DEVICES": ""})
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mslt_cli"]
    words += ["train", "--task", str(bench.home / "moods.toml"), "--model", str(bench.model.folder), "--sources", "en"]
    words += ["--examples", "24", "--steps", "6", "--targets", "fi", "--runs", str(bench.home / "ranks"), "--json"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-600:])
    where = "two GPUs (NCCL)" if gpus > 1 else "the CPU (gloo); NCCL takes no two processes on one GPU"
    return f"two processes trained one run together on {where}"


def decoders(bench: Bench, tiny: bool) -> str:
    """bench/decoders.py with BLOOM-7B1's shape."""
    import torch

    if not tiny and not torch.cuda.is_available():
        raise Skipped("BLOOM-7B1's shape needs a GPU.")
    words = [sys.executable, str(HERE / "decoders.py"), "--shape", "small" if tiny else "bloom-7b1", "--rounds", "1"]
    words += ["--steps", "2" if tiny else "6", "--items", "8" if tiny else "64"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=420)
    if done.returncode:
        raise RuntimeError(done.stderr[-600:])
    return "\n  ".join(done.stdout.strip().splitlines())


def _write_shape(folder: Path, tiny: bool) -> Path:
    """Write an XLM-R with random weights, and a tokenizer that nothing uses."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import XLMRobertaConfig, XLMRobertaModel

    if not folder.exists():
        vocabulary, width, layers, heads, inner = SHAPES[tiny]
        config = XLMRobertaConfig(
            vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
            intermediate_size=inner, max_position_embeddings=514, pad_token_id=1,
        )  # fmt: skip
        torch.manual_seed(0)
        model: Any = XLMRobertaModel(config, add_pooling_layer=False)
        model.save_pretrained(folder)
        Tokenizer(WordLevel({"<s>": 0, "<pad>": 1}, unk_token="<s>")).save(str(folder / "tokenizer.json"))
    return folder


PARTS: dict[str, Callable[[Bench, bool], str]] = {
    part.__name__: part for part in (precision, speed, memory, ranks, decoders)
}


def main() -> None:
    """Do the parts, and say what each found; 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--parts", default=",".join(PARTS), help="by comma; default: all")
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home))
        for name in given.parts.split(","):
            clock = time.perf_counter()
            try:
                said = PARTS[name](bench, given.tiny)
            except Skipped as reason:
                said = f"skipped: {reason}"
            except Exception as error:  # the other parts are still worth their minutes
                failed, said = True, f"FAILED: {error!r}"
            print(f"{name} ({time.perf_counter() - clock:.0f} s)\n  {said}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
