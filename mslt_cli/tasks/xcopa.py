"""XCOPA: which of two sentences is the cause or the effect of a premise (Ponti et al. 2020)? No training data."""

from collections.abc import Mapping
from typing import Any

from mslt_cli.errors import DataError
from mslt_cli.tasks.task import HubFiles, ReadOther, Repair, Rows, Task, language_table

AGREED = ("et", "ht", "qu", "ta", "vi", "zh")
"""The languages whose `question` agrees in every item. It is "effect" throughout in Thai and in Turkish validation, and
differs in some items in Turkish test, Swahili, Indonesian and Italian (counted in the data)."""

CONNECTIVES = {
    "est": ("sest", "seetõttu"),
    "hat": ("poukisa", "donk sa"),
    "ind": ("karena", "maka"),
    "ita": ("perché", "quindi"),
    "que": ("imataq", "chaymi"),
    "swa": ("kwa sababu", "kwa hiyo"),
    "tam": ("காரணமாக", "எனவே"),
    "tha": ("เพราะ", "ดังนั้น"),
    "tur": ("çünkü", "bu yüzden"),
    "vie": ("bởi vì", "vì vậy"),
    "zho": ("因为", "所以"),
}
"""What joins a premise to its cause, and to its effect (lm-evaluation-harness 0.4.13, tasks/xcopa)."""


def premise_and_choice(row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """The premise without its full stop, the connective, and then each choice with a small first letter.

    As the harness does, character by character, so that numbers can be compared: the last character goes whatever it
    is, and in Tamil and Thai, whose premises have no full stop, that is a letter.
    """
    connective = CONNECTIVES[TASK.language(code)][row["question"] == "effect"]
    context = f"{row['premise'].strip()[:-1]} {connective}"
    return [(context, f" {choice[0].lower()}{choice[1:]}") for choice in row["choices"]]


def repair_question(rows: Rows, other: ReadOther) -> tuple[Rows, int]:
    """Take `question` from the same item in Estonian, or in another language whose questions agree with it."""
    right = next((theirs for code in AGREED if (theirs := other(code)) is not None), None)
    if right is None:
        raise DataError(
            f"To repair the questions of XCOPA, one of {', '.join(AGREED)} has to be there as well. "
            "Add it to --from, or keep the questions as they are with --no-repair question."
        )
    right = right.select("id", "question").rename({"question": "right"})
    joined = rows.join(right, on="id", how="left", maintain_order="left")
    repaired = rows.with_columns(joined["right"].fill_null(rows["question"]).alias("question"))
    return repaired, int(repaired["question"].ne_missing(rows["question"]).sum())


TASK = Task(
    name="xcopa",
    kind="multiple-choice",
    summary="cause or effect of a premise, two choices",
    languages=language_table("est=et hat=ht ind=id ita=it que=qu swa=sw tam=ta tha=th tur=tr vie=vi zho=zh"),
    splits=("validation", "test"),
    choices=("choice1", "choice2"),
    context=("premise", "question"),
    codes=("question",),
    question='Answer the number of options which is more plausible for the {question} of the situation "{premise}"',
    fill=premise_and_choice,
    # Trained on Bactrian-X; the paper says eleven targets and prints these nine (vi and zh missing).
    targets=("est", "hat", "ind", "ita", "que", "swa", "tam", "tha", "tur"),
    sizes={"validation": 100, "test": 500},
    licence="CC BY 4.0",
    citation="Ponti et al. 2020, XCOPA: A Multilingual Dataset for Causal Commonsense Reasoning (EMNLP)",
    hub=HubFiles("cambridgeltl/xcopa", "{lang}/{split}-*.parquet"),
    layouts=("{split}.{lang}.jsonl",),
    repairs=(Repair("question", "`question` is taken from the same item in Estonian", repair_question),),
    aligned=True,
)
