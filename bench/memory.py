"""Memory of a training (e5-small on cldr, CPU) beside its estimate: `python bench/memory.py --batch-size 16`."""

import argparse
import os
import threading
import time
from pathlib import Path
from typing import Any

import mslt_cli
from mslt_cli.data.examples import collate
from mslt_cli.models.shape import read_shape
from mslt_cli.runs.plan import Experiment, plan
from mslt_cli.runs.samples import choose_ids, encode_examples
from mslt_cli.runs.session import Session
from mslt_cli.training.loop import Training
from mslt_cli.training.memory import estimate_memory, largest_part
from mslt_cli.training.settings import Settings


def resident_bytes() -> int:
    """What this process has in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kept_bytes(training: Training, size: int) -> int:
    """What the forward pass of the longest examples keeps for the backward pass, parameters not counted."""
    import torch

    learner = training.learner
    kept: list[Any] = []
    own = {parameter.untyped_storage().data_ptr() for parameter in learner.network.parameters()}

    def pack(tensor: Any) -> Any:
        kept.append(tensor)
        return tensor

    longest = sorted(training.examples, key=lambda example: -len(example.ids))[:size]
    batch = {name: torch.from_numpy(array) for name, array in collate(longest, learner.pad_id).items()}
    learner.network.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        learner.loss(batch)
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in kept}
    return sum(size for place, size in storages.items() if place not in own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=16)
    size = parser.parse_args().batch_size
    import torch  # noqa: F401 (before memory is measured)
    import transformers  # noqa: F401

    task, model = mslt_cli.find_task("cldr"), mslt_cli.fetch_model("e5-small")
    settings = Settings(epochs=None, steps=3, batch_size=size)
    (item,) = plan(Experiment(task, model, [("en",)], examples=100, settings=settings), device="cpu")
    session = Session(model, device="cpu")
    examples = encode_examples(item.spec, choose_ids(item.spec, session), session)
    shape = read_shape(model.files)
    assert shape is not None
    estimate = estimate_memory(shape, item.spec.settings, largest_part(examples, size, on_gpu=False), on_gpu=False)
    before, peak = resident_bytes(), [0]

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], resident_bytes())
            time.sleep(0.005)

    threading.Thread(target=watch, daemon=True).start()
    learner = session.learner(task, item.spec.settings)
    learner.restart(0, None)
    training = Training(learner, examples, item.spec.settings, 0)
    for _ in training.steps():
        pass
    print(f"memory: {(peak[0] - before) / 1e6:,.0f} MB, estimated {estimate.total / 1e6:,.0f}")
    print(f"activations: {kept_bytes(training, size) / 1e6:,.0f} MB, estimated {estimate.activations / 1e6:,.0f}")


if __name__ == "__main__":
    main()
