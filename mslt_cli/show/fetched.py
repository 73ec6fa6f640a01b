"""What `mslt fetch` brought or has, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mslt_cli.reports.cells import percent
from mslt_cli.show.rows import Column, Output, show, show_rows
from mslt_cli.show.terminal import print_lines

if TYPE_CHECKING:
    from mslt_cli.data.prepared import Record
    from mslt_cli.data.splits import FetchReport
    from mslt_cli.measuring.language_means import EmbeddingReport
    from mslt_cli.measuring.vocabularies import VocabularyReport
    from mslt_cli.models.find import Model
    from mslt_cli.store.fill import FillReport
    from mslt_cli.tasks.task import Task


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.2f}"


def _by_split(value: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {rows:,}" for split, rows in value.items())


def show_filled(report: FillReport, form: str) -> None:
    """Print what the store holds of languages; lines are its path alone."""
    row = {
        "store": str(report.path),
        "filled": list(report.filled),
        "versions": report.versions,
        "counts": report.counts,
        "bytes": report.size_bytes,
        "wall_s": round(report.wall_s, 3),
    }
    if form != "table":
        columns = [Column("store"), Column("filled", " ".join), *(Column(name) for name in report.counts)]
        show(Output([*columns, Column("bytes")], [row | report.counts], row), form)
        return
    done = f"read {' and '.join(report.filled)} in {report.wall_s:.1f} s" if report.filled else "nothing to do"
    versions = ", ".join(f"{source} {version}" for source, version in report.versions.items())
    counts = report.counts
    print_lines(
        f"{report.path}: {done}; {report.size_bytes / 1e6:.1f} MB, {versions}",
        f"{counts['languages']:,} languages, {counts['vectors']:,} vectors in {counts['vector_sets']} sets, "
        f"{counts['pretraining_sizes']} pretraining sizes, {counts['pools']} pool members",
    )


def show_tasks(tasks: Sequence[tuple[Task, Sequence[Record]]], form: str) -> None:
    """Print the tasks, each with what is cached of it."""
    rows: list[dict[str, Any]] = []
    for task, cached in tasks:
        rows.append(
            {
                "task": task.name,
                "kind": task.kind,
                "summary": task.summary,
                "metric": task.metric,
                "further_metrics": list(task.further_metrics),
                "labels": list(task.labels),
                "languages": [task.code(language) for language in task.languages],
                "splits": list(task.splits),
                "evaluation": task.evaluation,
                "sources": [task.code(language) for language in task.sources],
                "targets": [task.code(language) for language in task.targets],
                "from": task.hub.repository if task.hub else task.package or task.folder,
                "repairs": {repair.name: repair.summary for repair in task.repairs},
                "licence": task.licence,
                "citation": task.citation,
                "cached_languages": sorted({record.code for record in cached}),
                "cached_rows": {
                    split: sum(r.rows for r in cached if r.split == split)
                    for split in task.splits
                    if any(r.split == split for r in cached)
                },
                "cached_bytes": sum(record.size_bytes for record in cached),
            }
        )
    columns = [
        Column("task"),
        Column("kind"),
        Column("languages", lambda value: str(len(value)), right=True, header="langs"),
        Column("metric", spare=True),
        Column("from", spare=True),
        Column("licence", spare=True),
        Column("cached_languages", lambda value: str(len(value)) if value else "·", right=True, header="cached"),
        Column("cached_bytes", lambda value: _megabytes(value) if value else "·", right=True, header="MB"),
    ]
    show_rows(columns, rows, form, key="tasks")


def show_data(report: FetchReport, form: str) -> None:
    """Print what was prepared, a row a language and split."""
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
    if form == "table":
        _show_data_table(report)
        return
    columns = [Column(name) for name in ("language", "split", "rows", "status", "bytes", "sha256")]
    show_rows(columns, rows, form, key="data")


def _show_data_table(report: FetchReport) -> None:
    """For people a row a language is enough."""
    rows: dict[str, dict[str, Any]] = {}
    for record in report.records:
        row = rows.setdefault(
            record.code,
            {"language": record.code, **dict.fromkeys(report.task.splits), "repaired": {}, "status": set(), "bytes": 0},
        )
        row[record.split] = record.rows
        row["bytes"] += record.size_bytes
        row["status"].add("new" if (record.language, record.split) in report.new else "cached")
        for name, changed in record.repaired.items():
            row["repaired"][name] = row["repaired"].get(name, 0) + changed
    columns = [Column("language")]
    columns += [Column(s, ",", right=True) for s in report.task.splits if any(row[s] for row in rows.values())]
    if report.task.repairs:
        columns.append(Column("repaired", _by_split))
    columns += [Column("status", lambda value: " and ".join(sorted(value))), Column("bytes", _megabytes, True, "MB")]
    places = dict.fromkeys(_place(record.origin) for record in report.records)
    footer = [f"{report.task.name} ({report.task.licence or 'no licence stated'}) from {', '.join(places)}."]
    show_rows(columns, list(rows.values()), "table", key="data", footer=footer)


def _place(origin: Mapping[str, Any]) -> str:
    if origin["kind"] == "hub":
        return f"{origin['repository']} at {origin['revision'][:12]}"
    if origin["kind"] == "package":
        return f"{origin['package']} {origin['revision']}"
    return str(origin["path"])


def show_model(model: Model, form: str) -> None:
    """Print where a model is; lines are its folder alone."""
    size_bytes = sum(path.stat().st_size for path in model.files.weights)
    row = {
        "model": model.name,
        "type": model.files.config.get("model_type"),
        "revision": model.revision or None,
        "weights_bytes": size_bytes or None,
        "folder": str(model.folder),
    }
    if form == "table":
        weights = f"{size_bytes / 1e6:,.0f} MB of weights" if size_bytes else "tokenizer only"
        revision = f", {model.revision[:12]}" if model.revision else ""
        print_lines(f"{model.name}: {row['type'] or 'model'}, {weights}{revision}", str(model.folder))
    else:
        show(Output([Column(name) for name in row], [row], row, line="folder"), form)


def show_vocabularies(report: VocabularyReport, task: Task, form: str) -> None:
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
        for row in report.vocabularies
    ]
    columns = [
        Column("language"),
        Column("sentences", ",", right=True),
        Column("tokens", ",", right=True),
        Column("distinct", ",", right=True),
        Column("fertility", ".2f", right=True, header="tokens a word"),
        Column("characters_per_token", ".2f", right=True, header="characters a token", spare=True),
        Column("unknown_share", percent, right=True, header="unknown, %", spare=True),
        Column("status"),
    ]
    first = report.vocabularies[0]
    limited = f", the first {first.examples_limit:,} rows" if first.examples_limit else ""
    footer = [f"{first.model} on {first.task} {first.split}{limited}. `mslt select --by vocab` ranks by it."]
    show_rows(columns, rows, form, key="vocabularies", footer=footer)


def show_embeddings(report: EmbeddingReport, corpus: Task, form: str) -> None:
    """Print embeddings, a row a language."""
    rows = [
        {
            "language": corpus.code(row.iso639_3),
            "sentences": row.sentences,
            "layers": row.set.last_layer + 1,
            "dimensions": len(row.vector),
            "status": "new" if row.iso639_3 in report.new else "stored",
        }
        for row in report.embeddings
    ]
    columns = [
        Column("language"),
        Column("sentences", ",", right=True),
        Column("layers", right=True),
        Column("dimensions", right=True),
        Column("status"),
    ]
    chosen = report.embeddings[0].set
    how = f", prefix {chosen.prefix!r}" if chosen.prefix else ""
    how += "" if chosen.special_tokens else ", without special tokens"
    how += f", the first {chosen.limit:,} rows" if chosen.limit else ""
    speed = f" {report.sentences_per_s:,.0f} sentences/s." if report.sentences_per_s else ""
    footer = [
        f"{chosen.model} on {chosen.data} {chosen.split}{how}: means of sentence embeddings, "
        f"layers 0 to {chosen.last_layer}.{speed} `mslt select --by embedding` ranks by the last."
    ]
    show_rows(columns, rows, form, key="embeddings", footer=footer)
