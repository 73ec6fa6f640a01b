"""Which languages to train a multilingual model on (Lim et al. 2024), as a library.

`mslt_cli.select(store, pool, k, ...)` is what `mslt select` calls; `mslt_cli.open_store()` opens the store and
`mslt_cli.fill_languages()` fills it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mslt_cli.selection import Selection, select
    from mslt_cli.store.db import open_store
    from mslt_cli.store.fill import fill_languages

__version__ = "0.1.0"
__all__ = ["Selection", "fill_languages", "open_store", "select"]

_HOME = {
    "Selection": "mslt_cli.selection",
    "select": "mslt_cli.selection",
    "open_store": "mslt_cli.store.db",
    "fill_languages": "mslt_cli.store.fill",
}


def __getattr__(name: str) -> Any:
    # Imported when first used: the commands' start-up pays only for what they run.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
