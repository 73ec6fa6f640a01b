"""Language facts out of the store: what a spelling means, which pools there are, what a model has seen."""

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.facts import PretrainingSize
from mslt_cli.languages.resolver import Language, Resolver
from mslt_cli.store.db import Store


def resolver(store: Store) -> Resolver:
    """The resolver over the store's copy of the tables: a lookup each, where the files would be 8,000 rows."""

    def find(folded: str) -> Language | None:
        rows = store.query(
            "SELECT iso639_3, iso639_1, name, script, family FROM spellings JOIN languages USING (iso639_3)"
            " WHERE spelling_folded = ?",
            (folded,),
        )
        return Language(*rows[0]) if rows else None

    def list_spellings() -> list[tuple[str, bool]]:
        rows = store.query("SELECT spelling, iso639_1 IS NOT NULL FROM spellings JOIN languages USING (iso639_3)")
        return [(spelling, bool(well_known)) for spelling, well_known in rows]

    return Resolver(find, list_spellings)


def all_codes(store: Store) -> tuple[str, ...]:
    """Return the ISO 639-3 codes of all languages, sorted."""
    return _column(store, "SELECT iso639_3 FROM languages ORDER BY iso639_3")


def all_languages(store: Store) -> list[Language]:
    """Return all languages, sorted by ISO 639-3 code."""
    rows = store.query("SELECT iso639_3, iso639_1, name, script, family FROM languages ORDER BY iso639_3")
    return [Language(*row) for row in rows]


def pool_names(store: Store) -> tuple[str, ...]:
    """Return the names of all pools, sorted."""
    return _column(store, "SELECT DISTINCT pool FROM pools ORDER BY pool")


def pool(store: Store, name: str) -> tuple[str, ...]:
    """Return the codes of a named pool's languages, sorted.

    Raises:
        UnknownNameError: there is no such pool.
    """
    codes = _column(store, "SELECT iso639_3 FROM pools WHERE pool = ? ORDER BY iso639_3", name)
    if not codes:
        raise UnknownNameError("pool", name, pool_names(store))
    return codes


def model_names(store: Store) -> tuple[str, ...]:
    """Return the names of the models whose pretraining data is known, sorted."""
    return _column(store, "SELECT DISTINCT model FROM pretraining_sizes ORDER BY model")


def models_languages(store: Store, model: str) -> tuple[str, ...]:
    """Return the codes of the languages in a model's pretraining data, sorted.

    Raises:
        UnknownNameError: the model's pretraining data is not known.
    """
    _require_model(store, model)
    return _column(
        store,
        "SELECT DISTINCT iso639_3 FROM pretraining_sizes"
        " WHERE model = ? AND coalesce(size_gib, tokens_millions, share_percent) > 0 ORDER BY iso639_3",
        model,
    )


def pretraining_sizes(store: Store, model: str) -> list[PretrainingSize]:
    """Return the lines of a model's table of pretraining data, sorted by language and script.

    Raises:
        UnknownNameError: the model's pretraining data is not known.
    """
    _require_model(store, model)
    columns = ", ".join(PretrainingSize._fields)
    rows = store.query(
        f"SELECT {columns} FROM pretraining_sizes WHERE model = ? ORDER BY iso639_3, script, label, size_gib", (model,)
    )
    return [PretrainingSize(*row) for row in rows]


def _require_model(store: Store, model: str) -> None:
    if model not in (known := model_names(store)):
        raise UnknownNameError("model", model, known)


def _column(store: Store, sql: str, *parameters: str) -> tuple[str, ...]:
    return tuple(value for (value,) in store.query(sql, parameters))
