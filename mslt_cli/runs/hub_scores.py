"""Scores as the hub reads them in a model's repository: `.eval_results/*.yaml`, a file a data set and way of asking."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mslt_cli.harmless import clean
from mslt_cli.languages.resolver import shipped
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.made_files import write_unless_edited
from mslt_cli.runs.score_rows import task_of_score
from mslt_cli.tasks.task import Task

FOLDER = ".eval_results"
"""In a model's repository."""


def write_hub_scores(
    folder: Path, run_id: str, name: str, scores: Iterable[Mapping[str, Any]], progress: Progress = QUIET
) -> list[Path]:
    """Write the scores of a run on data sets of the hub into a folder, one file for each data set and way of asking.

    What counts is the task's own metric on all rows of its evaluation split, in percent. An entry's `task_id` is the
    subset of the data set that the language is: the format wants the name that the data set's eval.yaml gives it,
    and which data sets have one the hub alone knows. There is no date, for a run does not say when it was evaluated
    on a further target, and no source, for where predictions are shown its owner knows.

    Args:
        name: of the run, as the paper writes it: "MSLT(ar,de,zh)".
        scores: as of run.json or of the store; targets are ISO 639-3 codes, values 0..1.

    Returns: the files; none where no score is of a data set of the hub.

    Raises: MsltError: a file cannot be written.

    Source: huggingface.co/docs/hub/eval-results, as huggingface_hub 2.4 reads and writes it.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    from huggingface_hub.utils import yaml_dump  # type: ignore[attr-defined]

    files: dict[str, list[EvalResultEntry]] = {}
    for score in scores:
        task = task_of_score(score)
        if task is None or task.hub is None or (score["metric"], score["split"]) != (task.metric, task.evaluation):
            continue
        entry = EvalResultEntry(
            dataset_id=task.hub.repository,
            task_id=_subset(task, score["target"]),
            value=round(100 * float(score["value"]), 4),
            notes=clean("; ".join(_notes(task, score, run_id, name))),
        )
        scoring = score.get("scoring") or ""
        files.setdefault("_".join(filter(None, [score["task"], scoring.replace("+", "_")])), []).append(entry)
    paths = {folder / f"{stem}.yaml": entries for stem, entries in files.items()}
    for path, entries in paths.items():
        entries.sort(key=lambda entry: entry.task_id)
        write_unless_edited(path, yaml_dump(eval_result_entries_to_yaml(entries)), progress)
    return [*paths]


def _subset(task: Task, language: str) -> str:
    """What the hub calls the part of a data set that a language is: "de", "deu_Latn", "udpos.German"."""
    assert task.hub is not None
    codes = task.languages.get(language, (language,))
    first, *below = task.hub.path.split("/")
    named = first if "{lang}" in first and below else "{lang}"
    return named.replace("{lang}", codes[min(task.hub.spelling, len(codes) - 1)])


def _notes(task: Task, score: Mapping[str, Any], run_id: str, name: str) -> list[str]:
    language = shipped().resolve(score["target"]).name
    repaired = [repair.name for repair in task.repairs if not score["task"].endswith(f"-no-{repair.name}")]
    asked = f", asked by {score['scoring']}" if score.get("scoring") else ""
    return [
        f"{score['metric']} on {score['split']}, %, {score['rows']:,} rows in {language}{asked}",
        f"95 % interval {100 * score['low']:.2f} to {100 * score['high']:.2f} over rows",
        f"{name}, {'not trained on this language' if score['unseen'] else 'trained on this language'}",
        *([f"data repaired: {', '.join(repaired)}"] if repaired else []),
        f"mslt run {run_id}",
    ]
