"""Prompts, character by character: Tables 7 and 8 of the paper, and the texts of the harness."""

import pytest

from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task
from mslt_cli.tasks.prompts import choice_prompt, choice_texts, instruction_prompt
from mslt_cli.tasks.xcopa import CONNECTIVES

XCOPA = {
    "id": "0",
    "premise": "Ese oli mullikilesse mässitud.",
    "question": "cause",
    "choices": ["See oli õrn.", "See oli väike."],
    "label": 0,
}
XWINOGRAD = {
    "id": "0",
    "sentence": "Die Tasse fiel, weil _ rutschig war.",
    "choices": ["die Tasse", "der Tisch"],
    "label": 0,
}
XSTORYCLOZE = {
    "id": "0",
    "input_sentence_1": "Ben lost his hat.",
    "input_sentence_2": "He looked everywhere.",
    "input_sentence_3": "The dog got up.",
    "input_sentence_4": "Something was under it.",
    "choices": ["It was the hat.", "Ben slept."],
    "label": 0,
}


def test_an_instruction_without_input():
    assert instruction_prompt("Zähle bis drei.", "", "bactrian") == "### Input:\nZähle bis drei.\n\n### Output:\n"
    assert instruction_prompt("Zähle bis drei.", None, "printed") == "### Input:\nZähle bis drei.\n### Output:\n"


def test_an_instruction_with_input():
    assert instruction_prompt("Add.", "1 2", "bactrian") == "### Input:\nAdd.\n\n1 2\n\n### Output:\n"
    assert instruction_prompt("Add.", "1 2", "printed") == "### Input:\nAdd.\n1 2\n### Output:\n"


def test_xcopa():
    assert choice_prompt(find_task("xcopa"), XCOPA) == (
        "### Input:\n"
        "Answer the number of options which is more plausible for the cause of the situation "
        '"Ese oli mullikilesse mässitud."\n'
        "1. See oli õrn.\n"
        "2. See oli väike.\n"
        "### Output:\n"
    )


def test_xwinograd():
    assert choice_prompt(find_task("xwinograd"), XWINOGRAD) == (
        "### Input:\n"
        "Answer the number of option which is more plausible for the blank. "
        '"Die Tasse fiel, weil _ rutschig war."\n'
        "1. die Tasse\n"
        "2. der Tisch\n"
        "### Output:\n"
    )


def test_xstorycloze():
    assert choice_prompt(find_task("xstorycloze"), XSTORYCLOZE) == (
        "### Input:\n"
        "Answer the number of option which is more natural for the end of story. "
        '"Ben lost his hat. He looked everywhere. The dog got up. Something was under it."\n'
        "1. It was the hat.\n"
        "2. Ben slept.\n"
        "### Output:\n"
    )


def test_swapped_the_second_choice_comes_first_and_the_spacing_can_be_that_of_the_training():
    prompt = choice_prompt(find_task("xwinograd"), XWINOGRAD, swapped=True, spacing="bactrian")
    assert prompt.endswith("\n1. der Tisch\n2. die Tasse\n\n### Output:\n")


def test_text_with_braces_is_text():
    row = XWINOGRAD | {"sentence": "{choices} is {_}."}
    assert '"{choices} is {_}."' in choice_prompt(find_task("xwinograd"), row)


def test_filled_in_as_the_harness_does():
    assert choice_texts(find_task("xcopa"), XCOPA, "et") == [
        ("Ese oli mullikilesse mässitud sest", " see oli õrn."),
        ("Ese oli mullikilesse mässitud sest", " see oli väike."),
    ]
    assert choice_texts(find_task("xcopa"), XCOPA | {"question": "effect"}, "zh")[0][0].endswith(" 所以")
    assert choice_texts(find_task("xwinograd"), XWINOGRAD, "en") == [
        ("Die Tasse fiel, weil die Tasse", " rutschig war."),
        ("Die Tasse fiel, weil der Tisch", " rutschig war."),
    ]
    story = "Ben lost his hat. He looked everywhere. The dog got up. Something was under it."
    assert choice_texts(find_task("xstorycloze"), XSTORYCLOZE, "en") == [
        (story, " It was the hat."),
        (story, " Ben slept."),
    ]


def test_every_language_of_xcopa_has_its_connectives():
    assert CONNECTIVES.keys() == find_task("xcopa").languages.keys()
    assert all(cause != effect for cause, effect in CONNECTIVES.values())


OWN = """
name = "riddles"
kind = "multiple-choice"
path = "{lang}.csv"
languages = ["de"]
splits = ["test"]
context = ["riddle"]
"""


def test_a_user_s_own_task_has_its_own_prompt(tmp_path):
    (tmp_path / "own.toml").write_text(OWN + "prompt = 'Which is right? {riddle}'\n")
    task = find_task(str(tmp_path / "own.toml"))
    row = {"riddle": "Was ist rund?", "choices": ["Ball", "Buch", "Brett"]}
    assert (
        choice_prompt(task, row)
        == "### Input:\nWhich is right? Was ist rund?\n1. Ball\n2. Buch\n3. Brett\n### Output:\n"
    )
    assert choice_texts(task, row, "de")[1] == ("Was ist rund?", " Buch")


def test_without_a_prompt_it_can_be_asked_by_options_alone(tmp_path):
    (tmp_path / "own.toml").write_text(OWN)
    with pytest.raises(DataError, match="has no prompt. Add one: prompt ="):
        choice_prompt(find_task(str(tmp_path / "own.toml")), {"riddle": "?", "choices": ["a", "b"]})


@pytest.mark.parametrize(
    ("prompt", "what"),
    [
        ("{riddel}", "key prompt holds 'riddel'; it may hold riddle"),
        ("{riddle", "key prompt cannot be read"),
    ],
)
def test_a_prompt_that_cannot_be_filled_in_is_told(tmp_path, prompt, what):
    (tmp_path / "own.toml").write_text(OWN + f"prompt = '{prompt}'\n")
    with pytest.raises(DataError, match=what):
        find_task(str(tmp_path / "own.toml"))


def test_a_prompt_is_for_multiple_choice(tmp_path):
    text = OWN.replace("multiple-choice", "parallel").replace('context = ["riddle"]', "prompt = 'x'")
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(DataError, match="key prompt is for multiple-choice, and kind is parallel"):
        find_task(str(tmp_path / "own.toml"))
