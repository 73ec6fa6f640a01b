"""What `mslt fetch` brought or has, as rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mslt_cli.reports.cells import Column, columns_of, percent, plural
from mslt_cli.show.rows import Output, show, show_rows
from mslt_cli.show.scored_runs import run_as_dict
from mslt_cli.show.terminal import print_lines

if TYPE_CHECKING:
    from mslt_cli.data.prepared import Record
    from mslt_cli.data.splits import FetchReport
    from mslt_cli.measuring.per_language import Measurements
    from mslt_cli.models.find import Model
    from mslt_cli.runs.index import Indexed
    from mslt_cli.store.fill import FillReport
    from mslt_cli.store.measured import Embedding, Vocabulary
    from mslt_cli.store.named_vectors import OwnVectors
    from mslt_cli.tasks.task import Task

PLACES = {"hub": "{repository} at {revision:.12}", "package": "{package} {revision}", "folder": "{path}"}
"""How a table says where data are from, by the kind of their origin."""


def show_filled(report: FillReport, form: str) -> None:
    """Print what the store holds of languages; lines are its path alone."""
    counts = report.counts
    if form == "table":
        done = f"read {' and '.join(report.filled)} in {report.wall_s:.1f} s" if report.filled else "nothing to do"
        versions = ", ".join(f"{source} {version}" for source, version in report.versions.items())
        print_lines(
            f"{report.path}: {done}; {report.size_bytes / 1e6:.1f} MB, {versions}",
            f"{counts['languages']:,} languages, {counts['vectors']:,} vectors in {counts['vector_sets']} sets, "
            f"{counts['pretraining_sizes']} pretraining sizes, {counts['pools']} pool members",
        )
        return
    row: dict[str, Any] = {"store": str(report.path), "filled": list(report.filled), "versions": report.versions}
    row |= {"counts": counts, "bytes": report.size_bytes, "wall_s": round(report.wall_s, 3)}
    columns = [Column("store"), Column("filled", " ".join), *columns_of(*counts, "bytes")]
    show(Output(columns, [row | counts], row), form)


def show_tasks(tasks: Sequence[tuple[Task, Sequence[Record]]], form: str) -> None:
    """Print the tasks, each with what is cached of it."""
    rows: list[dict[str, Any]] = []
    for task, cached in tasks:
        cached_rows = {split: [record.rows for record in cached if record.split == split] for split in task.splits}
        rows.append(
            {
                "task": task.name,
                **{name: getattr(task, name) for name in ("kind", "summary", "metric", "further_metrics", "labels")},
                "languages": [*map(task.code, task.languages)],
                "splits": task.splits,
                "rows": _rows_of_splits(task.sizes),
                "sizes": {
                    split: size if isinstance(size, int) else {task.code(iso): rows for iso, rows in size.items()}
                    for split, size in task.sizes.items()
                },
                "evaluation": task.evaluation,
                "sources": [*map(task.code, task.sources)],
                "targets": [*map(task.code, task.targets)],
                "from": task.hub.repository if task.hub else task.package or task.folder,
                "repairs": {repair.name: repair.summary for repair in task.repairs},
                "licence": task.licence,
                "citation": task.citation,
                "cached_languages": sorted({record.code for record in cached}),
                "cached_rows": {split: sum(counts) for split, counts in cached_rows.items() if counts},
                "cached_bytes": sum(record.size_bytes for record in cached),
            }
        )
    columns = [
        Column("task"),
        Column("kind"),
        Column("languages", lambda value: str(len(value)), right=True, header="langs"),
        Column("rows", right=True, spare=True),
        Column("licence", spare=True),
        Column("metric", csv_only=True),
        Column("from", csv_only=True),
        Column("cached_languages", lambda value: str(len(value) or "·"), right=True, header="cached"),
        Column(
            "cached_bytes", lambda value: f"{value / 1e6:.2f}" if value else "·", right=True, header="MB", spare=True
        ),
    ]
    footer = ["Rows: of a language, to train on, to validate and to test; ≤ the most, where languages differ."]
    show_rows(columns, rows, form, key="tasks", footer=footer)


def _rows_of_splits(sizes: Mapping[str, int | Mapping[str, int]]) -> str:
    """Rows of a language to train on, to validate and to test: 701/99/204; ≤ and the most where languages differ."""
    most = {split: rows if isinstance(rows, int) else max(rows.values()) for split, rows in sizes.items()}
    shown = [most.get("train"), most.get("validation", most.get("eval")), most.get("test")]
    differ = "" if all(isinstance(rows, int) for rows in sizes.values()) else "≤"
    text = "/".join(str(rows or "·") for rows in shown)
    return re.sub(r"(\d)", rf"{differ}\1", text, count=1) if most else "·"


def show_data(report: FetchReport, form: str) -> None:
    """Print what was prepared, a row a language and split; for people a row a language is enough."""
    if form == "table":
        _show_data_table(report)
        return
    rows = [
        {
            "language": record.code,
            "split": record.split,
            "rows": record.rows,
            "status": "new" if (record.language, record.split) in report.new else "cached",
            "repaired": record.repaired,
            "expected_rows": record.expected_rows,
            "bytes": record.size_bytes,
            "sha256": record.content_sha256,
            "origin": record.origin,
        }
        for record in report.records
    ]
    columns = columns_of("language", "split", "rows", "status", "bytes", "sha256")
    show_rows(columns, rows, form, key="data")


def _show_data_table(report: FetchReport) -> None:
    rows: dict[str, dict[str, Any]] = {}
    for record in report.records:
        empty = {"language": record.code, "repaired": Counter(), "status": set(), "bytes": 0}
        row = rows.setdefault(record.code, empty | dict.fromkeys(report.task.splits))
        row[record.split] = record.rows
        row["bytes"] += record.size_bytes
        row["status"].add("new" if (record.language, record.split) in report.new else "cached")
        row["repaired"].update(record.repaired)
    columns = [Column("language")]
    columns += [Column(s, ",", right=True) for s in report.task.splits if any(row[s] for row in rows.values())]
    if report.task.repairs:
        columns.append(Column("repaired", lambda value: ", ".join(f"{name} {n:,}" for name, n in value.items())))
    columns.append(Column("status", lambda value: " and ".join(sorted(value))))
    columns.append(Column("bytes", lambda value: f"{value / 1e6:.2f}", right=True, header="MB"))
    places = dict.fromkeys(PLACES[record.origin["kind"]].format(**record.origin) for record in report.records)
    footer = [f"{report.task.name} ({report.task.licence or 'no licence stated'}) from {', '.join(places)}."]
    show_rows(columns, list(rows.values()), "table", key="data", footer=footer)


def show_model(model: Model, form: str) -> None:
    """Print where a model is; lines are its folder alone."""
    size_bytes = sum(path.stat().st_size for path in model.files.weights)
    kind, folder = model.files.config.get("model_type"), str(model.folder)
    if form == "table":
        weights = f"{size_bytes / 1e6:,.0f} MB of weights" if size_bytes else "tokenizer only"
        revision = f", {model.revision[:12]}" if model.revision else ""
        print_lines(f"{model.name}: {kind or 'model'}, {weights}{revision}", folder)
        return
    row = {"model": model.name, "type": kind, "revision": model.revision or None}
    row |= {"weights_bytes": size_bytes or None, "folder": folder}
    show(Output(columns_of(*row), [row], row, line="folder"), form)


def show_vocabularies(report: Measurements[Vocabulary], task: Task, form: str) -> None:
    """Print vocabularies, a row a language."""
    rows = [
        {
            "language": task.code(row.iso639_3),
            "sentences": row.sentences,
            "tokens": row.tokens,
            "distinct": row.distinct_tokens,
            "fertility": None if row.fertility is None else round(row.fertility, 4),
            "characters_per_token": round(row.characters / row.tokens, 4),
            "unknown_share": round(row.unknown_share, 6),
            "status": "new" if row.iso639_3 in report.new else "stored",
        }
        for row in report.rows
    ]
    columns = [
        Column("language"),
        *columns_of("sentences", "tokens", "distinct", text=",", right=True),
        Column("fertility", ".2f", right=True, header="tokens a word"),
        Column("characters_per_token", ".2f", right=True, header="characters a token", spare=True),
        Column("unknown_share", percent, right=True, header="unknown, %", spare=True),
        Column("status"),
    ]
    first = report.rows[0]
    limited = f", the first {first.examples_limit:,} rows" if first.examples_limit else ""
    footer = [f"{first.model} on {first.task} {first.split}{limited}. `mslt select --by vocab` ranks by it."]
    show_rows(columns, rows, form, key="vocabularies", footer=footer)


def show_embeddings(report: Measurements[Embedding], corpus: Task, form: str) -> None:
    """Print embeddings, a row a language."""
    rows = [
        {
            "language": corpus.code(row.iso639_3),
            "sentences": row.sentences,
            "layers": row.set.last_layer + 1,
            "dimensions": len(row.vector),
            "status": "new" if row.iso639_3 in report.new else "stored",
        }
        for row in report.rows
    ]
    columns = [Column("language"), Column("sentences", ",", right=True)]
    columns += [*columns_of("layers", "dimensions", right=True), Column("status")]
    chosen = report.rows[0].set
    about = f"{chosen.model} on {chosen.data} {chosen.split}"
    about += f", prefix {chosen.prefix!r}" if chosen.prefix else ""
    about += "" if chosen.special_tokens else ", without special tokens"
    about += f", the first {chosen.limit:,} rows" if chosen.limit else ""
    about += f": means of sentence embeddings, layers 0 to {chosen.last_layer}."
    about += f" {report.sentences_per_s:,.0f} sentences/s." if report.sentences_per_s else ""
    footer = [f"{about} `mslt select --by embedding` ranks by the last."]
    show_rows(columns, rows, form, key="embeddings", footer=footer)


def show_own_vectors(sets: Mapping[str, OwnVectors], form: str) -> None:
    """Print what is kept of vectors or distances, by name; lines are the names alone, JSON of one set is an object."""
    rows: list[dict[str, Any]] = []
    for name, own in sets.items():
        n, columns = own.matrix.shape
        row = {"name": name, "kind": own.kind, "languages": n, "columns": columns}
        rows.append(row | {"missing": float(np.isnan(own.matrix).mean()), "from": own.origin})
    shown = [*columns_of("name", "kind"), *columns_of("languages", "columns", right=True)]
    shown += [Column("missing", lambda share: f"{100 * share:.1f} %", right=True), Column("from", spare=True)]
    footer = [f"`mslt select --by {next(iter(sets))}` ranks by them."]
    whole = [row | {"notes": own.notes} for row, own in zip(rows, sets.values(), strict=True)]
    show(Output(shown, rows, whole[0] if len(whole) == 1 else {"vectors": whole}, footer=footer), form)


def show_index(indexed: Indexed, form: str) -> None:
    """Print the runs that the index has taken in."""
    columns = [
        Column("run_id", header="run"),
        *columns_of("name", "task", "model"),
        *columns_of("seed", "scores", right=True),
        Column("directory", spare=True),
    ]
    values = [run_as_dict(run, "stored", {}) | {"scores": len(run.scores)} for run in indexed.runs]
    rows = [{column.name: row[column.name] for column in columns} for row in values]
    footer = [f"{plural(len({run.run_id for run in indexed.runs}), 'run')} in the store."]
    if indexed.unfinished:
        footer.append(f"{len(indexed.unfinished)} have not ended; the commands that started them go on with them.")
    show_rows(columns, rows, form, key="runs", footer=footer)
