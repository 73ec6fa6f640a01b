"""What a decoder answers to questions with numbered choices: which choice it takes, and how that is read off.

`letters` compares how likely the numbers of the choices are after the prompt. `generate` reads what the model writes.
`options` compares how likely the texts are that the choices make.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import DataError
from mslt_cli.evaluation.likelihood import Text, common_length, log_likelihoods
from mslt_cli.evaluation.reading import Reading
from mslt_cli.models.batching import batch_tokens, compute_batches, inference
from mslt_cli.models.decoder import Decoder
from mslt_cli.models.loading import quiet
from mslt_cli.progress import SILENT, Step
from mslt_cli.tasks.prompts import choice_question, choice_texts, instruction_prompt
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mslt_cli.models.chat import ChatTemplate

UNREADABLE = -1
"""The choice of an answer that names none."""


@dataclass(frozen=True)
class Answers:
    """What a decoder answered to some rows."""

    chosen: list[list[int]]
    """By row and order: the choice that it took, counted as the data have them, or UNREADABLE."""
    scores: list[list[float]] | None = None
    """By row: log-likelihoods of the choices in nats, in the order of the data; with `swap` those of the second order
    follow, in the same order. None with `generate`."""
    normalised: list[int] | None = None
    """By row: the choice with the highest log-likelihood per character of its text, with `options`."""
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
    chat: ChatTemplate | None = None
    """Its own template, where questions are put in it."""


def answer(
    speaker: Speaker,
    task: Task,
    code: str,
    rows: Sequence[dict[str, Any]],
    reading: Reading,
    *,
    step: Step = SILENT,
) -> Answers:
    """Put each row's question to a decoder.

    Args:
        task: of kind multiple-choice.
        code: the data set's own code of the language.
        rows: with id, choices and the task's context columns.
        step: advances with each row.

    Raises:
        DataError: a text is too long, and `reading.truncate` is false: names the row.
        ModelError: the model gives no finite numbers, or not even one text fits into memory.
    """
    new_tokens = reading.new_tokens if reading.scoring == "generate" else 0
    cut: dict[str, None] = {}
    items = [_texts(speaker, task, code, row, reading) for row in rows]
    for row, texts in zip(rows, items, strict=True):
        for place, text in enumerate(texts):
            excess = len(text.ids) + new_tokens - (speaker.context or math.inf)
            if excess <= 0:
                continue
            if not reading.truncate:
                raise DataError(
                    f"Row {row['id']} of {task.name} in {code} has {len(text.ids) + new_tokens:,} tokens, and the"
                    f" model's context {speaker.context:,}. Give --truncate to cut its beginning."
                )
            cut[str(row["id"])] = None
            gone = int(min(excess, max(text.start - 1, 0)))
            texts[place] = Text(text.ids[gone:], text.start - gone)
    counts = [len(row["choices"]) for row in rows]
    if reading.scoring == "generate":
        written = generate(speaker, items, new_tokens, step=step)
        chosen = [
            [number_in(text, n, swapped=place > 0) for place, text in enumerate(texts)]
            for n, texts in zip(counts, written, strict=True)
        ]
        return Answers(chosen, texts=written, cut=list(cut))
    scores = log_likelihoods(speaker.decoder, items, precision=speaker.precision, step=step)
    for n, values in zip(counts, scores, strict=True):
        values[n:] = values[n:][::-1]  # in the second order the first choice has the last number
    chosen = [
        [likeliest(values[start : start + n], str(row["id"])) for start in range(0, len(values), n)]
        for row, n, values in zip(rows, counts, scores, strict=True)
    ]
    if reading.scoring != "options":
        return Answers(chosen, scores, cut=list(cut))
    normalised = []
    for row, values in zip(rows, scores, strict=True):
        per_character = [value / n for value, n in zip(values, _characters(task, row, code), strict=True)]
        normalised.append(likeliest(per_character, str(row["id"])))
    return Answers(chosen, scores, normalised, cut=list(cut))


def _characters(task: Task, row: dict[str, Any], code: str) -> list[int]:
    """The length of each choice in characters, without the blank before it, as lm-evaluation-harness counts it."""
    return [max(1, len(end.removeprefix(" "))) for _, end in choice_texts(task, row, code)]


def _texts(speaker: Speaker, task: Task, code: str, row: dict[str, Any], reading: Reading) -> list[Text]:
    """What a decoder reads of a row: a text for each choice, or with `generate` a prompt; for each order."""
    tokenizer = speaker.tokenizer
    if reading.scoring == "options":
        return [text_of_parts(tokenizer, *parts) for parts in choice_texts(task, row, code)]
    texts: list[Text] = []
    whole = reading.template == "auto"  # a chat template has the special tokens that begin a text
    for swapped in (False, True) if reading.swap else (False,):
        prompt = _prompt(speaker, choice_question(task, row, swapped=swapped), reading)
        if reading.scoring == "letters":
            texts += numbered_texts(tokenizer, prompt, len(row["choices"]), whole=whole)
        else:
            ids = encode_beginning(tokenizer, prompt, whole=whole)
            texts.append(Text(ids, len(ids)))
    return texts


def _prompt(speaker: Speaker, question: str, reading: Reading) -> str:
    """A question and what stands around it."""
    if reading.template == "auto":
        assert speaker.chat is not None
        return speaker.chat.prompt(question)
    return f"{question}\n" if reading.template == "none" else instruction_prompt(question, None, reading.spacing)


def likeliest(scores: Sequence[float], id_: str) -> int:
    """The place of the highest score; among equal ones a hash of the row's id decides, so that no place is favoured."""
    best = [place for place, score in enumerate(scores) if score == max(scores)]
    return best[int(hashlib.sha256(id_.encode()).hexdigest(), 16) % len(best)]


def number_in(text: str, choices: int, *, swapped: bool = False) -> int:
    """The choice that a written answer names, from 0 as the data count them: the first number that is one of theirs.

    The digits of any script count; the 1 of 12 does not. `swapped`: the prompt had the choices in the other order.
    """
    numbers = (int(digits) for digits in re.findall(r"\d+", text))
    number = next((number for number in numbers if 1 <= number <= choices), None)
    if number is None:
        return UNREADABLE
    return choices - number if swapped else number - 1


def encode_beginning(tokenizer: Tokenizer, text: str, *, whole: bool = False) -> tuple[int, ...]:
    """Token ids of a text that continues: with the special tokens that begin it, without those that end it.

    `whole`: the text has its special tokens already.
    """
    if whole:
        return tuple(tokenizer.encode(text, add_special_tokens=False).ids)
    encoding = tokenizer.encode(text)
    ids, special = encoding.ids, encoding.special_tokens_mask
    stop = len(ids)
    while stop > 1 and special[stop - 1]:
        stop -= 1
    return tuple(ids[:stop])


def numbered_texts(tokenizer: Tokenizer, prompt: str, choices: int, *, whole: bool = False) -> list[Text]:
    """The prompt with each number behind it; what differs is scored, be it one token or several."""
    ids = [encode_beginning(tokenizer, f"{prompt}{i}", whole=whole) for i in range(1, choices + 1)]
    start = common_length(ids)
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
    speaker: Speaker, items: Sequence[Sequence[Text]], new_tokens: int, *, step: Step = SILENT
) -> list[list[str]]:
    """Let a decoder continue prompts with at most `new_tokens` tokens each, always the likeliest; in shape of `items`.

    `step` advances by one for each item.

    Raises:
        ModelError: not even one prompt fits into memory.
    """
    decoder = speaker.decoder
    decoder.network.eval()
    ends = {decoder.eos_id} | (speaker.chat.end_ids(speaker.tokenizer) if speaker.chat is not None else set())
    end_ids = sorted(id_ for id_ in ends if id_ is not None)
    prompts = [text.ids for texts in items for text in texts]
    lengths = [len(prompt) + new_tokens for prompt in prompts]

    def write(batch: list[int]) -> list[list[int]]:
        return _continue(speaker, [prompts[i] for i in batch], new_tokens, end_ids)

    written = [""] * len(prompts)
    for batch, continued in compute_batches(write, lengths, batch_tokens(decoder.device)):
        for i, ids in zip(batch, continued, strict=True):
            written[i] = speaker.tokenizer.decode([*takewhile(lambda id_: id_ not in end_ids, ids)])
        step.advance(len(batch) * len(items) / len(prompts))
    in_order = iter(written)
    return [[next(in_order) for _ in texts] for texts in items]


def _continue(
    speaker: Speaker, prompts: Sequence[Sequence[int]], new_tokens: int, end_ids: Sequence[int]
) -> list[list[int]]:
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
            eos_token_id=[*end_ids] or None,
        )
    continued: list[list[int]] = written[:, longest:].tolist()
    return continued
