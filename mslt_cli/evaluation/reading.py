"""How questions with numbered choices are put to a decoder, and how its answers are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mslt_cli.errors import UsageError
from mslt_cli.fields import check_fields, described, words_for

if TYPE_CHECKING:
    from mslt_cli.tasks.prompts import Spacing


@dataclass(frozen=True)
class Reading:
    """How questions are put and answers are read."""

    scoring: Literal["letters", "generate", "options"] = described(
        "letters",
        "How an answer is read: letters (the likeliest number of a choice), generate (the number that the model writes)"
        " or options (the likeliest of the filled-in texts, as in the lm-evaluation-harness)",
        choices=("letters", "generate", "options"),
    )
    swap: bool = described(
        False, "Ask each question a second time with the choices in reverse order; both answers count"
    )
    spacing: Spacing = described(
        "printed",
        "Line breaks in the prompts: printed (as in the paper's Table 8) or bactrian (blank lines, as in Bactrian-X)",
        choices=("printed", "bactrian"),
    )
    template: Literal["alpaca", "auto", "none"] = described(
        "alpaca",
        "What stands around a question: alpaca (the paper's ### Input: and ### Output:), auto (the model's own chat"
        " template) or none (nothing)",
        choices=("alpaca", "auto", "none"),
    )
    new_tokens: int = described(8, "With --scoring generate: most tokens that the model may write", least=1)
    truncate: bool = described(
        False, "Cut off the beginning of texts that are longer than the model's context, where else it is an error"
    )

    def check(self) -> Reading:
        """Return the reading itself.

        Raises:
            UsageError: a value is not known, or two exclude each other.
        """
        check_fields(self)
        if self.swap and self.scoring == "options":
            raise UsageError(
                "--swap changes nothing with --scoring options, where choices have no order. Leave it out."
            )
        if self.template != "alpaca" and self.scoring == "options":
            raise UsageError("--template changes nothing with --scoring options, which asks no question. Leave it out.")
        if self.template != "alpaca" and self.spacing != "printed":
            raise UsageError("--spacing is about --template alpaca alone. Leave one of them out.")
        if self.template == "auto" and self.truncate:
            raise UsageError("--truncate would cut off the beginning of the chat template. Leave one of them out.")
        return self

    @property
    def name(self) -> str:
        """The name that tells its scores from those of other readings: "letters", "generate+swap", …"""
        parts: list[str] = [self.scoring]
        if self.scoring != "options":
            parts += ["swap"] if self.swap else []
            parts += ["bactrian"] if self.spacing == "bactrian" else []
            parts += {"alpaca": [], "auto": ["chat"], "none": ["bare"]}[self.template]
        parts += [f"{self.new_tokens}-tokens"] if self.scoring == "generate" and self.new_tokens != 8 else []
        return "+".join([*parts, *(["truncate"] if self.truncate else [])])

    @property
    def options(self) -> str:
        """The command-line options that give this reading; empty for the default."""
        return " ".join(words_for(self, Reading()))
