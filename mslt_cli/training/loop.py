"""The training loop: yields a record of each step, prints nothing, stores nothing.

A step depends on the seed, its number and the state before it alone: batches follow from the seed, and dropout is
seeded anew in every step. So a training that resumes from a saved state takes the same steps, bit by bit on one device,
as one that was never stopped.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mslt_cli.data.examples import Example, collate, padded_length
from mslt_cli.errors import ModelError, MsltError
from mslt_cli.models.learner import Learner
from mslt_cli.progress import QUIET, Progress
from mslt_cli.stopping import asked
from mslt_cli.training.batches import training_batches
from mslt_cli.training.distributed import ALONE, World
from mslt_cli.training.optimizer import make_optimizer, rate_factor
from mslt_cli.training.settings import Settings

READ_EVERY, READ_EVERY_CPU = 10, 1
"""Steps after which the losses are read. On a GPU that is seldom, since reading waits for the device."""


class DivergedError(MsltError):
    """The loss or the gradient is no longer a finite number."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(
            f"The {what} is not a finite number at step {step}. Lower --learning-rate, or raise --warmup or --clip."
        )
        self.step = step


@dataclass(frozen=True)
class StepRecord:
    """One optimizer step."""

    step: int
    """From 1."""
    epoch: int
    """From 0."""
    loss: float
    """Mean cross-entropy over the labels of the batch, in nats."""
    learning_rate: float
    gradient_norm: float
    """Before it was clipped."""
    examples: int
    tokens: int
    """Without padding."""
    padded_tokens: int
    """With padding, in all processes."""
    validation: float | None = None
    """Accuracy on the sources' validation data, 0..1, if the weights were validated after this step."""


class Training:
    """One training under way.

    Args:
        learner: freshly restarted.
        examples: of all languages together.
        settings: with a precision other than "auto".
        seed: of the batches and of dropout.
        validate: gives the score on the sources' validation data; with settings.choose "best".
    """

    def __init__(
        self,
        learner: Learner,
        examples: Sequence[Example],
        settings: Settings,
        seed: int,
        *,
        validate: Callable[[], float] | None = None,
        world: World = ALONE,
        progress: Progress = QUIET,
    ) -> None:
        self.learner, self.settings, self.seed = learner, settings, seed
        self.used = _ids_to_train(learner, examples, settings)
        """The token ids that occur, where the others are left out of the training; else None."""
        self.decay = 1.0
        """The factor by which weight decay has scaled the rows that are left out."""
        self.average_decay = 0.0
        if self.used is not None:
            learner.trim(self.used)
            examples = [replace(e, ids=np.searchsorted(self.used, e.ids).astype(np.int32)) for e in examples]
        self.examples = examples
        self.world, self.progress, self.validate = world, progress, validate
        self.lengths = np.array([len(example.ids) for example in examples], np.int64)
        self.total = settings.total_steps(len(examples))
        self.micro_batch = settings.at_once(world.size)
        self.multiple = 8 if learner.device.type == "cuda" else 1
        """Of tokens, to which batches are padded."""
        self.step = 0
        self.settled = True
        """Whether every step so far is known to be finite, and has been yielded."""
        self.kept = 0
        """Number of weights that have been averaged."""
        self.best = -math.inf
        n = settings.average_checkpoints
        self.average_at = {max(1, round(self.total * i / n)) for i in range(1, n + 1)}
        self.validate_at: set[int] = set()
        if settings.choose == "best":
            every = settings.evaluate_every or max(1, self.total // 10)
            self.validate_at = {*range(every, self.total, every), self.total}
        self.parameters = learner.trainable(freeze_embeddings=settings.freeze_embeddings)
        self.set_aside: dict[str, Any] = {}
        """The average, or the best weights so far, on the CPU."""
        self.optimizer = make_optimizer(self.parameters, learner, settings)

    def steps(self) -> Iterator[StepRecord]:
        """Take the steps that are left. Where `settled` is true, `state()` is the state after the last record.

        When a signal asks for the end, that is so after the next step; of several processes, that all read at once.

        Raises:
            DivergedError: the loss or the gradient is not finite; no later state should be kept.
            ModelError: memory does not suffice; says which micro-batch would, or that none does.
        """
        read_every = READ_EVERY_CPU if self.learner.device.type == "cpu" else READ_EVERY
        pending: list[tuple[StepRecord, Any, Any]] = []
        batches = training_batches(self.lengths, self.settings.batch_size, self.seed, self.total, self.step)
        self.learner.network.train()
        for epoch, batch in batches:
            rate = self._set_rate()
            self.settled = False
            # An example without labels (a prompt that is longer than the model takes) need not be computed.
            learned = [self.examples[i] for i in batch if len(self.examples[i].labels)]
            loss, norm = self._step(learned)
            self.step += 1
            record = StepRecord(
                step=self.step,
                epoch=epoch,
                loss=math.nan,
                learning_rate=rate,
                gradient_norm=math.nan,
                examples=len(batch),
                tokens=sum(len(example.ids) for example in learned),
                padded_tokens=self._count_padded(learned),
            )
            pending.append((record, loss, norm))
            special = self.step in self.average_at or self.step in self.validate_at or self.step == self.total
            if special or len(pending) >= read_every or (self.world.size == 1 and asked()):
                records = _read_losses(pending)
                pending = []
                if special:
                    records[-1] = self._average_or_validate(records[-1])
                yield from records[:-1]
                self.settled = True
                yield records[-1]

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """All that `resume` needs: tensors by name, and plain values."""
        tensors = {f"aside.{name}": value for name, value in self.set_aside.items()}
        for name, parameter in self.parameters.items():
            kept = {"weight": parameter.detach(), **self.optimizer.state.get(parameter, {})}
            tensors |= {f"{key}.{name}": value for key, value in kept.items()}
        best = None if self.best == -math.inf else self.best
        values = {"step": self.step, "kept": self.kept, "best": best}
        return tensors, values | {"decay": self.decay, "average_decay": self.average_decay}

    def resume(self, tensors: dict[str, Any], values: dict[str, Any]) -> None:
        """Take over a state that `state` gave."""
        import torch

        self.step, self.kept = int(values["step"]), int(values["kept"])
        self.best = -math.inf if values["best"] is None else float(values["best"])
        self.decay, self.average_decay = float(values["decay"]), float(values["average_decay"])
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight.{name}"])
                if f"step.{name}" in tensors:
                    moments = {key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
                    self.optimizer.state[parameter] = {k: v.to(parameter.device) for k, v in moments.items()}
        self.set_aside = {
            name.removeprefix("aside."): value.clone() for name, value in tensors.items() if name.startswith("aside.")
        }

    def finish(self) -> None:
        """Put the weights that count into the model: the average, the best, or the last."""
        import torch

        if self.set_aside:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(self.set_aside[name])
        if self.used is not None:
            self.learner.untrim(self.used, self.average_decay if self.kept else self.decay)

    def _parts(self, examples: Sequence[Example], rank: int) -> list[Sequence[Example]]:
        """The examples of a batch that the process of a rank computes, in parts that go through the model at once."""
        mine = examples[rank :: self.world.size]
        return [mine[start : start + self.micro_batch] for start in range(0, len(mine), self.micro_batch)]

    def _count_padded(self, examples: Sequence[Example]) -> int:
        """The tokens of a batch with padding, over all processes."""
        parts = [part for rank in range(self.world.size) for part in self._parts(examples, rank)]
        return sum(len(part) * padded_length(part, self.multiple) for part in parts)

    def _step(self, examples: Sequence[Example]) -> tuple[Any, Any]:
        """One optimizer step; the loss and the norm stay on the device."""
        import torch

        labels = sum(len(example.labels) for example in examples)
        mine = self._parts(examples, self.world.rank)
        while True:
            try:
                loss = self._backward(mine, max(labels, 1))
                break
            except torch.OutOfMemoryError as error:
                self._save_memory(error)
        parameters = list(self.parameters.values())
        if not labels or self.world.size > 1:  # a step without labels counts as well, and so does a process without any
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        self.world.add_up([loss, *(parameter.grad for parameter in parameters)])
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.settings.clip or math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss, norm

    def _backward(self, parts: Sequence[Sequence[Example]], labels: int) -> Any:
        """Add up the gradient of the mean loss over all labels, part by part; gives that loss."""
        import torch

        device = self.learner.device
        # Seeded by the step alone, so that no state of a generator has to be kept.
        torch.manual_seed(int(np.random.SeedSequence([self.seed, self.step, self.world.rank]).generate_state(1)[0]))
        total = torch.zeros((), device=device)
        for part in parts:
            arrays = collate(part, self.learner.pad_id, multiple=self.multiple)
            batch = {name: torch.from_numpy(array).to(device, non_blocking=True) for name, array in arrays.items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"):
                loss = self.learner.loss(batch) / labels
            loss.backward()
            total += loss.detach()
        return total

    def _save_memory(self, error: BaseException) -> None:
        """Spare memory in a way that changes no result. Raises: ModelError: there is none; says what to do."""
        self._free_memory()
        if self.learner.spare_memory():
            self.progress.note(
                f"out of memory at step {self.step + 1}: hidden states are computed twice from here on, not kept."
            )
            return
        at_once = self.micro_batch // 2
        while at_once and not self._fits(at_once):
            at_once //= 2
        if not at_once:
            raise ModelError(
                "The device has too little memory for a single example. Lower --max-length, or use a smaller model or"
                " the CPU."
            ) from error
        raise ModelError(
            f"The device has too little memory for {self.micro_batch} examples at once, at step {self.step + 1:,}. Give"
            f" --micro-batch {at_once}: that is another run, which begins anew, for dropout and so the result differ."
        ) from error

    def _fits(self, at_once: int) -> bool:
        """Whether so many of the longest examples go through the model at once."""
        import torch

        learned = [example for example in self.examples if len(example.labels)]
        try:
            self._backward([sorted(learned, key=lambda example: -len(example.ids))[:at_once]], 1)
        except torch.OutOfMemoryError:
            return False
        finally:
            self._free_memory()
        return True

    def _free_memory(self) -> None:
        import torch

        self.optimizer.zero_grad(set_to_none=True)
        if self.learner.device.type == "cuda":
            torch.cuda.empty_cache()

    def _average_or_validate(self, record: StepRecord) -> StepRecord:
        """Average the weights, or validate them, at the steps where that is due."""
        if self.step in self.average_at:
            self.kept += 1
            self.average_decay += (self.decay - self.average_decay) / self.kept
            for name, parameter in self.parameters.items():
                now = parameter.detach().cpu()
                if name in self.set_aside:
                    self.set_aside[name] += (now - self.set_aside[name]) / self.kept
                else:
                    self.set_aside[name] = now.clone()
        if self.step in self.validate_at and self.validate is not None:
            score = self.validate()
            self.learner.network.train()
            if score > self.best:  # the first of equals
                self.best = score
                self.set_aside = {name: p.detach().cpu().clone() for name, p in self.parameters.items()}
            return replace(record, validation=score)
        return record

    def _set_rate(self) -> float:
        """Set the learning rate of the next step, and return it."""
        factor = rate_factor(self.step, self.total, self.settings.warmup, self.settings.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = group["highest_rate"] * factor
        self.decay *= 1 - self.settings.learning_rate * factor * self.settings.weight_decay
        return self.settings.learning_rate * factor


def _ids_to_train(learner: Learner, examples: Sequence[Example], settings: Settings) -> Any:
    """The token ids to train, sorted, where leaving the others out is exact and pays; else None."""
    if not learner.trains_vocabulary or settings.freeze_embeddings or settings.choose == "best" or settings.compile:
        return None  # validation data have other tokens; and what is compiled keeps its shapes
    rows = len(learner.network.get_input_embeddings().weight)
    used = np.unique(np.concatenate([np.arange(learner.pad_id + 1), *(example.ids for example in examples)]))
    return used if len(used) < rows // 2 else None


def _read_losses(pending: Sequence[tuple[StepRecord, Any, Any]]) -> list[StepRecord]:
    """The records with their losses and gradient norms. Raises: DivergedError: one of these is not finite."""
    import torch

    numbers = torch.stack([torch.stack([loss, norm.to(loss.dtype)]) for _, loss, norm in pending]).tolist()
    records = []
    for (record, _, _), (loss, norm) in zip(pending, numbers, strict=True):
        for what, number in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(number):
                raise DivergedError(record.step, what)
        records.append(replace(record, loss=loss, gradient_norm=norm))
    return records
