"""Results of EleutherAI's lm-evaluation-harness, taken in as evaluations of models as they are.

It writes a file for each call, results_DATE.json, with all its tasks. Here each of our tasks in it becomes a run of its
own, in a directory as every run has one; weights that a training of ours kept get its scores. They have no predictions,
and their `scoring` begins with options+lm-eval: no report puts them beside scores that mslt measured without saying so.
"""

import json
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mslt_cli import __version__
from mslt_cli.errors import DataError
from mslt_cli.evaluation.metrics import score
from mslt_cli.foreign import UnreadableError, parse_json, read_text_file
from mslt_cli.models import MODELS, canonical_name, is_folder
from mslt_cli.runs.directory import MERGED, MODEL, Run, RunError, read_run, run_folder_name, write_run
from mslt_cli.runs.harness_prompts import digest, find_conflict, find_unusual
from mslt_cli.runs.locks import locked
from mslt_cli.runs.spec import describe_run
from mslt_cli.tasks import find_task
from mslt_cli.tasks.task import Task

FAMILIES = {
    "xcopa": "xcopa_",
    "xwinograd": "xwinograd_",
    "xstorycloze": "xstorycloze_",
    "belebele": "belebele_",
    "globalmmlu": "global_mmlu_full_",
}
"""How the harness's names of our tasks begin; a language follows, as the data set has it. `global_mmlu_` alone is
another data set, Global-MMLU-Lite."""
TAKEN = {"acc,none": "accuracy", "acc_norm,none": "acc_norm"}
"""Our names of its metrics, none of which is filtered."""
MODEL_KEYS = ("pretrained", "model", "path", "engine")
"""The arguments of a model that name it."""
WITHOUT_EFFECT = {"dtype", "parallelize", "device", "device_map_option", "max_memory_per_gpu", "max_cpu_memory"}
WITHOUT_EFFECT |= {"batch_size", "max_batch_size", "trust_remote_code", "low_cpu_mem_usage", "attn_implementation"}
WITHOUT_EFFECT |= {"use_fast_tokenizer", "tensor_parallel_size", "data_parallel_size", "gpu_memory_utilization"}
"""Arguments of a model that leave it the same model; any other stands in its name."""
LARGEST_RESULTS_BYTES = 256 << 20
MOST_NAMED = 5
"""Tasks that a note names."""


@dataclass(frozen=True)
class TakenResults:
    """What `take_results` did."""

    directories: tuple[Path, ...]
    """Of the runs."""
    refused: tuple[tuple[Path, str], ...]
    """Files of which nothing was taken, and why."""
    notes: tuple[str, ...]
    """What was left out of the others."""


class NoResultsError(DataError):
    """A file is none of the harness's."""


def take_results(places: Iterable[Path], root: Path) -> TakenResults:
    """Make runs of the harness's files; the same again changes nothing, and of two scores the newer one stays.

    Args:
        places: its files, or folders that may have some; others in these that are called like them are left out.
        root: the folder of run directories.

    Raises: RunError: a run's directory cannot be written.
    """
    directories: dict[Path, None] = {}
    refused, notes = [], list[str]()
    for place, path in _find_files(places):
        try:
            file = _ResultsFile(path)
            records, trained = file.records(), file.trained_run()
        except (DataError, RunError) as error:
            if isinstance(error, NoResultsError) and path != place:
                notes.append(f"{path} was left out: it holds no results of the lm-evaluation-harness.")
                continue
            refused.append((path, str(error)))
            continue
        if trained is not None:
            records = [_as_scores_of(trained, record) for record in records]
        directories |= dict.fromkeys(_write(root, record, trained) for record in records)
        notes += [f"{path}: {left}." for left in file.left_out]
    return TakenResults(tuple(directories), tuple(refused), tuple(notes))


def _find_files(places: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Each place with a file that is called as the harness calls its files: itself, or one in it."""
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("results_*.json")):
            yield place, path


def _as_scores_of(run: Run, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a training with the scores that the harness gave to its weights."""
    shares = run.identity["shares"]
    return {**run.record, "scores": [score | {"unseen": score["target"] not in shares} for score in record["scores"]]}


def _write(root: Path, record: Mapping[str, Any], trained: Run | None) -> Path:
    """Write a run, or add scores to those that it has; of two in one place the newer stays. Gives its directory."""
    model = str(record.get("model", "")).rstrip("/").rsplit("/", 1)[-1]
    usual = run_folder_name(f"lm-eval_{record['task']['name']}_{model}", record["run_id"])
    directory = root / usual if trained is None else trained.directory
    with locked(directory, wait=True):
        before = read_run(directory)
        scores: dict[tuple[str, ...], Mapping[str, Any]] = {}
        for score in [*(before.scores if before is not None else []), *record["scores"]]:
            if _asked_at(score) >= _asked_at(scores.get(_place(score), {})):
                scores[_place(score)] = score
        older = before is not None and (trained is not None or before.record["finished_at"] > record["finished_at"])
        whole = before.record if before is not None and older else record
        write_run(directory, {**whole, "scores": [*scores.values()]})
    return directory


def _asked_at(score: Mapping[str, Any]) -> float:
    return float(score.get("asked_at", -math.inf))


def _place(score: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(score.get(name)) for name in ("task", "split", "scoring", "target", "metric"))


class _ResultsFile:
    """A file of the harness. DataError: it is none, or does not say which model it is of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.content = _mapping(parse_json(read_text_file(path, LARGEST_RESULTS_BYTES)))
        except UnreadableError as error:
            raise self._error(f"cannot be read: {error}") from error
        self.results = self._part("groups") | self._part("results")
        if not any(map(_mapping, self.results.values())):
            raise NoResultsError(str(self._error("holds no results of the lm-evaluation-harness")))
        self.left_out: list[str] = []
        """What is not taken, and why."""
        self.other_metrics: dict[str, list[str]] = {}
        """The tasks of ours that have a metric that is not taken."""

    def _error(self, what: str) -> DataError:
        return DataError(f"{self.path} {what}. Give a results_….json, or the folder of its --output_path.")

    def _part(self, name: str) -> dict[str, Any]:
        return _mapping(self.content.get(name))

    @property
    def _model_args(self) -> dict[str, str]:
        given = self._part("config").get("model_args")
        if isinstance(given, str):
            parts = re.split(r",(?=[^,=]*=)", given.strip(","))  # a comma may be in a value as well
            given = dict(part.partition("=")[::2] for part in parts if part)
        return {name: str(value) for name, value in _mapping(given).items()}

    def _model(self) -> tuple[str, str]:
        """The name of the model itself, and that with whatever makes another one of it."""
        args = self._model_args
        key = next((key for key in MODEL_KEYS if args.get(key)), "")
        given = args.get(key) or self.content.get("model_name")
        if not isinstance(given, str) or not given:
            raise self._error("does not say which model it is of")
        of_hub = next((name for name, known in MODELS.items() if known.repo_id == given), given)
        name = canonical_name(of_hub) if of_hub in MODELS or is_folder(of_hub) else of_hub
        usual = {"revision": "main", "tokenizer": given}
        further = [
            f"{argument}={value}"
            for argument, value in sorted(args.items())
            if argument not in WITHOUT_EFFECT | {key} and value not in ("None", usual.get(argument))
        ]
        return name, name + (f" ({', '.join(further)})" if further else "")

    def trained_run(self) -> Run | None:
        """The run that kept these weights, as an adapter or merged; None if none did, or they were changed on the way.

        Raises: RunError: its directory was changed.
        """
        args = self._model_args
        folder = Path(args.get("peft") or args.get("pretrained") or ".")
        usual = WITHOUT_EFFECT | {"peft", "pretrained", "tokenizer"}
        if folder.name not in (MODEL, MERGED) or not folder.is_dir() or args.keys() - usual:
            return None
        run = read_run(folder.resolve().parent)
        return run if run is not None and run.identity["kind"] == "train" else None

    @cached_property
    def _asked_at(self) -> float:
        """When the harness began, as a POSIX time: its date, or that of the file where there is none."""
        with suppress(TypeError, ValueError, OverflowError, OSError):
            date = float(self.content["date"]) if "date" in self.content else math.nan
            return datetime.fromtimestamp(date, UTC).timestamp()
        return self.path.stat().st_mtime

    def records(self) -> list[dict[str, Any]]:
        """A record for each of our tasks, as run.json has it. DataError: there is none."""
        found: dict[str, list[tuple[str, str, Task]]] = {}
        for name in self.results:
            for task_name, start in FAMILIES.items():
                task = find_task(task_name)
                own = _codes(task)
                if language := own.get(name.removeprefix(start).casefold()) if name.startswith(start) else None:
                    task = task.without_repairs(tuple(repair.name for repair in task.repairs))  # it repairs nothing
                    found.setdefault(task_name, []).append((name, language, task))
        known = {name for places in found.values() for name, *_ in places}
        self._note_unknown(known)
        records = []
        for places in found.values():
            task = places[0][-1]
            scores = [score for name, language, _ in places for score in self._scores(name, language, task)]
            if scores:
                try:
                    records.append(self._record(task, [name for name, *_ in places], scores))
                    json.dumps(records[-1], ensure_ascii=False).encode()
                except UnicodeEncodeError as error:
                    raise self._error("holds text that is not UTF-8") from error
                if task.without:
                    what = " and ".join(repair.summary for repair in find_task(task.name).repairs)
                    self.left_out.append(f"stored as {task.variant}, for the harness repairs nothing ({what} in mslt)")
        for metric, names in self.other_metrics.items():
            self.left_out.append(f"left out: {metric} of {_listed(names)}, for mslt takes {' and '.join(TAKEN)} alone")
        if not records:
            raise self._error(f"has no score that mslt can place: {'; '.join(self.left_out)}")
        return records

    def _note_unknown(self, known: set[str]) -> None:
        """Say which tasks are none of ours; groups of ours and parts of them are not worth a word."""
        above = {name for name in self.results if not known.isdisjoint(self._within(name))}
        below = set(chain.from_iterable(map(self._within, known)))
        if strange := [name for name in self.results if name not in known | above | below]:
            self.left_out.append(f"left out, for they are no tasks of mslt's: {_listed(strange)}")

    def _within(self, name: str) -> list[str]:
        """The names within a group, however deep."""
        parts, found = self._part("group_subtasks"), {name: None}
        left = [name]
        while left:
            held = parts.get(left.pop())
            names = held if isinstance(held, list) else []
            new = [part for part in names if isinstance(part, str) and part not in found]
            found |= dict.fromkeys(new)
            left += new
        return [*found][1:]

    def _leaves(self, name: str) -> list[str]:
        """The tasks that a name stands for: those within a group, or itself."""
        counted = self._part("n-samples")
        return [part for part in self._within(name) if part in counted] or [name]

    def _scores(self, name: str, language: str, task: Task) -> list[dict[str, Any]]:
        """The scores of one of its tasks; none, and a note, where it is not known what they are of."""
        leaves = self._leaves(name)
        configs, own = [*map(self._config, leaves)], _codes(task)
        counts = [_mapping(self._part("n-samples").get(leaf)) for leaf in leaves]
        original, n = (_total(count.get(key) for count in counts) for key in ("original", "effective"))
        splits = {str(config.get("test_split") or config.get("validation_split") or "") for config in configs}
        code = name.removeprefix(FAMILIES[task.name]).casefold()
        conflicts = {find_conflict(config, code, own) for config in configs} - {""}
        expected = task.expected_rows(task.evaluation, language)
        why = ""
        if not (original and n):
            why = "it does not say of how many rows"
        elif expected is not None and original != expected:
            why = f"it has {original:,} rows, and {task.name} {expected:,}"
        elif other := splits - {"", task.evaluation}:
            why = f"it is of {', '.join(other)}, and mslt evaluates on {task.evaluation}"
        elif conflicts:
            why = " and ".join(sorted(conflicts))
        elif n != original and (len(leaves) > 1 or self._part("config").get("limit") is None):
            why = "which rows were asked is not known"
        if why:
            self.left_out.append(f"left out: {name}, for {why}")
            return []
        scoring, limit = self._scoring(leaves, task, language), n if n != original else None
        about: dict[str, Any] = {"task": task.variant, "scoring": scoring, "target": language, "unseen": True}
        about |= {"split": f"{task.evaluation}[:{limit}]" if limit else task.evaluation}
        about |= {"data_sha256": "", "predictions": "", "cut": 0}  # not known
        about |= {"asked_at": self._asked_at}
        scores, said = [], self._metrics(name)
        if not said:
            self.left_out.append(f"left out: {name}, for it has no metric")
        for metric in said.keys() - TAKEN.keys():
            self.other_metrics.setdefault(metric, []).append(name)
        for metric, called in TAKEN.items():
            if metric not in said:
                continue
            value = said[metric]
            right = value * n if type(value) in (int, float) else -1
            if not 0 <= right <= n or abs(right - round(right)) > 0.01:
                self.left_out.append(f"left out: {metric} of {name}, for {value} is no share of {n:,} rows")
                continue
            table = np.repeat(np.array([[1, 1], [0, 1]], np.int64), [round(right), n - round(right)], axis=0)
            scores.append(about | ({"limit": limit} if limit else {}) | asdict(score(called, table)))
        return scores

    def _metrics(self, name: str) -> dict[str, Any]:
        """The values of a task by metric and filter, without their errors."""
        values = _mapping(self.results[name])
        return {key: values[key] for key in sorted(values) if "," in key and "_stderr," not in key}

    def _config(self, leaf: str) -> dict[str, Any]:
        return _mapping(self._part("configs").get(leaf))

    def _scoring(self, leaves: Sequence[str], task: Task, language: str) -> str:
        """What tells these scores from others: options+lm-eval+5-shot+chat."""
        shots = self._part("n-shot").get(leaves[0]) or self._config(leaves[0]).get("num_fewshot") or 0
        parts = ["options", "lm-eval", *([f"{shots}-shot"] if shots else [])]
        parts += ["chat"] if self.content.get("chat_template") else []
        parts += ["multiturn"] if shots and self.content.get("fewshot_as_multiturn") else []
        if system := self.content.get("system_instruction"):
            parts.append(f"system-{digest(str(system))[:8]}")
        unusual = [find_unusual(self._config(leaf), task, language, bool(shots)) for leaf in leaves]
        if any(unusual):
            once = sorted({json.dumps(found, sort_keys=True) for found in unusual})
            parts.append(f"config-{digest(json.dumps(once))[:8]}")
        return "+".join(parts)

    def _record(self, task: Task, names: Sequence[str], scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        config, (base, model) = self._part("config"), self._model()
        version = str(self.content.get("lm_eval_version") or self.content.get("git_hash") or "")
        args = ",".join(f"{name}={value}" for name, value in self._model_args.items())
        settings = {"harness": version, "model": str(config.get("model") or ""), "model_args": args}
        described = {"name": base, "revision": str(config.get("model_sha") or "")}
        seconds = 0.0
        with suppress(TypeError, ValueError):
            seconds = float(self.content.get("total_evaluation_time_seconds") or 0)
        ended = datetime.fromtimestamp(self._asked_at, UTC)
        with suppress(ValueError, OverflowError):  # as long as nothing takes
            ended += timedelta(seconds=seconds)
        words = ["lm_eval", "--model", settings["model"], "--model_args", args, "--tasks", ",".join(names)]
        return {
            **describe_run("eval", f"{model} (lm-eval)", task, model, model=described, settings=settings),
            "command": shlex.join(words),
            "environment": {"device": str(config.get("device") or ""), "lm_eval": version},
            "scores": list(scores),
            "means": [],
            "files": {},
            "finished_at": ended.isoformat(timespec="seconds"),
            "wall_s": round(seconds, 3),
            "mslt_version": __version__,
        }


def _mapping(value: Any) -> dict[str, Any]:
    """The value, if it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}


def _codes(task: Task) -> dict[str, str]:
    """The ISO 639-3 code of each code of a task's languages, in small letters."""
    return {code.casefold(): iso for iso, codes in task.languages.items() for code in codes}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _total(numbers: Iterable[Any]) -> int:
    """The sum; 0 where one is no whole number."""
    known = list(numbers)
    return sum(known) if all(type(number) is int for number in known) else 0
