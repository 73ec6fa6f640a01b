"""The prompts that decoders are tuned on and asked with: Lim et al. 2024, Tables 7 and 8."""

from collections.abc import Mapping
from typing import Any, Literal

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import Task

Spacing = Literal["bactrian", "printed"]
"""With the blank lines of Bactrian-X's template, which the paper used in training; or without, as the paper prints."""
_BETWEEN: dict[str, str] = {"bactrian": "\n\n", "printed": "\n"}


def instruction_prompt(instruction: str, further: str | None, spacing: Spacing) -> str:
    """Everything before the answer; `further` is the input that the instruction is about, None or "" = none.

    Source:
        Lim et al. 2024, Table 7; the blank lines are those of Bactrian-X's template (Li et al. 2023).
    """
    parts = [f"### Input:\n{instruction}", *([further] if further else []), "### Output:\n"]
    return _BETWEEN[spacing].join(parts)


def choice_prompt(task: Task, row: Mapping[str, Any], *, spacing: Spacing = "printed", swapped: bool = False) -> str:
    """What `choice_question` gives, as an instruction. Raises as that."""
    return instruction_prompt(choice_question(task, row, swapped=swapped), None, spacing)


def choice_question(task: Task, row: Mapping[str, Any], *, swapped: bool = False) -> str:
    """A question that asks for the number of the right choice; `swapped` puts the choices in reverse order.

    Raises:
        DataError: the task is a user's own and has no prompt.

    Source:
        Lim et al. 2024, Table 8.
    """
    if not task.question:
        raise DataError(f"{task.file or task.name} has no prompt. Add one: prompt = \"… '{{premise}}'\".")
    choices = row["choices"][::-1] if swapped else row["choices"]
    numbered = [f"{i}. {choice}" for i, choice in enumerate(choices, 1)]
    return "\n".join([task.question.format_map(row), *numbered])


def choice_texts(task: Task, row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """For each choice of a row, the text before the part that is scored, and that part.

    `code` is the data set's own code of the language.

    Source:
        EleutherAI's lm-evaluation-harness 0.4.13, tasks xcopa, xwinograd and xstorycloze; for a user's own task, the
        context columns and then the choice.
    """
    if task.fill is not None:
        return task.fill(row, code)
    context = " ".join(str(row[column]) for column in task.context)
    return [(context, f" {choice}" if context else choice) for choice in row["choices"]]
