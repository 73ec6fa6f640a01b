"""The texts that decoders are tuned on and asked with: Lim et al. 2024, Tables 7 and 8."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import Task

Spacing = Literal["bactrian", "printed"]
"""Blank lines as in Bactrian-X's own template, which the paper followed in training; or none, as the paper prints."""
_BETWEEN: dict[str, str] = {"bactrian": "\n\n", "printed": "\n"}


def instruction_prompt(instruction: str, further: str | None, spacing: Spacing) -> str:
    """All that comes before an answer.

    Args:
        instruction: what is to be done.
        further: what it is to be done with; None or "" = there is no such thing.
        spacing: blank lines or none.

    Source:
        Lim et al. 2024, Table 7; the blank lines are those of Bactrian-X's template (Li et al. 2023).
    """
    between = _BETWEEN[spacing]
    parts = [f"### Input:\n{instruction}", *([further] if further else []), "### Output:\n"]
    return between.join(parts)


def choice_prompt(task: Task, row: Mapping[str, Any], *, spacing: Spacing = "printed", swapped: bool = False) -> str:
    """The question for the number of the right choice.

    Args:
        task: of kind multiple-choice.
        row: of its data.
        spacing: `printed` is Table 8.
        swapped: the second choice comes first.

    Raises:
        DataError: it is a user's own task without a prompt.

    Source:
        Lim et al. 2024, Table 8.
    """
    if not task.question:
        raise DataError(f"{task.file or task.name} has no prompt. Add one: prompt = \"… '{{premise}}'\".")
    choices = row["choices"][::-1] if swapped else row["choices"]
    numbered = [f"{i}. {choice}" for i, choice in enumerate(choices, 1)]
    return instruction_prompt("\n".join([task.question.format_map(row), *numbered]), None, spacing)


def filled_in(task: Task, row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """The text that each choice makes: what stands before the part that is scored, and that part.

    Args:
        task: of kind multiple-choice.
        row: of its data.
        code: the data set's own code of the language.

    Source:
        EleutherAI's lm-evaluation-harness 0.4.13, tasks xcopa, xwinograd and xstorycloze; for a user's own task, the
        context columns and then the choice.
    """
    if task.fill is not None:
        return task.fill(row, code)
    context = " ".join(str(row[column]) for column in task.context)
    return [(context, f" {choice}" if context else choice) for choice in row["choices"]]


def placeholders(template: str) -> list[str]:
    """The names in braces.

    Raises:
        ValueError: a brace is not closed.
    """
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
