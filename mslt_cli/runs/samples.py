"""The examples of a run: which are chosen, what they come to, and what is odd about them."""

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import cast

import numpy as np

from mslt_cli.data.examples import Example, labelled_examples, next_token_examples
from mslt_cli.runs.plan import Planned
from mslt_cli.runs.session import Session
from mslt_cli.runs.spec import TrainSpec
from mslt_cli.tasks.task import Task
from mslt_cli.training.batches import count_training_tokens
from mslt_cli.training.mixture import sample

CHECKED_UP_TO = 20_000
"""Examples of a run whose sample is chosen before anything is trained. With more all labels are seen, and hashing them
all for every combination takes minutes."""


def choose_ids(spec: TrainSpec, session: Session) -> dict[str, list[str]]:
    """The sample of a run: ids by source. Raises: DataError: a source has too few examples."""
    ids = {source: _ids(spec, source, session) for source in spec.sources}
    return sample(ids, spec.shares, seed=spec.data_seed, pairing=spec.pairing, oversample=spec.oversample)


def encode_examples(spec: TrainSpec, ids: Mapping[str, Sequence[str]], session: Session) -> list[Example]:
    """The token ids of a sample, in its order."""
    task = spec.task
    examples: list[Example] = []
    for source, chosen in ids.items():
        row = {id_: i for i, id_ in enumerate(_ids(spec, source, session))}
        encoded = session.encoded(task, source, task.training, spec.settings)
        first = encoded.first_segments()
        segments = [int(first[row[id_]]) for id_ in chosen]
        if task.kind == "instruction":
            examples += next_token_examples(encoded, segments)
        else:
            examples += labelled_examples(encoded, session.labels(task, source, task.training), segments)
    return examples


def count_cut(spec: TrainSpec, ids: Mapping[str, Sequence[str]], session: Session) -> dict[str, int]:
    """The examples of a sample that lose their end, by source; sources without any are left out."""
    counts = {}
    for source, chosen in ids.items():
        encoded = session.encoded(spec.task, source, spec.task.training, spec.settings)
        every = _ids(spec, source, session) if len(encoded.cut) else []
        cut = {every[row] for row in encoded.cut}
        counts[source] = sum(id_ in cut for id_ in chosen)
    return {source: n for source, n in counts.items() if n}


def planned_tokens(spec: TrainSpec, session: Session) -> tuple[int, float]:
    """The tokens of a whole training, padding not counted; and the share of padding beside them, 0..1."""
    return count_tokens(spec, encode_examples(spec, choose_ids(spec, session), session))


def count_tokens(spec: TrainSpec, examples: Sequence[Example]) -> tuple[int, float]:
    """As `planned_tokens`, of a sample that is encoded already."""
    lengths = np.array([len(example.ids) for example in examples], np.int64)
    steps, size = spec.settings.total_steps(len(examples)), spec.settings.batch_size
    return count_training_tokens(lengths, size, spec.seed, steps)


def check_samples(planned: Sequence[Planned], session: Session) -> list[str]:
    """Choose the examples of runs of at most CHECKED_UP_TO, to see that there are enough.

    Returns:
        Notes: on targets that are sources as well, and on labels that a target has and the training data lack.

    Raises:
        DataError: parallel sources have too few different items between them.
    """
    notes: dict[str, None] = {}
    for item in planned:
        spec, task = item.spec, item.spec.task
        if spec.unequal:
            shares = ", ".join(f"{task.code(source)} {n:,}" for source, n in spec.shares.items())
            notes[f"{spec.label} has unequal shares ({shares}): it does not compare with runs of equal shares."] = None
        if both := [task.code(t) for t in item.targets if t in spec.sources]:
            notes[f"{spec.label} is evaluated on {', '.join(both)}, WHICH IT IS TRAINED ON: no transfer there."] = None
        if spec.examples <= CHECKED_UP_TO:
            note = _note_answerless if task.kind == "instruction" else _note_unseen_labels
            notes |= dict.fromkeys(note(item, choose_ids(spec, session), session))
    return list(notes)


def _note_unseen_labels(item: Planned, ids: Mapping[str, Sequence[str]], session: Session) -> list[str]:
    """Notes on labels that targets have and the chosen examples lack."""
    spec, task = item.spec, item.spec.task
    seen: set[int] = set()
    for source, chosen in ids.items():
        seen |= _labels_in(session, task, source, task.training, chosen)
        if len(seen) == len(task.labels):
            return []
    targets = [(target, evaluation.split) for evaluation in item.evaluations for target in evaluation.targets]
    unseen = {target: sorted(_labels_in(session, task, target, split) - seen) for target, split in targets}
    return [
        f"{spec.title} sees no {', '.join(task.labels[i] for i in lost)} in training, and"
        f" {task.code(target)} has it: it cannot be predicted."
        for target, lost in unseen.items()
        if lost
    ]


def _note_answerless(item: Planned, ids: Mapping[str, Sequence[str]], session: Session) -> list[str]:
    """A note on instructions that fill all there is room for, so that nothing is learned from them."""
    spec, lost = item.spec, 0
    for source, chosen in ids.items():
        encoded = session.encoded(spec.task, source, spec.task.training, spec.settings)
        answered = dict(zip(_ids(spec, source, session), np.diff(encoded.word_starts) > 0, strict=True))
        lost += sum(not answered[id_] for id_ in chosen)
    note = (
        f"{spec.title}: {lost:,} of {spec.examples:,} instructions are longer than --max-length"
        f" {spec.settings.max_length}, so that nothing is left of their answers."
    )
    return [note] if lost else []


def _ids(spec: TrainSpec, source: str, session: Session) -> list[str]:
    """The ids of all training rows of a source."""
    return cast(list[str], session.rows(spec.task, source, spec.task.training)["id"].to_list())


def _labels_in(session: Session, task: Task, language: str, split: str, ids: Sequence[str] | None = None) -> set[int]:
    """The labels that occur in a split, or in the rows with these ids."""
    labels = session.labels(task, language, split)
    if ids is not None:
        chosen = session.rows(task, language, split)["id"].is_in(list(ids)).to_list()
        labels = list(compress(labels, chosen))
    return {number for label in labels for number in (label if isinstance(label, list) else [label])}
