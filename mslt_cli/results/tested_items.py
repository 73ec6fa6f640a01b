"""The test items behind a grid: whether its targets share them, and what its runs answered."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.inference.shared_items import SharedItems
from mslt_cli.results.evaluations import known_task
from mslt_cli.store.row_answers import Items, unpack_right
from mslt_cli.store.runs import StoredScore


class TestedItems(NamedTuple):
    """The items of a grid's targets."""

    of_rows: Sequence[NDArray[np.int64]]
    """By target: the item of each row, from 0. Empty where targets share none, or it is not known which."""
    parallel: bool | None
    """Whether targets have the same items; None where the task, a user's own, is not known any more."""
    targets: int

    def read(self, right: Mapping[Any, Mapping[Any, Sequence[str | None]]]) -> SharedItems | None:
        """What runs answered, by combination, draw and target; None where targets share no items or it is not known."""
        known = all(text is not None for of_draw in right.values() for texts in of_draw.values() for text in texts)
        if not (self.of_rows and known):
            return None
        sizes = [len(items) for items in self.of_rows]
        answers = {
            combination: {draw: [unpack_right(text or "", n) for text, n in zip(texts, sizes, strict=True)]
                          for draw, texts in of_draw.items()}
            for combination, of_draw in right.items()
        }  # fmt: skip
        return SharedItems(answers, self.of_rows)

    def describe_samples(self, shared: SharedItems | None) -> str:
        """What tests take for a sample of more, where `shared` is what they know of items that targets share."""
        if self.targets == 1:
            rest = "the items as they are" if shared is None else f"and so are the {shared.count:,} test items"
            return f"seeds are taken as a sample, {rest}"
        if shared is not None:
            which = f"{shared.count:,} items, which the targets share"
        elif self.parallel is False:
            which = "each target has its own"
        else:
            return "targets and seeds are taken as samples, the items as they are"
        return f"targets, seeds and test items ({which}) are taken as samples"


def find_items(task: str, scores: Sequence[StoredScore], items: Items) -> TestedItems:
    """The items behind the scores of one run on a grid's targets; equal ids are one item in parallel data alone."""
    known = known_task(task)
    parallel = known.aligned if known is not None else None
    of_rows: Sequence[NDArray[np.int64]] = ()
    hashes = [items.get((score.data_sha256, score.rows)) for score in scores]
    if (parallel or len(scores) == 1) and all(one is not None for one in hashes):
        places = np.unique(np.concatenate([one for one in hashes if one is not None]), return_inverse=True)[1]
        of_rows = np.split(places.astype(np.int64), np.cumsum([score.rows for score in scores])[:-1])
    return TestedItems(of_rows, parallel, len(scores))
