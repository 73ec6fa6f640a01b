"""What is asked of a criterion, and what it knows in answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import Criterion
from mslt_cli.criteria.request import Aim, Measured
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import Member, Pool
from mslt_cli.languages.resolver import Language
from mslt_cli.languages.subtags import standard
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Nearest, TargetCoverage
from mslt_cli.search.objective import Objective
from mslt_cli.store.db import Store

if TYPE_CHECKING:
    from mslt_cli.criteria.forecast import Forecast


class Question(NamedTuple):
    """What is asked of every criterion, once the pool is settled."""

    pool: Pool
    aim: Aim
    wanted: Wanted
    seed: int

    @property
    def one_language(self) -> NDArray[np.bool_]:
        """Whether a source is a target under another code (arb and ar), shape (n, T): such a source is not near."""
        targets = np.array([standard(target.language.iso639_3) for target in self.aim.targets], dtype=str)
        if not len(targets):
            return np.zeros((len(self.pool), 0), dtype=np.bool_)
        same: NDArray[np.bool_] = np.array([standard(code) for code in self.pool.codes])[:, None] == targets
        return same


class Evidence(NamedTuple):
    """What one criterion knows about the pool."""

    criterion: Criterion
    objective: Objective
    unit: str
    provenance: str
    """Where its facts are from, with versions."""
    measured_share: NDArray[np.float64] | None = None
    """Share of each language's vector that was observed, 0..1, shape (n,); None if it reads no such vectors."""
    measured_targets: NDArray[np.float64] = np.empty(0)
    """The same of the targets, shape (T,)."""
    toward: Nearest | TargetCoverage | None = None
    """How the pool's languages stand to the targets, if there are any and the criterion can tell."""
    forecast: "Forecast | None" = None
    """What scores are foretold, where the criterion does that."""

    def values(self, sets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of combinations of any one size, which an objective that foretells scores is not: shape (b, k) → (b,)."""
        return self.objective.values(sets) if self.forecast is None else self.forecast.means(sets)


@dataclass
class Reader:
    """Reads the facts of one criterion; that of the kind `typology` is `TypologyReader` in typology.py."""

    store: Store
    criterion: Criterion
    measured: Measured
    lack: str = ""
    """What a language has that the facts say nothing of: "no known script"."""
    target_lack: str = ""
    """The same of a target; default: `lack`."""
    notes: tuple[str, ...] = ()
    """What was read, and what not, as far as the user has to know."""

    def __post_init__(self) -> None:
        """Find the facts that are meant; raises an MsltError if there are none, or it is not clear which."""

    def knows(self, language: Language) -> bool:
        """Whether there are facts about a language."""
        return True

    def lacking(self, members: Sequence[Member]) -> list[int]:
        """Positions of the languages without facts."""
        return [i for i, member in enumerate(members) if not self.knows(member.language)]

    def lacking_targets(self, targets: Sequence[Member]) -> list[int]:
        """Positions of the targets without facts."""
        return self.lacking(targets)

    def tested(self, members: Sequence[Member], aim: Aim) -> list[int]:
        """Positions of the languages that are targets of the facts themselves, so that none is a source."""
        return []

    def mostly_imputed(self, members: Sequence[Member], least: float) -> list[int] | None:
        """Positions of the languages of which less than a share (0..1) was measured; None: it is known of none."""
        return None

    def evidence(self, question: Question) -> Evidence:
        """What is known of the pool, all of whose languages have facts; UsageError: it cannot do what the aim asks."""
        raise NotImplementedError

    def refuse_cover(self, aim: Aim) -> None:
        """Refuse to rank by nearness to the targets."""
        if aim.cover:
            raise UsageError(
                f"{self.criterion.name} does not say how near languages are, so --objective cover cannot rank by it. "
                "Use l2v-syntax, another l2v criterion, embedding, nn-rank, overlap or vocab."
            )

    def refuse_mix(self, aim: Aim) -> None:
        """Refuse to mix nearness to the targets with distances."""
        if 0 < aim.cover < 1:
            name = self.criterion.name
            raise UsageError(f"--lambda mixes distances with nearness, and {name} has no distances. Leave it out.")


def open_reader(store: Store, criterion: Criterion, measured: Measured) -> Reader:
    """Open the facts of a criterion; only its own file is imported."""
    home = import_module(f"mslt_cli.criteria.{criterion.kind}")
    reader: Reader = getattr(home, f"{criterion.kind.title().replace('_', '')}Reader")(store, criterion, measured)
    return reader
