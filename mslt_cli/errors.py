"""Every failure that a user is meant to read. main() shows it in one or two lines and exits with code 1."""

import difflib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

MAX_SUGGESTIONS = 3
MAX_LISTED = 12
"""A list of known names longer than this is no help in an error message."""


class MsltError(Exception):
    """One or two sentences: what is wrong, and what to do. Anything else that is raised is a bug."""


class UnknownNameError(MsltError):
    """A language, pool, criterion or model that we do not have.

    Of the known names the nearest ones are suggested, or all listed if they are few; else the hint is given.
    """

    def __init__(self, kind: str, given: str, known: Collection[str], hint: str = "") -> None:
        folded = {name.casefold(): name for name in known}
        close = [folded[key] for key in difflib.get_close_matches(given.casefold(), folded, n=MAX_SUGGESTIONS)]
        if close:
            hint = f"Did you mean {' or '.join(close)}?"
        elif 0 < len(known) <= MAX_LISTED:
            hint = f"Known: {', '.join(known)}."
        super().__init__(f"There is no {kind} {given!r}. {hint}".rstrip())

    @classmethod
    def of(cls, errors: Sequence["UnknownNameError"]) -> "UnknownNameError":
        """One error that says what several do."""
        whole = errors[0]
        whole.args = (" ".join(dict.fromkeys(map(str, errors))),)
        return whole


class MissingFactsError(MsltError):
    """Something is not known of a language, or the package that knows it is not installed."""


class MissingPackageError(MsltError):
    """Libraries of an extra of mslt-cli are not installed, and something ("Embedding sentences") needs them."""

    def __init__(self, what: str, packages: str, extra: str) -> None:
        super().__init__(f"{what} needs {packages}. Run `pip install 'mslt-cli[{extra}]'`.")


@contextmanager
def needs(what: str, packages: str, extra: str) -> Iterator[None]:
    """Raises: MissingPackageError: what is imported in the block is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackageError(what, packages, extra) from error


class FetchError(MsltError):
    """Something cannot be had from the hub, or cannot be written into the cache."""


class DataError(MsltError):
    """A file of a data set is not what it should be: names the file, and the row where there is one."""


class ModelError(MsltError):
    """A model's files cannot be used: something is missing, damaged, or of a kind that is never read."""


class StoreError(MsltError):
    """The store cannot be opened, read or written."""


class UsageError(MsltError):
    """Options that parse, and do not go together."""
