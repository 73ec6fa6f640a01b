"""One run: trained or gone on with, evaluated, and written into its directory. What runs share is in a session."""

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mslt_cli.data.prepared import require_record
from mslt_cli.evaluation.metrics import accuracy_table
from mslt_cli.files import sha256_of
from mslt_cli.models.adapter import ADAPTER
from mslt_cli.models.decoder import Decoder, write_merged
from mslt_cli.progress import Step
from mslt_cli.runs import checkpoints
from mslt_cli.runs.answering import NO_RESULTS, Evaluator, Results
from mslt_cli.runs.directory import (
    AGAIN,
    CONFIG,
    MANIFEST,
    MERGED,
    METRICS,
    MODEL,
    NEW_METRICS,
    Run,
    RunError,
    check_files,
    checksums_in,
    clear_run,
    drop_leftovers,
    free_name,
    new_run_folder,
    parquet_of,
    read_run,
    write_bytes,
    write_json,
    write_run,
)
from mslt_cli.runs.evaluate import evaluate_further
from mslt_cli.runs.how import How
from mslt_cli.runs.locks import BusyError, RunLock
from mslt_cli.runs.model_card import write_cards
from mslt_cli.runs.plan import Planned
from mslt_cli.runs.samples import choose_ids, count_cut, encode_examples
from mslt_cli.runs.session import Session
from mslt_cli.runs.spec import Stopwatch, describe_environment
from mslt_cli.runs.trackers import Reported, Reporter, report
from mslt_cli.stopping import Preempted, asked, postponed, raise_for
from mslt_cli.training.distributed import ALONE, World
from mslt_cli.training.loop import Training

Status = Literal["done", "evaluated", "resumed", "trained"]
"""It was there; further targets were evaluated; it went on from a checkpoint; it was trained from the start."""
State = Literal["done", "goes on", "new"]


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    run: Run
    status: Status


class Work:
    """The work on one run. Of processes that train together, the first alone holds the lock, evaluates and writes."""

    def __init__(self, planned: Planned, directory: Path, how: How, session: Session, world: World = ALONE) -> None:
        self.planned, self.spec, self.evaluations = planned, planned.spec, planned.evaluations
        self.directory = directory
        self.how, self.session, self.world = how, session, world
        self.progress = session.progress
        self.lock = RunLock(self.directory)

    @property
    def state(self) -> State:
        """What is there of the run."""
        try:
            if self._find_done() is not None:
                return "done"
        except RunError:
            return "new"  # it will say what is wrong when its turn comes
        return "goes on" if checkpoints.last_step(self.directory) and not self.how.force else "new"

    def _find_done(self) -> Run | None:
        """The finished run, if it has all that is asked for. Raises: RunError: its run.json was changed by hand."""
        how = self.how
        run = None if how.force else read_run(self.directory)
        if run is None or any(evaluation.missing_in(run) for evaluation in self.evaluations):
            return None
        merges = how.merge and self.spec.settings.adapter is not None
        if (how.keep_model and run.model_folder is None) or (merges and run.folder(MERGED) is None):
            return None
        return run

    def _find_whole(self) -> Run | None:
        """As `_find_done`, and nothing of it was changed: what a killed process left beside it is dropped."""
        if (run := self._find_done()) is not None:
            check_files(run)
            drop_leftovers(run)
        return run

    def _read_part(self) -> Run | None:
        """The finished run, which lacks something that is asked for. Raises: RunError: it was changed by hand."""
        if (run := None if self.how.force else read_run(self.directory)) is not None:
            check_files(run)
        return run

    def carry_out(self) -> Outcome:
        """Do the run, or what is left of it.

        Raises:
            BusyError: another process is doing it.
            MsltError: data, model or directory cannot be used; the loss is not finite; memory does not suffice.
        """
        world, first = self.world, self.world.first
        writes = os.access(self.directory, os.W_OK) or not self.directory.exists()  # a colleague's may be read alone
        with ExitStack() as stack:
            busy: BusyError | None = None
            if first and writes:
                try:
                    stack.enter_context(self.lock.held())
                except BusyError as error:
                    busy = error
            if (busy := world.broadcast(busy)) is not None:
                raise busy
            run: Run | None = world.broadcast(self._find_whole() if first else None)
            if run is not None:
                return Outcome(run, "done")
            run = world.broadcast(self._read_part() if first else None)
            if run is not None and run.model_folder is not None:
                if first:
                    run = self._merge(evaluate_further(run, self.evaluations, self.session))
                return Outcome(run, "evaluated")
            if self.how.force and first:
                clear_run(self.directory)
            world.wait()
            return self._train(run)

    def _train(self, before: Run | None) -> Outcome:
        """Train, evaluate and write; a finished run that lacks targets (`before`) stays whole until then."""
        spec, session = self.spec, self.session
        watch = Stopwatch()
        known = before.files if before is not None else {}
        ids = choose_ids(spec, session)
        learner = session.learner(spec.task, spec.settings)
        learner.restart(spec.seed, spec.settings.dropout)
        evaluator = Evaluator(learner, session, spec.settings, spec.sources, self.directory)
        training = Training(
            learner,
            encode_examples(spec, ids, session),
            spec.settings,
            spec.seed,
            validate=(lambda: self._validate(evaluator)) if spec.settings.choose == "best" else None,
            world=self.world,
            progress=self.progress,
        )
        cut = count_cut(spec, ids, session)
        of_all = {source: (n, len(ids[source])) for source, n in cut.items()}
        session.note_cut(spec.title, spec.task, spec.task.training, of_all, spec.settings)
        saved, damaged = checkpoints.load_checkpoint(self.directory)
        if damaged:
            steps = " and ".join(f"{step:,}" for step in damaged)
            self.progress.note(
                f"{spec.title}: the checkpoint of step {steps} is damaged or of an earlier mslt: not used"
            )
        if saved is not None:
            training.resume(saved.tensors, saved.values)
        start = training.step
        lines = [] if saved is None else list(saved.lines)
        if not self.world.first:
            with postponed():  # the first process says when all is saved
                self._take_steps(training, lines, Reporter())
                training.finish()
                if number := self.world.broadcast(None):
                    raise_for(number)
            return Outcome(Run(self.directory, {}), "trained")
        self._write_beginning(ids, training, known)
        try:
            record = self._make_record(training, evaluator, ids, cut, lines, before)
        except (KeyboardInterrupt, Preempted):
            if training.step == training.total:  # evaluation begins anew, and training does not
                self._save_checkpoint(training, lines)
                self.world.broadcast(asked() or signal.SIGINT)
            raise
        write_cards(self.directory, record, self.progress)
        run = self._merge(write_run(self.directory, record | watch.as_record()))
        self.world.broadcast(None)
        return Outcome(run, "resumed" if start else "trained")

    def _make_record(
        self,
        training: Training,
        evaluator: Evaluator,
        ids: Mapping[str, Sequence[str]],
        cut: Mapping[str, int],
        lines: list[str],
        before: Run | None,
    ) -> dict[str, Any]:
        """Take the steps that are left, evaluate, and write all files but run.json; gives what that has."""
        spec, learner, start = self.spec, evaluator.learner, training.step
        reported = Reported(self.directory, spec.run_id, spec.description["identity"])
        with report(self.how.report_to, reported, self.progress) as reporter:
            counts, speed = self._take_steps(training, lines, reporter)
            training.finish()
            results: Results = before.record if before is not None else NO_RESULTS
            for evaluation in self.evaluations:
                results = evaluator.evaluate(evaluation, results)
            reporter.scores(results["scores"], results["means"])
        kept = {}
        if isinstance(learner, Decoder):
            with new_run_folder(self.directory / MODEL) as part:
                learner.save(part, self.session.model.name)
            kept["adapter_sha256"] = sha256_of(self.directory / MODEL / ADAPTER)
        elif self.how.keep_model:
            with new_run_folder(self.directory / MODEL) as part:
                learner.save(part, self.session.model.folder)
        written = [MODEL] if isinstance(learner, Decoder) or self.how.keep_model else []
        files = checksums_in(self.directory, CONFIG, AGAIN, MANIFEST, *written)
        files |= self._write_metrics(lines, before.files if before is not None else {})
        return {
            **spec.description,
            "command": self.planned.command(self._kept),
            "environment": describe_environment(learner, self.world.size),
            "training": {
                "steps": training.total,
                "examples": spec.examples,
                "cut": cut,
                **counts,
                "best_validation": None if training.best < 0 else training.best,
                "micro_batch": training.micro_batch,
                "resumed_at": start or None,
                **speed,
            },
            "origins": {source: require_record(spec.task, source, spec.task.training).origin for source in ids},
            "scores": results["scores"],
            "means": results["means"],
            "files": {name: sha256 for name, sha256 in results["files"].items() if not name.startswith("metrics")}
            | files,
            **kept,
        }

    def _write_metrics(self, lines: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
        """Write metrics.jsonl, which may lie there for people already, whole; its name and SHA-256."""
        data = "".join(lines).encode()
        name = free_name(METRICS, sha256 := hashlib.sha256(data).hexdigest(), known)
        write_bytes(self.directory / name, data)
        (self.directory / NEW_METRICS).unlink(missing_ok=True)
        return {name: sha256}

    def _write_beginning(self, ids: Mapping[str, Sequence[str]], training: Training, known: Mapping[str, str]) -> None:
        """Write what is known before the first step and no file of the run yet; say if checkpoints lack space."""
        import polars as pl

        spec, directory = self.spec, self.directory
        if CONFIG not in known:
            write_json(directory / CONFIG, {name: spec.description[name] for name in ("run_id", "identity")})
        if AGAIN not in known:
            write_bytes(directory / AGAIN, self.planned.config(self._kept).encode())
        rows = [(source, id_) for source, chosen in ids.items() for id_ in chosen]
        schema = {"language": pl.String, "id": pl.String}
        if MANIFEST not in known:
            write_bytes(directory / MANIFEST, parquet_of(pl.DataFrame(rows, schema=schema, orient="row")))
        size = 12 * sum(p.numel() for p in training.parameters.values())  # float32: weight, two moments
        free = shutil.disk_usage(directory).free
        if self.how.checkpoint_every != 0 and free < 3 * size:
            self.progress.note(
                f"a checkpoint takes {size / 1e9:.1f} GB, three may lie there at once, and {free / 1e9:.1f} GB are free"
                f" in {directory.parent}."
            )

    def _take_steps(
        self, training: Training, lines: list[str], reporter: Reporter
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Take the steps that are left, and add their lines of metrics.jsonl; gives parts of run.json.

        They are the tokens of all steps and the last loss; and the seconds and speed of the steps that were left.
        """
        every = self.how.checkpoint_every
        last = json.loads(lines[-1]) if lines else {}
        counts: dict[str, Any] = {name: int(last.get(name, 0)) for name in ("tokens", "padded_tokens")}
        counts |= {"loss": last["loss"]} if lines else {}
        clock = saved_at = time.monotonic()
        saved_step, tokens = training.step, 0
        for line_before in lines:
            reporter.step(line_before)
        with (
            postponed(),
            checkpoints.open_metrics(self.directory, lines) if self.world.first else nullcontext() as file,
            self.progress.step(self.spec.title, training.total, "steps", done=training.step) as step,
        ):
            for record in training.steps():
                tokens += record.tokens
                counts["tokens"] += record.tokens
                counts["padded_tokens"] += record.padded_tokens
                counts["loss"] = record.loss
                now = time.monotonic()
                line = {name: value for name, value in asdict(record).items() if value is not None} | counts
                lines.append(json.dumps(line) + "\n")
                if file is not None:
                    file.write(lines[-1])
                    reporter.step(lines[-1])
                step.tell(f"loss {record.loss:.3f}, {tokens / max(now - clock, 1e-9):,.0f} tokens/s")
                step.advance()
                if not training.settled or training.step == training.total:
                    continue
                due = training.step - saved_step >= every if every else now - saved_at >= self.how.checkpoint_s
                number, due = self.world.broadcast((asked(), due and every != 0))
                if number or due:
                    if file is not None:
                        file.flush()
                        self._save_checkpoint(training, lines)
                    saved_at, saved_step = time.monotonic(), training.step
                if number:
                    raise_for(number)
        wall_s = time.monotonic() - clock
        return counts, {"wall_s": round(wall_s, 3), "tokens_per_s": round(tokens / max(wall_s, 1e-9), 1)}

    def _save_checkpoint(self, training: Training, lines: Sequence[str]) -> None:
        try:
            checkpoints.save_checkpoint(self.directory, checkpoints.Checkpoint(*training.state(), lines))
        except RunError as error:  # a full disk may be emptied before the training ends
            kept = checkpoints.last_step(self.directory)
            self.progress.note(
                f"no checkpoint at step {training.step:,}: {error} "
                + (f"That of step {kept:,} is kept." if kept else "There is none yet.")
            )

    def _validate(self, evaluator: Evaluator) -> float:
        """Accuracy on the head of each source's validation data, all examples or words counting alike."""
        counts = np.zeros(2, np.int64)  # correct, all
        for source in self.spec.sources:
            most = self.spec.settings.validation_examples
            labels = evaluator.predict_labels(self.spec.task, source, "validation", Step(), most)
            counts += accuracy_table(*labels).sum(axis=0)
        return float(counts[0] / counts[1])

    @property
    def _kept(self) -> list[str]:
        """The words of a command line that say what is kept of the run."""
        return ["--keep-model"] if self.how.keep_model else []

    def _merge(self, run: Run) -> Run:
        """Write the model with its adapter worked in, if that is asked for and it is not there yet."""
        adapter, merged, model = self.spec.settings.adapter, self.directory / MERGED, self.session.model
        if not self.how.merge or adapter is None or run.folder(MERGED) is not None:
            return run
        check_files(run, MODEL)
        with self.progress.step(f"merge {self.spec.label} into {model.name}"), new_run_folder(merged) as part:
            write_merged(part, model.folder, adapter, self.directory / MODEL)
        write_cards(run.directory, run.record, self.progress)
        return write_run(run.directory, {**run.record, "files": {**run.files, **checksums_in(run.directory, MERGED)}})
