"""How several source languages share one budget, and which examples each of them gives.

Samples are nested and stable: the order of a language's examples follows from a hash of the seed and each example's own
id, so it does not change when other examples come or go, and a smaller share is the head of a larger one.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

from mslt_cli.errors import DataError, UsageError
from mslt_cli.fields import described

Pairing = Literal["disjoint", "same", "independent"]
PAIRINGS: tuple[Pairing, ...] = ("disjoint", "same", "independent")
"""What parallel task data may do: each item in one language only; the same items in every language; as it comes."""


@dataclass(frozen=True)
class Sampling:
    """How the examples of runs are drawn from their sources."""

    split: str | Mapping[str, int] | None = described(
        None,
        "Unequal shares: `sizes` (in proportion to the data of each source), or examples by source: en=600,de=200",
        unset="equal shares",
        metavar="SHARES",
    )
    pairing: Pairing | None = described(
        None,
        "Use of parallel data: disjoint (each item in one source only), same (the same items in all sources) or"
        " independent (each source drawn alone)",
        unset="disjoint",
        choices=PAIRINGS,
    )
    """None for data that are not parallel."""
    oversample: bool = described(False, "Repeat the examples of a source that has too few")
    data_seed: int | None = described(None, "Seed of the sample", unset="each run's seed", least=0)


def equal_shares(examples: int, sources: Sequence[str]) -> dict[str, int]:
    """Split a budget evenly: N // n each, and the first N % n (in sorted order) one more.

    Raises:
        UsageError: there are fewer examples than sources.

    Source:
        DESIGN: Budget. Lim et al. 2024, §3.
    """
    n = len(sources)
    if examples < n:
        raise UsageError(f"{examples:,} examples cannot be split over {n} sources. Give --examples {n} or more.")
    return {source: examples // n + (i < examples % n) for i, source in enumerate(sorted(sources))}


def proportional_shares(examples: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Split a budget in proportion to what each source has, by largest remainders; each gets at least one.

    Raises:
        UsageError: there are fewer examples than sources.
    """
    equal_shares(examples, tuple(sizes))  # for its error
    spare, total = examples - len(sizes), sum(sizes.values())
    shares = {source: 1 + spare * size // total for source, size in sorted(sizes.items())}
    rest = examples - sum(shares.values())
    by_remainder = sorted(shares, key=lambda source: (-(spare * sizes[source] % total), source))
    for source in by_remainder[:rest]:
        shares[source] += 1
    return shares


def stated_shares(split: str | Mapping[str, int], language_of: Callable[[str], str]) -> dict[str, int]:
    """Read shares as a user states them: "en=600,de=200", or the same as a mapping; `language_of` reads a spelling.

    Raises:
        UsageError: it is not of that form, or names a language twice.
    """
    if isinstance(split, str):
        matches = [re.fullmatch(r"\s*([^=]+?)\s*=\s*([0-9_]+)\s*", part) for part in split.split(",")]
        pairs = [(match[1], int(match[2])) if match else ("", 0) for match in matches]
    else:
        pairs = list(split.items())
    shares: dict[str, int] = {}
    for name, examples in pairs:
        if examples < 1:
            raise UsageError(f"--split is {split!r}; write sizes, or the examples of each source: en=600,de=200.")
        language = language_of(name)
        if language in shares:
            raise UsageError(f"--split names {name} twice. Give it once.")
        shares[language] = examples
    return dict(sorted(shares.items()))


def order(ids: Sequence[str], seed: int, salt: str = "") -> list[str]:
    """Put distinct ids into their seeded order: by a hash of seed, salt and id, so that other ids do not change it.

    `salt` is the language where each has an order of its own; empty where equal ids are the same item.
    """
    return sorted(ids, key=lambda id_: (hashlib.sha256(f"{seed}\t{salt}\t{id_}".encode()).digest(), id_))


def sample(
    ids: Mapping[str, Sequence[str]],
    shares: Mapping[str, int],
    *,
    seed: int,
    pairing: Pairing | None = None,
    oversample: bool = False,
) -> dict[str, list[str]]:
    """Choose the examples of a run.

    Args:
        ids: the available ones, by source; their order does not matter.
        shares: examples that each source gives.
        pairing: for data where equal ids are the same item. `disjoint`: an item is used in one language only, and on
            fully parallel data every combination of one budget sees the same items. `same`: all sources give the same
            items. `independent`, and None for data that are not parallel: each source has an order of its own.
        oversample: repeat a source's examples, in order, where it has too few.

    Returns:
        By source, sorted: ids in the seeded order; what MSLT(en, es) takes of English is among what SSLT(en) takes
        under the same budget and seed.

    Raises:
        DataError: a source has too few examples; says how many there are.
    """
    sources = sorted(shares)
    if pairing == "disjoint":
        return _disjoint(ids, {source: shares[source] for source in sources}, seed, oversample)
    if pairing == "same":
        shared = order(sorted(set.intersection(*(set(ids[source]) for source in sources))), seed)
        ordered = dict.fromkeys(sources, shared)
    else:
        ordered = {source: order(ids[source], seed, source) for source in sources}
    for source, there in ordered.items():
        if len(there) < shares[source] and not (oversample and there):
            raise too_few(source, shares[source], len(there), " in all sources" if pairing == "same" else "")
    return {source: list(islice(cycle(there), shares[source])) for source, there in ordered.items()}


def too_few(source: str, share: int, there: int, where: str = "") -> DataError:
    """The error of a source that has fewer examples than it should give."""
    return DataError(
        f"{source} has {there:,} training examples{where}, and {share:,} are needed. Lower --examples, or allow repeats"
        " with --oversample."
    )


def _disjoint(
    ids: Mapping[str, Sequence[str]], shares: Mapping[str, int], seed: int, oversample: bool
) -> dict[str, list[str]]:
    """Deal the items in one common order, each to that source among its owners which is furthest behind its share.

    While a source still needs items, none that it has is skipped, only dealt to another: so all that it gets is among
    the first sum(shares) of its own order.
    """
    has = {source: set(ids[source]) for source in shares}
    dealt: dict[str, list[str]] = {source: [] for source in shares}
    open_ = list(shares)
    for item in order(sorted(set().union(*has.values())), seed):
        able = [source for source in open_ if item in has[source]]
        if not able:
            continue
        chosen = min(able, key=lambda source: (len(dealt[source]) / shares[source], source))
        dealt[chosen].append(item)
        if len(dealt[chosen]) == shares[chosen]:
            open_.remove(chosen)
            if not open_:
                break
    for source in open_:
        if not (oversample and dealt[source]):
            raise DataError(
                f"The sources have {sum(map(len, dealt.values())):,} different items between them, and"
                f" {sum(shares.values()):,} are needed: {source} gets {len(dealt[source]):,} of {shares[source]:,}."
                " Lower --examples, or let sources share items with --pairing independent."
            )
        dealt[source] = list(islice(cycle(dealt[source]), shares[source]))
    return dealt
