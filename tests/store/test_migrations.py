import sqlite3

import pytest
from sqlite_utils import Database

from mslt_cli.store.db import APPLICATION_ID, SCHEMA_VERSION
from mslt_cli.store.migrations import migrations


@pytest.fixture
def db() -> Database:
    return Database(memory=True)


def test_the_schema_version_counts_the_migrations(db):
    migrations.apply(db)
    assert len(migrations.applied(db)) == SCHEMA_VERSION


def test_m001_makes_the_file_ours_and_adds_the_facts(db):
    migrations.apply(db, stop_before="m002_vectors")
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert set(db.table_names()) >= {"languages", "spellings", "pretraining_sizes", "pools", "fills"}
    assert "vectors" not in db.table_names()


def test_m002_adds_vectors_and_keeps_the_facts(db):
    migrations.apply(db, stop_before="m002_vectors")
    db.execute("INSERT INTO languages VALUES ('deu', 'de', 'German', 'Latn', 'Indo-European', 'me')")
    migrations.apply(db)
    assert set(db.table_names()) >= {"vector_sets", "features", "vectors"}
    assert db["languages"].count == 1
    db.execute("INSERT INTO vector_sets VALUES ('mine', 'me', '1', 3, 'bits', '')")
    for position, name in enumerate("abc"):
        db.execute("INSERT INTO features VALUES ('mine', ?, ?)", (position, name))
    db.execute("INSERT INTO vectors VALUES ('mine', 'deu', ?, 1)", (b"\xa0",))  # 101
    rows = db.execute("SELECT feature, value FROM feature_values WHERE iso639_3 = 'deu'").fetchall()
    assert rows == [("a", 1), ("b", 0), ("c", 1)]


def test_an_unknown_encoding_cannot_be_stored(db):
    migrations.apply(db)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO vector_sets VALUES ('mine', 'me', '1', 3, 'pickle', '')")


def test_m004_adds_runs_whose_scores_go_with_them(db):
    migrations.apply(db, stop_before="m004_runs")
    assert "runs" not in db.table_names()
    db.execute("INSERT INTO languages VALUES ('deu', 'de', 'German', 'Latn', 'Indo-European', 'me')")
    migrations.apply(db, stop_before="m007_published")
    assert db["languages"].count == 1
    db.execute("PRAGMA foreign_keys = ON")
    run = ("r1", "train", "SSLT(de)", "cldr", "m", '["deu"]', 9, 0, 0, "/x", "{}", "{}", "cpu", None, 1.0, "now", "0")
    db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(run))})", run)
    score = ("r1", "cldr", "test", "", "fin", "accuracy", 0.5, 0.4, 0.6, "{}", 8, 1, "d")
    db.execute(f"INSERT INTO scores VALUES ({', '.join('?' * len(score))})", score)
    with pytest.raises(sqlite3.IntegrityError):  # a share, not per cent
        db.execute("UPDATE scores SET value = 50")
    db.execute("DELETE FROM runs")
    assert db["scores"].count == 0


def test_m005_keeps_scores_and_lets_one_question_be_read_in_several_ways(db):
    migrations.apply(db, stop_before="m005_scorings")
    run = ("r1", "train", "SSLT(de)", "cldr", "m", '["deu"]', 9, 0, 0, "/x", "{}", "{}", "cpu", None, 1.0, "now", "0")
    db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(run))})", run)
    score = ("r1", "cldr", "test", "fin", "accuracy", 0.5, 0.4, 0.6, "{}", 8, 1, "d")
    db.execute(f"INSERT INTO scores VALUES ({', '.join('?' * len(score))})", score)
    migrations.apply(db)
    assert db.execute("SELECT * FROM scores").fetchall() == [(*score[:3], "", *score[3:])]
    for scoring in ("letters", "options"):
        db.execute(f"INSERT INTO scores VALUES ({', '.join('?' * 13)})", (*score[:3], scoring, *score[3:]))
    assert db["scores"].count == 3
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("DELETE FROM runs")
    assert db["scores"].count == 0


def test_m006_has_a_place_for_what_probes_measure_once_for_each_way_of_measuring(db):
    migrations.apply(db)
    row = ("w", "e5-small", "e5-small", "", "pud", "test", "[]", "mean", 12, "cka", "", "", 0.7, None, None, 9)
    row += ("d", "0", "now")
    for pooling in ("mean", "mean, debiased"):
        db.execute(f"INSERT INTO probes VALUES ({', '.join('?' * len(row))})", (*row[:7], pooling, *row[8:]))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(f"INSERT INTO probes VALUES ({', '.join('?' * len(row))})", row)


def test_m007_keeps_runs_as_own_ones_and_makes_room_for_published_numbers(db):
    migrations.apply(db, stop_before="m007_published")
    run = ("r1", "train", "SSLT(de)", "cldr", "m", '["deu"]', 9, 0, 0, "/x", "{}", "{}", "cpu", None, 1.0, "now", "0")
    db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(run))})", run)
    migrations.apply(db)
    assert db.execute("SELECT * FROM runs").fetchall() == [(*run, "own", "")]
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE runs SET origin = 'theirs'")
    assert db["published"].count == 0
