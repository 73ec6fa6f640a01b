"""Language facts out of the store: what a spelling means, which pools there are, what a model has seen."""

import difflib
from dataclasses import dataclass, replace

from mslt_cli.errors import UnknownNameError
from mslt_cli.languages.codes import fold, parse_tag
from mslt_cli.languages.facts import PretrainingSize
from mslt_cli.store.db import Store

NEAR = 0.75
"""Likeness (difflib, 0..1) from which a well-known language is taken for what a user meant."""
LONGEST_CODE = 3


@dataclass(frozen=True)
class Language:
    """A language; None = unknown."""

    iso639_3: str
    """A URIEL code."""
    iso639_1: str | None
    name: str
    """In English."""
    script: str | None
    """ISO 15924 code of its script, or of the one that was asked for."""
    family: str | None
    """Top-level family, in URIEL's naming."""
    script_asked: str | None = None
    """The script that the user named (zh-Hant), which then also is `script`."""


def resolve(store: Store, spelling: str) -> Language:
    """Return the language that a user means by a code, a name or a tag: en, eng, German, zh-Hans.

    Codes mean what they mean in lang2vec: ar is ara, zh is zho.

    Raises:
        UnknownNameError: there is no such language; names the nearest ones.
    """
    if whole := _find(store, spelling) or _find(store, spelling.replace("_", "-")):  # zh_min_nan as well
        return whole
    tag = parse_tag(spelling)
    found = _find(store, tag.language) if tag else None
    if not tag or not found:
        raise _unknown(store, spelling)
    return replace(found, script=tag.script, script_asked=tag.script) if tag.script else found


def _find(store: Store, spelling: str) -> Language | None:
    rows = store.query(
        "SELECT iso639_3, iso639_1, name, script, family FROM spellings JOIN languages USING (iso639_3)"
        " WHERE spelling_folded = ?",
        (fold(spelling),),
    )
    return Language(*rows[0]) if rows else None


def _unknown(store: Store, spelling: str) -> UnknownNameError:
    hint = "Write a code (de, deu) or an English name (German)."
    if len(spelling) <= LONGEST_CODE:  # every code is near to dozens of others
        return UnknownNameError("language", spelling, (), hint)
    rows = store.query(
        "SELECT spelling, iso639_1 IS NOT NULL FROM spellings JOIN languages USING (iso639_3)"
        " WHERE length(spelling) > ?",
        (LONGEST_CODE,),
    )
    well_known = {fold(name): name for name, has_short_code in rows if has_short_code}
    near = difflib.get_close_matches(fold(spelling), well_known, cutoff=NEAR)
    names = [well_known[key] for key in near] or [name for name, _ in rows]
    return UnknownNameError("language", spelling, names, hint)


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
