"""What a decoder answers to questions with numbered choices: which one it takes, and how that is read off.

`letters` compares how likely "1" and "2" are after the prompt, `generate` reads what the model writes, `options`
compares how likely the texts are that the choices make, without a question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError, ModelError
from mslt_cli.evaluation.likelihood import BATCH_TOKENS, Text, log_likelihoods
from mslt_cli.evaluation.reading import Reading
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.encoder import quiet
from mslt_cli.probing.embeddings import length_batches
from mslt_cli.progress import Step
from mslt_cli.tasks.prompts import choice_prompt, filled_in
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNREADABLE = -1
"""Of an answer that names no choice."""
_SILENT = Step()


@dataclass(frozen=True)
class Answers:
    """What a decoder answered to some rows."""

    chosen: list[list[int]]
    """By row and order: the choice that it took, counted as the data have them, or UNREADABLE."""
    scores: list[list[float]] | None = None
    """By row: log-likelihoods, nats: of the choices in their order; with `swap` those of the second order behind them,
    counted as the data have them. None with `generate`."""
    texts: list[list[str]] | None = None
    """By row and order: what it wrote, with `generate`."""
    cut: list[str] = field(default_factory=list)
    """Ids of rows whose text lost its beginning."""


def answers(
    decoder: Decoder,
    tokenizer: Tokenizer,
    task: Task,
    code: str,
    rows: Sequence[dict[str, Any]],
    reading: Reading,
    *,
    longest: int | None,
    precision: str = "fp32",
    step: Step = _SILENT,
) -> Answers:
    """Put each row's question to a decoder.

    Args:
        decoder: as it is to be judged.
        tokenizer: its own.
        task: of kind multiple-choice.
        code: the data set's own code of the language.
        rows: with id, choices and the task's context columns.
        reading: how.
        longest: the model's context in tokens; None = it has no limit.
        precision: fp32 or bf16.
        step: is told of each row.

    Raises:
        DataError: a text is too long, and `reading.truncate` is false: names the row.
        ModelError: the model gives no finite numbers, or not even one text fits into memory.
    """
    orders = (False, True) if reading.swap else (False,)
    cut: dict[str, None] = {}

    def fitting(row: dict[str, Any], text: Text, room: int) -> Text:
        if longest is None or len(text.ids) + room <= longest:
            return text
        if not reading.truncate:
            raise DataError(
                f"Row {row['id']} of {task.name} in {code} has {len(text.ids) + room:,} tokens, and the model's context"
                f" {longest:,}. Give --truncate to cut its beginning."
            )
        cut[str(row["id"])] = None
        gone = min(len(text.ids) + room - longest, max(text.start - 1, 0))
        return Text(text.ids[gone:], text.start - gone)

    if reading.scoring == "options":
        ends = [[scored_end(tokenizer, *pair) for pair in filled_in(task, row, code)] for row in rows]
        items = [[fitting(row, text, 0) for text in some] for row, some in zip(rows, ends, strict=True)]
        scores = log_likelihoods(decoder, items, precision=precision, step=step)
        return Answers([[best(values)] for values in scores], scores, cut=list(cut))
    prompts = [
        [choice_prompt(task, row, spacing=reading.spacing, swapped=swapped) for swapped in orders] for row in rows
    ]
    if reading.scoring == "letters":
        items = [
            [fitting(row, text, 0) for prompt in some for text in numbers(tokenizer, prompt, len(row["choices"]))]
            for row, some in zip(rows, prompts, strict=True)
        ]
        scores = log_likelihoods(decoder, items, precision=precision, step=step)
        scores = [_as_in_data(values, len(row["choices"])) for row, values in zip(rows, scores, strict=True)]
        chosen = [
            [best(values[i : i + len(row["choices"])]) for i in range(0, len(values), len(row["choices"]))]
            for row, values in zip(rows, scores, strict=True)
        ]
        return Answers(chosen, scores, cut=list(cut))
    asked = [
        fitting(row, Text(encoded(tokenizer, prompt), len(encoded(tokenizer, prompt))), reading.new_tokens)
        for row, some in zip(rows, prompts, strict=True)
        for prompt in some
    ]
    written = generate(
        *(decoder, tokenizer, [text.ids for text in asked], reading.new_tokens),
        precision=precision,
        step=step,
        prompts_a_step=len(orders),
    )
    texts = [written[i : i + len(orders)] for i in range(0, len(written), len(orders))]
    chosen = [
        [_as_counted(number_in(text, len(row["choices"])), len(row["choices"]), order) for text, order in pairs]
        for row, pairs in zip(rows, ([*zip(some, orders, strict=True)] for some in texts), strict=True)
    ]
    return Answers(chosen, texts=texts, cut=list(cut))


def best(values: Sequence[float]) -> int:
    """The place of the greatest; the first of equals."""
    return max(range(len(values)), key=values.__getitem__)


def number_in(text: str, choices: int) -> int:
    """The choice that a written answer names: the first number in it that is one of theirs, counted from 0.

    The digits of any script count; the 1 of 12 does not.
    """
    found = (int(digits) for digits in re.findall(r"\d+", text))
    return next((number - 1 for number in found if 1 <= number <= choices), UNREADABLE)


def _as_counted(chosen: int, choices: int, swapped: bool) -> int:
    """A choice by its number in the prompt → as the data count them."""
    return choices - 1 - chosen if swapped and chosen != UNREADABLE else chosen


def encoded(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """A text that is to be gone on with: with the special tokens that begin it, without those that end it."""
    encoding = tokenizer.encode(text)
    ids, special = encoding.ids, encoding.special_tokens_mask
    stop = len(ids)
    while stop > 1 and special[stop - 1]:
        stop -= 1
    return tuple(ids[:stop])


def numbers(tokenizer: Tokenizer, prompt: str, choices: int) -> list[Text]:
    """The prompt with each number behind it; what differs is scored, be it one token or several."""
    ids = [encoded(tokenizer, f"{prompt}{i}") for i in range(1, choices + 1)]
    start = 0
    while len({some[start : start + 1] for some in ids}) == 1:
        start += 1
    return [Text(some, start) for some in ids]


def scored_end(tokenizer: Tokenizer, before: str, end: str) -> Text:
    """A text of two parts as one, of which the second is scored.

    Blanks at the end of the first part belong to the second, and what the first part alone would have in tokens is not
    scored: as in EleutherAI's lm-evaluation-harness.
    """
    kept = before.rstrip()
    whole = encoded(tokenizer, before + end)
    start = len(encoded(tokenizer, kept)) if kept else 0
    return Text(whole, min(max(start, 1), len(whole) - 1))


def _as_in_data(values: list[float], choices: int) -> list[float]:
    """Scores of the numbers → of the choices: in the second order the first choice has the last number."""
    return values[:choices] + values[choices:][::-1]


def generate(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    new_tokens: int,
    *,
    precision: str = "fp32",
    step: Step = _SILENT,
    prompts_a_step: int = 1,
) -> list[str]:
    """What a decoder writes behind prompts, always taking the likeliest token.

    Args:
        decoder: as it is to be judged.
        tokenizer: its own.
        prompts: as token ids.
        new_tokens: most that it may write of each.
        precision: fp32 or bf16.
        step: is told of each prompt.
        prompts_a_step: prompts that make one step.

    Raises:
        ModelError: not even one prompt fits into memory.
    """
    import torch

    decoder.network.eval()
    out = [""] * len(prompts)
    lengths = [len(prompt) + new_tokens for prompt in prompts]
    waiting = list(length_batches(lengths, BATCH_TOKENS.get(decoder.device.type, BATCH_TOKENS["cpu"])))[::-1]
    while waiting:
        chosen = waiting.pop()
        longest = max(len(prompts[i]) for i in chosen)
        ids = torch.full((len(chosen), longest), decoder.pad_id)
        mask = torch.zeros((len(chosen), longest), dtype=torch.long)
        for row, i in enumerate(chosen):
            ids[row, longest - len(prompts[i]) :] = torch.tensor(prompts[i])
            mask[row, longest - len(prompts[i]) :] = 1
        try:
            low = torch.autocast(decoder.device.type, torch.bfloat16, enabled=precision == "bf16")
            with torch.inference_mode(), low, quiet():
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
        except torch.OutOfMemoryError as error:
            if len(chosen) == 1:
                raise ModelError(f"The device has too little memory for {longest} tokens. Use the CPU.") from error
            half = len(chosen) // 2
            waiting += [chosen[half:], chosen[:half]]
            continue
        for row, i in enumerate(chosen):
            new = written[row, longest:].tolist()
            if decoder.eos_id in new:
                new = new[: new.index(decoder.eos_id)]
            out[i] = tokenizer.decode(new)
        step.advance(len(chosen) / prompts_a_step)
    return out
