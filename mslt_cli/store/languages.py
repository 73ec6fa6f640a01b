"""Language facts out of the store: what a spelling means, which pools there are, what a model has seen."""

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.facts import PretrainingSize
from mslt_cli.languages.resolver import Language, Resolver
from mslt_cli.store.db import Store

COLUMNS = "iso639_3, iso639_1, name, script, family"
"""Of `languages`, in the order of the fields of `Language`."""


def resolver(store: Store) -> Resolver:
    """The resolver over the store's copy of the tables: a lookup each, where the files would be 8,000 rows."""

    def find(folded: str) -> Language | None:
        rows = store.query(
            f"SELECT {COLUMNS} FROM spellings JOIN languages USING (iso639_3) WHERE spelling_folded = ?",
            (folded,),
        )
        return Language(*rows[0]) if rows else None

    def list_spellings() -> list[tuple[str, bool]]:
        rows = store.query("SELECT spelling, iso639_1 IS NOT NULL FROM spellings JOIN languages USING (iso639_3)")
        return [(spelling, bool(well_known)) for spelling, well_known in rows]

    return Resolver(find, list_spellings)


def pool_names(store: Store) -> list[str]:
    """Return the names of all pools, sorted: named ones, models whose pretraining data is known, and `all`."""
    rows = store.query("SELECT pool FROM pools UNION SELECT model FROM pretraining_sizes UNION SELECT 'all' ORDER BY 1")
    return [name for (name,) in rows]


def pool(store: Store, name: str) -> list[Language]:
    """Return a pool's languages, sorted by ISO 639-3 code; a model's pool is what it has pretraining data of.

    Raises:
        UnknownNameError: there is no such pool.
    """
    rows = store.query(
        f"SELECT {COLUMNS} FROM languages WHERE :name = 'all' OR iso639_3 IN ("
        " SELECT iso639_3 FROM pools WHERE pool = :name UNION SELECT iso639_3 FROM pretraining_sizes"
        " WHERE model = :name AND coalesce(size_gib, tokens_millions, share_percent) > 0) ORDER BY iso639_3",
        {"name": name},
    )
    if not rows:
        raise UnknownNameError("pool", name, pool_names(store))
    return [Language(*row) for row in rows]


def written_codes(store: Store) -> dict[str, str]:
    """How users read a language: ISO 639-3 → the two-letter code, or the three letters where there is none."""
    return dict(store.query("SELECT iso639_3, coalesce(iso639_1, iso639_3) FROM languages"))


def model_names(store: Store) -> tuple[str, ...]:
    """Return the names of the models whose pretraining data is known, sorted."""
    return tuple(name for (name,) in store.query("SELECT DISTINCT model FROM pretraining_sizes ORDER BY model"))


def pretraining_sizes(store: Store, model: str) -> list[PretrainingSize]:
    """Return the lines of a model's table of pretraining data, sorted by language and script.

    Raises:
        UnknownNameError: the model's pretraining data is not known.
    """
    if model not in (names := model_names(store)):
        raise UnknownNameError("model", model, names)
    source = "pretraining_sizes WHERE model = :model ORDER BY iso639_3, script, label, size_gib"
    return store.read(PretrainingSize, source, {"model": model})
