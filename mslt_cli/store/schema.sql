-- The schema of the store. The comments stay in the file that SQLite writes: `.schema` shows them.
-- NULL = unknown, never 0. Languages are ISO 639-3 codes as URIEL has them. Times are UTC, ISO 8601. Hashes are SHA-256.
-- A change here raises SCHEMA_VERSION in db.py.

CREATE TABLE languages ( -- a language of URIEL
    iso639_3 TEXT PRIMARY KEY,
    iso639_1 TEXT,
    name TEXT NOT NULL, -- in English
    script TEXT, -- ISO 15924, the one it is written in by default
    family TEXT, -- top level, URIEL's naming
    source TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE spellings ( -- a spelling that means a language: code, name, endonym
    spelling_folded TEXT PRIMARY KEY, -- NFC and casefolded
    iso639_3 TEXT NOT NULL REFERENCES languages,
    spelling TEXT NOT NULL, -- as its source writes it
    source TEXT NOT NULL -- iso639_3 = a language's own code
) WITHOUT ROWID;

CREATE TABLE pretraining_sizes ( -- a line of a model's table of pretraining data; one language may have two lines
    model TEXT NOT NULL,
    iso639_3 TEXT NOT NULL REFERENCES languages,
    script TEXT NOT NULL,
    label TEXT NOT NULL, -- as the table calls the language
    size_gib REAL, -- 2^30 bytes; 0 = known to be absent
    tokens_millions REAL,
    share_percent REAL,
    source TEXT NOT NULL
);

CREATE INDEX pretraining_sizes_of_model ON pretraining_sizes (model, iso639_3);

CREATE TABLE pools ( -- a language of a named pool
    pool TEXT NOT NULL,
    iso639_3 TEXT NOT NULL REFERENCES languages,
    source TEXT NOT NULL,
    PRIMARY KEY (pool, iso639_3)
) WITHOUT ROWID;

CREATE TABLE fills ( -- a source that was read in
    source TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL, -- of its files
    filled_at TEXT NOT NULL,
    rows INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE vector_sets ( -- a set of language vectors
    name TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    provider_version TEXT NOT NULL,
    n_features INTEGER NOT NULL,
    encoding TEXT NOT NULL CHECK (encoding IN ('bits', 'indices', 'u16e4')), -- see language_vectors.py
    description TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE features ( -- a column of a vector set
    vector_set TEXT NOT NULL REFERENCES vector_sets ON DELETE CASCADE,
    position INTEGER NOT NULL, -- from 0
    name TEXT NOT NULL,
    PRIMARY KEY (vector_set, position)
) WITHOUT ROWID;

CREATE TABLE vectors ( -- the vector of a language; a row for each feature would be 34 million rows
    vector_set TEXT NOT NULL REFERENCES vector_sets ON DELETE CASCADE,
    iso639_3 TEXT NOT NULL REFERENCES languages,
    encoded NOT NULL,
    measured_share REAL NOT NULL CHECK (measured_share BETWEEN 0 AND 1), -- of the features: stated, not predicted
    PRIMARY KEY (vector_set, iso639_3)
) WITHOUT ROWID;

CREATE VIEW feature_values AS -- a binary feature of a language; name one of the two, for all rows are 29 million
SELECT
    vectors.vector_set,
    vectors.iso639_3,
    features.name AS feature,
    CASE vector_sets.encoding
        -- hex() gives four features a digit, the first one highest
        WHEN 'bits' THEN
            instr('123456789ABCDEF', substr(hex(encoded), position / 4 + 1, 1)) >> (3 - position % 4) & 1
        -- indices: a JSON array of the positions that are 1
        ELSE position IN (SELECT value FROM json_each(encoded))
    END AS value -- 0 or 1
FROM vectors
JOIN vector_sets ON vector_sets.name = vectors.vector_set
JOIN features ON features.vector_set = vectors.vector_set
WHERE vector_sets.encoding IN ('bits', 'indices');

CREATE TABLE vocabularies ( -- the tokens that a model's tokenizer makes of a language's data
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    split TEXT NOT NULL,
    iso639_3 TEXT NOT NULL REFERENCES languages,
    tokenizer_sha256 TEXT NOT NULL,
    data_sha256 TEXT NOT NULL,
    examples_limit INTEGER NOT NULL, -- rows that were read at most; 0 = all
    examples INTEGER NOT NULL,
    sentences INTEGER NOT NULL,
    words INTEGER NOT NULL, -- as the data split them, else by white space
    characters INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    unknown_tokens INTEGER NOT NULL,
    distinct_tokens INTEGER NOT NULL,
    token_bits BLOB NOT NULL, -- bit i is 1 if token id i occurs; eight a byte, the first one highest
    mslt_version TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (model, task, split, examples_limit, iso639_3)
);

CREATE TABLE embeddings ( -- the mean sentence embedding of a language in one layer of a model
    model TEXT NOT NULL,
    corpus TEXT NOT NULL,
    split TEXT NOT NULL,
    prefix TEXT NOT NULL, -- put before each sentence
    special_tokens INTEGER NOT NULL CHECK (special_tokens IN (0, 1)),
    layer INTEGER NOT NULL, -- 0 = before the first
    last_layer INTEGER NOT NULL,
    iso639_3 TEXT NOT NULL REFERENCES languages,
    weights_sha256 TEXT NOT NULL,
    data_sha256 TEXT NOT NULL,
    examples_limit INTEGER NOT NULL,
    sentences INTEGER NOT NULL,
    dimensions INTEGER NOT NULL,
    embedding BLOB NOT NULL, -- little-endian float32
    mslt_version TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (model, corpus, split, prefix, special_tokens, examples_limit, layer, iso639_3)
);

CREATE TABLE runs ( -- a finished run; the truth is the run.json in its directory, from which this row can be made again
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('train', 'eval')), -- eval = a model as it is
    name TEXT NOT NULL, -- MSLT(ar,de,zh)
    task TEXT NOT NULL, -- that it was trained for
    model TEXT NOT NULL,
    sources TEXT NOT NULL, -- JSON array of codes, sorted; empty for a model as it is
    examples INTEGER, -- of all sources together
    seed INTEGER,
    unequal INTEGER NOT NULL CHECK (unequal IN (0, 1)), -- 1 = the user chose the shares
    directory TEXT NOT NULL, -- empty if shipped
    identity TEXT NOT NULL, -- JSON: all that determines the run, see docs/reference/train.md
    environment TEXT NOT NULL, -- JSON: versions and machine
    device TEXT NOT NULL,
    tokens_per_s REAL,
    wall_s REAL NOT NULL,
    finished_at TEXT NOT NULL,
    mslt_version TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('own', 'shipped')), -- shipped = came with mslt, out of db/
    command TEXT NOT NULL, -- does it again
    PRIMARY KEY (run_id, origin) -- who trains a shipped run has both
) WITHOUT ROWID;

CREATE INDEX runs_of_task ON runs (task, model);

CREATE TABLE scores ( -- a metric of a run on one target
    run_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    task TEXT NOT NULL,
    split TEXT NOT NULL,
    scoring TEXT NOT NULL, -- how a decoder's answers were read (letters, options, …); else empty
    iso639_3 TEXT NOT NULL, -- the target
    metric TEXT NOT NULL,
    value REAL NOT NULL CHECK (value BETWEEN 0 AND 1),
    low REAL NOT NULL, -- low and high: 95 % interval
    high REAL NOT NULL,
    counts TEXT NOT NULL, -- JSON: what the value is made of
    rows INTEGER NOT NULL,
    unseen INTEGER NOT NULL CHECK (unseen IN (0, 1)), -- 0 = the target was trained on
    data_sha256 TEXT NOT NULL, -- of the test rows
    right_rows TEXT, -- accuracy: which rows are right, a bit each, base64; see row_answers.py
    PRIMARY KEY (run_id, origin, task, split, scoring, iso639_3, metric),
    FOREIGN KEY (run_id, origin) REFERENCES runs ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX scores_of_task ON scores (task, split, scoring, metric);

CREATE TABLE test_items ( -- which items the rows of test data are; the same in each run
    data_sha256 TEXT NOT NULL, -- as in scores
    rows INTEGER NOT NULL, -- the first ones of the data, or all
    items TEXT NOT NULL, -- four bytes a row, base64; equal ones are the same item, in all languages
    PRIMARY KEY (data_sha256, rows)
) WITHOUT ROWID;

CREATE TABLE probes ( -- what `mslt probe` measured: of a pair of languages, or of all together
    weights_sha256 TEXT NOT NULL,
    label TEXT NOT NULL, -- of the model or run: MSLT(de,en,es)
    model TEXT NOT NULL,
    run_id TEXT NOT NULL, -- empty for a model as it is
    corpus TEXT NOT NULL,
    split TEXT NOT NULL,
    languages TEXT NOT NULL, -- JSON array, sorted: those whose common sentences were looked at
    pooling TEXT NOT NULL, -- mean, or words (without special tokens); then whatever else differs from the usual
    layer INTEGER NOT NULL,
    metric TEXT NOT NULL,
    a TEXT NOT NULL, -- a and b: empty = all languages together
    b TEXT NOT NULL,
    value REAL NOT NULL,
    low REAL, -- low and high: 95 % interval
    high REAL,
    n INTEGER NOT NULL, -- sentences
    data_sha256 TEXT NOT NULL,
    mslt_version TEXT NOT NULL,
    measured_at TEXT NOT NULL,
    PRIMARY KEY (weights_sha256, corpus, split, languages, n, pooling, layer, metric, a, b)
) WITHOUT ROWID;

CREATE TABLE published ( -- a printed cell of the paper
    position INTEGER PRIMARY KEY, -- from 0, the order of db/published.csv
    paper_table INTEGER NOT NULL,
    task TEXT NOT NULL,
    method TEXT NOT NULL,
    selection TEXT NOT NULL,
    languages TEXT NOT NULL, -- JSON array of ISO 639-1 codes; empty where the paper names none
    score_percent REAL,
    rank INTEGER,
    out_of INTEGER,
    origin TEXT NOT NULL, -- published
    source TEXT NOT NULL
);
