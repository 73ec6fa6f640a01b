"""What a decoder answers to questions with numbered choices: which choice it takes, and how that is read off.

`letters` compares how likely "1" and "2" are after the prompt. `generate` reads what the model writes. `options` asks
no question: it compares how likely the texts are that the choices make.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError
from mslt_cli.evaluation.likelihood import Text, log_likelihoods
from mslt_cli.evaluation.reading import Reading
from mslt_cli.models.batching import batch_tokens, compute_batches, inference, length_batches
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.loading import quiet
from mslt_cli.progress import Step
from mslt_cli.tasks.prompts import choice_prompt, choice_texts
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNREADABLE = -1
"""The choice of an answer that names none."""
_SILENT = Step()


@dataclass(frozen=True)
class Answers:
    """What a decoder answered to some rows."""

    chosen: list[list[int]]
    """By row and order: the choice that it took, counted as the data have them, or UNREADABLE."""
    scores: list[list[float]] | None = None
    """By row: log-likelihoods of the choices in nats, in the order of the choices; with `swap` those of the second
    order follow, counted as the data have them. None with `generate`."""
    texts: list[list[str]] | None = None
    """By row and order: what it wrote, with `generate`."""
    cut: list[str] = field(default_factory=list)
    """Ids of rows whose text lost its beginning."""


@dataclass(frozen=True)
class Speaker:
    """A decoder as it is asked."""

    decoder: Decoder
    tokenizer: Tokenizer
    context: int | None = None
    """Tokens that the model can read; None = it has no limit."""
    precision: str = "fp32"
    """fp32 or bf16."""


def answer(
    speaker: Speaker,
    task: Task,
    code: str,
    rows: Sequence[dict[str, Any]],
    reading: Reading,
    *,
    step: Step = _SILENT,
) -> Answers:
    """Put each row's question to a decoder.

    Args:
        speaker: the model.
        task: of kind multiple-choice.
        code: the data set's own code of the language.
        rows: with id, choices and the task's context columns.
        reading: how the question is put and the answer read.
        step: advances with each row.

    Raises:
        DataError: a text is too long, and `reading.truncate` is false: names the row.
        ModelError: the model gives no finite numbers, or not even one text fits into memory.
    """
    tokenizer, scoring = speaker.tokenizer, reading.scoring
    orders = (False, True) if reading.swap else (False,)
    cut: dict[str, None] = {}

    def fit(row: dict[str, Any], text: Text) -> Text:
        room = reading.new_tokens if scoring == "generate" else 0
        excess = len(text.ids) + room - (speaker.context or math.inf)
        if excess <= 0:
            return text
        if not reading.truncate:
            raise DataError(
                f"Row {row['id']} of {task.name} in {code} has {len(text.ids) + room:,} tokens, and the model's context"
                f" {speaker.context:,}. Give --truncate to cut its beginning."
            )
        cut[str(row["id"])] = None
        gone = int(min(excess, max(text.start - 1, 0)))
        return Text(text.ids[gone:], text.start - gone)

    items: list[list[Text]] = []
    for row in rows:
        if scoring == "options":
            texts = [text_of_parts(tokenizer, *parts) for parts in choice_texts(task, row, code)]
        else:
            prompts = [choice_prompt(task, row, spacing=reading.spacing, swapped=swapped) for swapped in orders]
            if scoring == "letters":
                texts = [text for prompt in prompts for text in numbered_texts(tokenizer, prompt, len(row["choices"]))]
            else:
                texts = [Text(ids, len(ids)) for ids in (encode_beginning(tokenizer, prompt) for prompt in prompts)]
        items.append([fit(row, text) for text in texts])
    if scoring == "generate":
        prompts_of = [text.ids for texts in items for text in texts]
        written = generate(speaker, prompts_of, reading.new_tokens, step=step, prompts_per_step=len(orders))
        by_row = [written[i : i + len(orders)] for i in range(0, len(written), len(orders))]
        chosen = [
            [_in_data_order(number_in(text, n), n, order) for text, order in zip(texts, orders, strict=True)]
            for texts, n in zip(by_row, (len(row["choices"]) for row in rows), strict=True)
        ]
        return Answers(chosen, texts=by_row, cut=list(cut))
    scores = log_likelihoods(speaker.decoder, items, precision=speaker.precision, step=step)
    if scoring == "options":
        return Answers([[best(values)] for values in scores], scores, cut=list(cut))
    chosen = []
    for i, row in enumerate(rows):
        n = len(row["choices"])
        scores[i] = scores[i][:n] + scores[i][n:][::-1]  # in the second order the first choice has the last number
        chosen.append([best(scores[i][start : start + n]) for start in range(0, len(scores[i]), n)])
    return Answers(chosen, scores, cut=list(cut))


def best(values: Sequence[float]) -> int:
    """The place of the greatest; the first of equals."""
    return max(range(len(values)), key=values.__getitem__)


def number_in(text: str, choices: int) -> int:
    """The choice that a written answer names: the first number in it that is one of theirs, counted from 0.

    The digits of any script count; the 1 of 12 does not.
    """
    numbers = (int(digits) for digits in re.findall(r"\d+", text))
    return next((number - 1 for number in numbers if 1 <= number <= choices), UNREADABLE)


def _in_data_order(chosen: int, choices: int, swapped: bool) -> int:
    """A choice by its place in the prompt → by its place in the data."""
    return choices - 1 - chosen if swapped and chosen != UNREADABLE else chosen


def encode_beginning(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """Token ids of a text that continues: with the special tokens that begin it, without those that end it."""
    encoding = tokenizer.encode(text)
    ids, special = encoding.ids, encoding.special_tokens_mask
    stop = len(ids)
    while stop > 1 and special[stop - 1]:
        stop -= 1
    return tuple(ids[:stop])


def numbered_texts(tokenizer: Tokenizer, prompt: str, choices: int) -> list[Text]:
    """The prompt with each number behind it; what differs is scored, be it one token or several."""
    ids = [encode_beginning(tokenizer, f"{prompt}{i}") for i in range(1, choices + 1)]
    start = 0
    while len({of_text[start : start + 1] for of_text in ids}) == 1:
        start += 1
    return [Text(of_text, start) for of_text in ids]


def text_of_parts(tokenizer: Tokenizer, before: str, end: str) -> Text:
    """A text of two parts, of which the second is scored.

    Blanks at the end of the first part belong to the second, and tokens that the first part has by itself are not
    scored: as in EleutherAI's lm-evaluation-harness.
    """
    kept = before.rstrip()
    whole = encode_beginning(tokenizer, before + end)
    start = len(encode_beginning(tokenizer, kept)) if kept else 0
    return Text(whole, min(max(start, 1), len(whole) - 1))


def generate(
    speaker: Speaker,
    prompts: Sequence[Sequence[int]],
    new_tokens: int,
    *,
    step: Step = _SILENT,
    prompts_per_step: int = 1,
) -> list[str]:
    """Let a decoder continue prompts, always with the likeliest token.

    Args:
        speaker: the model.
        prompts: as token ids.
        new_tokens: most tokens that it may write after each.
        step: advances by one for each `prompts_per_step` prompts.
        prompts_per_step: see `step`.

    Raises:
        ModelError: not even one prompt fits into memory.
    """
    decoder, tokenizer = speaker.decoder, speaker.tokenizer
    decoder.network.eval()
    lengths = [len(prompt) + new_tokens for prompt in prompts]
    batches = compute_batches(
        length_batches(lengths, batch_tokens(decoder.device)),
        lambda batch: _continue(speaker, [prompts[i] for i in batch], new_tokens),
        lengths,
    )
    written = [""] * len(prompts)
    for batch, continued in batches:
        for i, ids in zip(batch, continued, strict=True):
            end = ids.index(decoder.eos_id) if decoder.eos_id in ids else len(ids)
            written[i] = tokenizer.decode(ids[:end])
        step.advance(len(batch) / prompts_per_step)
    return written


def _continue(speaker: Speaker, prompts: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
    """The token ids that the model writes after each prompt of a batch."""
    import torch

    decoder = speaker.decoder
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), decoder.pad_id)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    with inference(decoder.device, speaker.precision), quiet():
        written = decoder.network.generate(
            input_ids=ids.to(decoder.device),
            attention_mask=mask.to(decoder.device),
            max_new_tokens=new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,  # whatever else the model's own settings ask for
            no_repeat_ngram_size=0,
            pad_token_id=decoder.pad_id,
            eos_token_id=decoder.eos_id,
        )
    continued: list[list[int]] = written[:, longest:].tolist()
    return continued
