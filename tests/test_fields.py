from dataclasses import dataclass

import pytest

from mslt_cli.errors import UsageError
from mslt_cli.fields import check_fields, described, help_of, options_of, values_given, words_for


@dataclass(frozen=True)
class Kettle:
    heat_c: float = described(90.0, "Temperature in °C", metavar="X", least=0, below=100)
    cups: int | None = described(None, "Cups", unset="as many as fit", above=0)
    tea: str = described("green", "Kind of tea: green or black", choices=("green", "black"))
    spices: tuple[str, ...] = described((), "Spices, by comma", unset="none", option="with")
    lid: bool = described(True, "Leave the lid off", option="no-lid")
    maker: str = ""


def test_an_option_says_what_it_is_and_its_default():
    assert [help_of(about) for about in options_of(Kettle).values()] == [
        "Temperature in °C. Default: 90.",
        "Cups. Default: as many as fit.",
        "Kind of tea: green or black. Default: green.",
        "Spices, by comma. Default: none.",
        "Leave the lid off.",
    ]


def test_a_command_line_gives_fields_and_fields_give_a_command_line():
    given = {"heat_c": 80.0, "cups": None, "with": "ginger, mint", "no_lid": True, "another": 3}
    values = values_given(Kettle, given)
    assert values == {"heat_c": 80.0, "spices": ("ginger", "mint"), "lid": False}
    assert words_for(Kettle(**values), Kettle()) == ["--heat-c", "80", "--with", "ginger,mint", "--no-lid"]
    assert values_given(Kettle, {"no_lid": False}) == {}
    assert words_for(Kettle(heat_c=80.123456789), Kettle()) == ["--heat-c", "80.123456789"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heat_c": 100.0}, "--heat-c is 100; it has to be at least 0 and less than 100."),
        ({"heat_c": float("nan")}, "--heat-c is nan; it has to be at least 0"),
        ({"cups": 0}, "--cups is 0; it has to be greater than 0."),
        ({"tea": "grey"}, "--tea is 'grey'; it can be green, black."),
    ],
)
def test_what_is_out_of_range_is_named(values, message):
    check_fields(Kettle())
    with pytest.raises(UsageError, match=message):
        check_fields(Kettle(**values))
