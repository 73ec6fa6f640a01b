"""The schema of the store, one step after the other. Steps are only ever appended.

An appended step raises SCHEMA_VERSION in db.py, and docs/store.md describes its tables. What the
tables of these steps hold:

languages           one row a language of URIEL: iso639_3, iso639_1, name, script (ISO 15924), family
                    (top level, URIEL's naming), source; NULL = unknown
spellings           one row a spelling that means a language: spelling_folded (NFC, casefolded), iso639_3,
                    spelling as its source writes it, source. Codes and names are spellings too.
pretraining_sizes   one row a line of a model's table of pretraining data: model, iso639_3, script, label,
                    size_gib (2^30 bytes), tokens_millions, share_percent, source; NULL = unknown, 0 = absent
pools               one row a language of a named pool: pool, iso639_3, source
fills               one row a source that was read in: source, version, sha256 of its files, filled_at
                    (UTC, ISO 8601), rows written
vector_sets         one row a set of language vectors: name, provider, provider_version, n_features,
                    encoding (see mslt_cli/store/language_vectors.py), description
features            one row a column of a vector set: vector_set, position (from 0), name
vectors             one row a vector: vector_set, iso639_3, encoded, measured_share (0..1)
feature_values      a view of vectors, one row a binary feature of a language: vector_set, iso639_3,
                    feature, value (0 or 1). Always name a language or a feature: all rows are 29 million.
vocabularies        one row a language whose text a model's tokenizer has read: model, task, split, iso639_3,
                    tokenizer_sha256, data_sha256, examples_limit (0 = all rows), examples, sentences,
                    words, characters, tokens, unknown_tokens, distinct_tokens, token_bits (bit i is 1 if token id
                    i occurs, eight a byte, the first one highest), mslt_version, measured_at (UTC, ISO 8601)
embeddings          one row the mean sentence embedding of a language in a layer: model, corpus, split, prefix,
                    special_tokens (0 or 1), layer (0 = before the first, the highest is the last), last_layer,
                    iso639_3, weights_sha256, data_sha256, examples_limit, sentences, dimensions,
                    embedding (little-endian float32), mslt_version, measured_at
runs                one row a finished run: run_id, kind (train, eval), name ("MSLT(ar,de,zh)"), task, model,
                    sources (JSON array of ISO 639-3 codes, sorted), examples, seed, unequal (1 = shares that the user
                    chose), directory, identity and environment (JSON, see docs/train.md), device, tokens_per_s,
                    wall_s, finished_at, mslt_version. The truth is run.json in the directory.
scores              one row a run, task, split, target (iso639_3) and metric: value (0..1), low, high (95 % interval),
                    counts (JSON: what the value is made of), rows, unseen (0 = the target was trained on), data_sha256
probes              see docs/store.md
published           one row a printed cell of the paper: position (from 0, the order of db/published.csv), paper_table,
                    task, method, selection, languages (JSON array), score_percent, rank, out_of, origin ("published"),
                    source. runs has an origin too: own, or shipped out of db/.
"""

from sqlite_utils import Database, Migrations

from mslt_cli.store.db import APPLICATION_ID

migrations = Migrations("mslt")


@migrations()
def m001_languages(db: Database) -> None:
    # Facts about languages, so that a spelling, a pool or a model's data is one indexed lookup away.
    # The application id tells our files from other programs' SQLite files.
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(
        """
        CREATE TABLE languages (
            iso639_3 TEXT PRIMARY KEY,
            iso639_1 TEXT,
            name TEXT NOT NULL,
            script TEXT,
            family TEXT,
            source TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE spellings (
            spelling_folded TEXT PRIMARY KEY,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            spelling TEXT NOT NULL,
            source TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    # No primary key: a table may have two lines for one language, script and label (Burmese in xlm-r).
    db.execute(
        """
        CREATE TABLE pretraining_sizes (
            model TEXT NOT NULL,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            script TEXT NOT NULL,
            label TEXT NOT NULL,
            size_gib REAL,
            tokens_millions REAL,
            share_percent REAL,
            source TEXT NOT NULL
        )
        """
    )
    db.execute("CREATE INDEX pretraining_sizes_of_model ON pretraining_sizes (model, iso639_3)")
    db.execute(
        """
        CREATE TABLE pools (
            pool TEXT NOT NULL,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            source TEXT NOT NULL,
            PRIMARY KEY (pool, iso639_3)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE fills (
            source TEXT PRIMARY KEY,
            version TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            filled_at TEXT NOT NULL,
            rows INTEGER NOT NULL
        ) WITHOUT ROWID
        """
    )


@migrations()
def m002_vectors(db: Database) -> None:
    # One blob a vector: a row a feature would be 34 million rows, and a hundred times slower to read.
    db.execute(
        """
        CREATE TABLE vector_sets (
            name TEXT PRIMARY KEY,
            provider TEXT NOT NULL,
            provider_version TEXT NOT NULL,
            n_features INTEGER NOT NULL,
            encoding TEXT NOT NULL CHECK (encoding IN ('bits', 'indices', 'u16e4', 'f32')),
            description TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE features (
            vector_set TEXT NOT NULL REFERENCES vector_sets ON DELETE CASCADE,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (vector_set, position)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE vectors (
            vector_set TEXT NOT NULL REFERENCES vector_sets ON DELETE CASCADE,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            encoded NOT NULL,
            measured_share REAL NOT NULL CHECK (measured_share BETWEEN 0 AND 1),
            PRIMARY KEY (vector_set, iso639_3)
        ) WITHOUT ROWID
        """
    )
    # bits: hex() gives four features a digit, the first one highest. indices: a JSON array of the ones.
    db.execute(
        """
        CREATE VIEW feature_values AS
        SELECT
            vectors.vector_set,
            vectors.iso639_3,
            features.name AS feature,
            CASE vector_sets.encoding
                WHEN 'bits' THEN
                    instr('123456789ABCDEF', substr(hex(encoded), position / 4 + 1, 1)) >> (3 - position % 4) & 1
                ELSE position IN (SELECT value FROM json_each(encoded))
            END AS value
        FROM vectors
        JOIN vector_sets ON vector_sets.name = vectors.vector_set
        JOIN features ON features.vector_set = vectors.vector_set
        WHERE vector_sets.encoding IN ('bits', 'indices')
        """
    )


@migrations()
def m003_measurements(db: Database) -> None:
    # What models make of a language's text, measured once by `mslt fetch`, so that `select` needs no tokenizer
    # and no torch. Bits, not ids: half the size, and a union of languages is one OR.
    db.execute(
        """
        CREATE TABLE vocabularies (
            model TEXT NOT NULL,
            task TEXT NOT NULL,
            split TEXT NOT NULL,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            tokenizer_sha256 TEXT NOT NULL,
            data_sha256 TEXT NOT NULL,
            examples_limit INTEGER NOT NULL,
            examples INTEGER NOT NULL,
            sentences INTEGER NOT NULL,
            words INTEGER NOT NULL,
            characters INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            unknown_tokens INTEGER NOT NULL,
            distinct_tokens INTEGER NOT NULL,
            token_bits BLOB NOT NULL,
            mslt_version TEXT NOT NULL,
            measured_at TEXT NOT NULL,
            PRIMARY KEY (model, task, split, examples_limit, iso639_3)
        )
        """
    )
    db.execute(
        """
        CREATE TABLE embeddings (
            model TEXT NOT NULL,
            corpus TEXT NOT NULL,
            split TEXT NOT NULL,
            prefix TEXT NOT NULL,
            special_tokens INTEGER NOT NULL CHECK (special_tokens IN (0, 1)),
            layer INTEGER NOT NULL,
            last_layer INTEGER NOT NULL,
            iso639_3 TEXT NOT NULL REFERENCES languages,
            weights_sha256 TEXT NOT NULL,
            data_sha256 TEXT NOT NULL,
            examples_limit INTEGER NOT NULL,
            sentences INTEGER NOT NULL,
            dimensions INTEGER NOT NULL,
            embedding BLOB NOT NULL,
            mslt_version TEXT NOT NULL,
            measured_at TEXT NOT NULL,
            PRIMARY KEY (model, corpus, split, prefix, special_tokens, examples_limit, layer, iso639_3)
        )
        """
    )


@migrations()
def m004_runs(db: Database) -> None:
    # The index over run directories, so that a score is found without reading hundreds of files. It holds nothing that
    # the directories do not: it can be dropped and made again.
    db.execute(
        """
        CREATE TABLE runs (
            run_id TEXT PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('train', 'eval')),
            name TEXT NOT NULL,
            task TEXT NOT NULL,
            model TEXT NOT NULL,
            sources TEXT NOT NULL,
            examples INTEGER,
            seed INTEGER,
            unequal INTEGER NOT NULL CHECK (unequal IN (0, 1)),
            directory TEXT NOT NULL,
            identity TEXT NOT NULL,
            environment TEXT NOT NULL,
            device TEXT NOT NULL,
            tokens_per_s REAL,
            wall_s REAL NOT NULL,
            finished_at TEXT NOT NULL,
            mslt_version TEXT NOT NULL
        ) WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX runs_of_task ON runs (task, model)")
    db.execute(
        """
        CREATE TABLE scores (
            run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
            task TEXT NOT NULL,
            split TEXT NOT NULL,
            iso639_3 TEXT NOT NULL,
            metric TEXT NOT NULL,
            value REAL NOT NULL CHECK (value BETWEEN 0 AND 1),
            low REAL NOT NULL,
            high REAL NOT NULL,
            counts TEXT NOT NULL,
            rows INTEGER NOT NULL,
            unseen INTEGER NOT NULL CHECK (unseen IN (0, 1)),
            data_sha256 TEXT NOT NULL,
            PRIMARY KEY (run_id, task, split, iso639_3, metric)
        ) WITHOUT ROWID
        """
    )


@migrations()
def m005_scorings(db: Database) -> None:
    # Decoders' answers to one question are read in several ways, and each gives scores of its own.
    db.execute("ALTER TABLE scores RENAME TO scores_004")
    db.execute(
        """
        CREATE TABLE scores (
            run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
            task TEXT NOT NULL,
            split TEXT NOT NULL,
            scoring TEXT NOT NULL,
            iso639_3 TEXT NOT NULL,
            metric TEXT NOT NULL,
            value REAL NOT NULL CHECK (value BETWEEN 0 AND 1),
            low REAL NOT NULL,
            high REAL NOT NULL,
            counts TEXT NOT NULL,
            rows INTEGER NOT NULL,
            unseen INTEGER NOT NULL CHECK (unseen IN (0, 1)),
            data_sha256 TEXT NOT NULL,
            PRIMARY KEY (run_id, task, split, scoring, iso639_3, metric)
        ) WITHOUT ROWID
        """
    )
    db.execute(
        """
        INSERT INTO scores
        SELECT run_id, task, split, '', iso639_3, metric, value, low, high, counts, rows, unseen, data_sha256
        FROM scores_004
        """
    )
    db.execute("DROP TABLE scores_004")


@migrations()
def m006_probes(db: Database) -> None:
    # What `mslt probe` measured: a row for each pair of languages, and one with empty languages for all together.
    db.execute(
        """
        CREATE TABLE probes (
            weights_sha256 TEXT NOT NULL,
            label TEXT NOT NULL,
            model TEXT NOT NULL,
            run_id TEXT NOT NULL,
            corpus TEXT NOT NULL,
            split TEXT NOT NULL,
            languages TEXT NOT NULL,
            pooling TEXT NOT NULL,
            layer INTEGER NOT NULL,
            metric TEXT NOT NULL,
            a TEXT NOT NULL,
            b TEXT NOT NULL,
            value REAL NOT NULL,
            low REAL,
            high REAL,
            n INTEGER NOT NULL,
            data_sha256 TEXT NOT NULL,
            mslt_version TEXT NOT NULL,
            measured_at TEXT NOT NULL,
            PRIMARY KEY (weights_sha256, corpus, split, languages, n, pooling, layer, metric, a, b)
        ) WITHOUT ROWID
        """
    )


@migrations()
def m007_published(db: Database) -> None:
    # Reports set own results beside the paper's, and beside those that come with the program (db/).
    db.execute(
        """
        CREATE TABLE published (
            position INTEGER PRIMARY KEY,
            paper_table INTEGER NOT NULL,
            task TEXT NOT NULL,
            method TEXT NOT NULL,
            selection TEXT NOT NULL,
            languages TEXT NOT NULL,
            score_percent REAL,
            rank INTEGER,
            out_of INTEGER,
            origin TEXT NOT NULL,
            source TEXT NOT NULL
        )
        """
    )
    db.execute("ALTER TABLE runs ADD COLUMN origin TEXT NOT NULL DEFAULT 'own' CHECK (origin IN ('own', 'shipped'))")
    db.execute("ALTER TABLE runs ADD COLUMN command TEXT NOT NULL DEFAULT ''")
    # Reports ask for one task's scores out of all runs.
    db.execute("CREATE INDEX scores_of_task ON scores (task, split, scoring, metric)")
