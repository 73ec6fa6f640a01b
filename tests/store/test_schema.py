import sqlite3
from contextlib import closing

import pytest

from mslt_cli.store.db import SCHEMA, insert


@pytest.fixture
def db():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(SCHEMA.read_text(encoding="utf-8"))
        connection.execute("PRAGMA foreign_keys = ON")
        language = ("deu", "de", "German", "Latn", "Indo-European", "me")
        connection.execute("INSERT INTO languages VALUES (?, ?, ?, ?, ?, ?)", language)
        yield connection


def add_run(db, **other):
    run = ("r1", "train", "SSLT(de)", "cldr", "m", '["deu"]', 9, 0, 0, "/x", "{}", "{}", "cpu", None, 1.0, "now", "0")
    columns = [row[1] for row in db.execute("PRAGMA table_info(runs)")]
    insert(db, "runs", [dict(zip(columns, (*run, "own", ""), strict=True)) | other])


def add_score(db, **other):
    score = ("r1", "own", "cldr", "test", "", "fin", "accuracy", 0.5, 0.4, 0.6, "{}", 8, 1, "d", None)
    columns = [row[1] for row in db.execute("PRAGMA table_info(scores)")]
    insert(db, "scores", [dict(zip(columns, score, strict=True)) | other])


def count(db, table):
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_every_table_is_described_in_the_file_itself(db):
    for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view')"):
        assert "--" in sql.split("\n")[0], name


def test_binary_features_can_be_read_in_sql(db):
    db.execute("INSERT INTO vector_sets VALUES ('mine', 'me', '1', 3, 'bits', '')")
    for position, name in enumerate("abc"):
        db.execute("INSERT INTO features VALUES ('mine', ?, ?)", (position, name))
    db.execute("INSERT INTO vectors VALUES ('mine', 'deu', ?, 1)", (b"\xa0",))  # 101
    rows = db.execute("SELECT feature, value FROM feature_values WHERE iso639_3 = 'deu'").fetchall()
    assert rows == [("a", 1), ("b", 0), ("c", 1)]


def test_an_unknown_encoding_cannot_be_stored(db):
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO vector_sets VALUES ('mine', 'me', '1', 3, 'pickle', '')")


def test_the_scores_of_a_run_go_with_it(db):
    add_run(db)
    add_score(db)
    with pytest.raises(sqlite3.IntegrityError):  # a share, not per cent
        db.execute("UPDATE scores SET value = 50")
    db.execute("DELETE FROM runs")
    assert count(db, "scores") == 0


def test_one_question_can_be_read_in_several_ways(db):
    add_run(db)
    for scoring in ("", "letters", "options"):
        add_score(db, scoring=scoring)
    assert count(db, "scores") == 3
    with pytest.raises(sqlite3.IntegrityError):
        add_score(db, scoring="letters")


def test_a_run_is_own_or_shipped(db):
    add_run(db)
    with pytest.raises(sqlite3.IntegrityError):
        add_run(db, run_id="r2", origin="theirs")


def test_what_probes_measure_is_kept_once_for_each_way_of_measuring(db):
    row = ("w", "e5-small", "e5-small", "", "pud", "test", "[]", "mean", 12, "cka", "", "", 0.7, None, None, 9)
    row += ("d", "0", "now")
    for pooling in ("mean", "mean, debiased"):
        db.execute(f"INSERT INTO probes VALUES ({', '.join('?' * len(row))})", (*row[:7], pooling, *row[8:]))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO probes VALUES ({', '.join('?' * len(row))})", row)


def test_an_insert_of_no_rows_writes_nothing_and_a_conflict_is_what_is_said(db):
    assert insert(db, "pools", []) == 0
    row = {"pool": "mine", "iso639_3": "deu", "source": "me"}
    assert insert(db, "pools", [row]) == 1
    with pytest.raises(sqlite3.IntegrityError):
        insert(db, "pools", [row])
    assert insert(db, "pools", [row | {"source": "you"}], conflict="IGNORE") == 0
    assert db.execute("SELECT source FROM pools").fetchall() == [("me",)]
    assert insert(db, "pools", [row | {"source": "you"}], conflict="REPLACE") == 1
    assert db.execute("SELECT source FROM pools").fetchall() == [("you",)]
