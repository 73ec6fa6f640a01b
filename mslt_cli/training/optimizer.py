"""The optimizer of a training, and the learning rate of each step."""

import math
from collections.abc import Mapping
from typing import Any

from mslt_cli.models.learner import Learner
from mslt_cli.training.settings import Settings


def make_optimizer(parameters: Mapping[str, Any], learner: Learner, settings: Settings) -> Any:
    """AdamW over parameters by name; biases and layer norms have no weight decay.

    Each group has its peak learning rate as "highest_rate": a head may have one of its own.
    """
    import torch

    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, parameter in parameters.items():
        groups.setdefault((name in learner.head_parameters, parameter.ndim > 1), []).append(parameter)
    rate = settings.learning_rate
    return torch.optim.AdamW(
        [
            {
                "params": group,
                "weight_decay": settings.weight_decay if decays else 0.0,
                "highest_rate": (settings.head_learning_rate or rate) if in_head else rate,
            }
            for (in_head, decays), group in groups.items()
        ],
        lr=rate,
        fused=learner.device.type in ("cpu", "cuda"),
    )


def rate_factor(step: int, total: int, warmup: float, schedule: str) -> float:
    """Share of the peak learning rate that step number `step` (from 0) takes, 0..1."""
    rising = math.ceil(total * warmup)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "constant":
        return 1.0
    left = (total - step) / max(1, total - rising)
    return left if schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))
