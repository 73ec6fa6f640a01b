"""Chat templates: what a model reads in its own, what ends its answer, and what a template cannot do."""

import json
import shutil

import pytest

from mslt_cli.errors import ModelError
from mslt_cli.models.chat import read_chat_template

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {{ message.content }}<unk>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
"""The tiny tokenizer has no token of its own for the end of a turn; <unk> stands for one."""


@pytest.fixture
def chatty(bloom, tmp_path):
    """The tiny decoder with a template."""
    folder = tmp_path / "chatty"
    shutil.copytree(bloom, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder


def set_template(folder, template):
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": template}))


def test_a_question_in_the_template(chatty):
    prompt = "<s>user: Which?\n1. a\n2. b<unk>\nassistant: "
    assert read_chat_template(chatty).prompt("Which?\n1. a\n2. b") == prompt


def test_a_template_may_stand_in_the_tokenizer_s_settings_also_among_others(chatty):
    set_template(chatty, "{{ messages[0].content }}!")
    assert read_chat_template(chatty).prompt("Which?") == "Which?!"
    settings = json.loads((chatty / "tokenizer_config.json").read_text())
    named = [{"name": "tools", "template": "no"}, {"name": "default", "template": "{{ eos_token }}"}]
    (chatty / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": named}))
    assert read_chat_template(chatty).prompt("Which?") == "</s>"


def test_without_a_template_there_is_none(bloom):
    assert read_chat_template(bloom) is None


def test_the_day_in_a_prompt_is_always_the_same(chatty):
    (chatty / "chat_template.jinja").write_text("{{ date_string if date_string is defined else strftime_now('%d') }}")
    assert read_chat_template(chatty).prompt("") == "26 Jul 2024"
    assert not read_chat_template(chatty).names_today
    (chatty / "chat_template.jinja").write_text("{{ strftime_now('%d') }}")
    assert read_chat_template(chatty).names_today


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('Only tools, please') }}", "Only tools, please"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{% if %}", "Expected an expression"),
    ],
)
def test_what_a_template_cannot_do_is_said(chatty, template, why):
    (chatty / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelError, match=rf"The chat template of .* cannot be used \(.*{why}"):
        read_chat_template(chatty).prompt("Which?")


def test_letters_and_generation_read_the_template_and_stop_where_it_says(chatty):
    from mslt_cli.evaluation.choices import Speaker, answer
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.models.decoder import load_decoder
    from mslt_cli.models.folder import read_tokenizer
    from mslt_cli.tasks import find_task

    task, tokenizer, decoder = find_task("xcopa"), read_tokenizer(chatty), load_decoder(chatty, device="cpu")
    row = {"id": "0", "premise": "Klaas kukkus.", "question": "effect", "choices": ["Katki.", "Täis."], "label": 0}
    question = (
        'Answer the number of options which is more plausible for the effect of the situation "Klaas kukkus."'
        "\n1. Katki.\n2. Täis."
    )
    ids = tokenizer.encode(f"<s>user: {question}<unk>\nassistant: ").ids
    assert ids[0] == tokenizer.token_to_id("<s>") != ids[1]  # once

    def ask(**reading):
        speaker = Speaker(decoder, tokenizer, chat=read_chat_template(chatty))
        return answer(speaker, task, "et", [row], Reading(template="auto", **reading))

    with torch.no_grad():
        after = torch.log_softmax(decoder.network(input_ids=torch.tensor([ids])).logits[0, -1], dim=-1)
    expected = [float(after[tokenizer.token_to_id(number)]) for number in "12"]
    assert ask().scores[0] == pytest.approx(expected, abs=1e-4)

    written = list(ids)
    for _ in range(6):  # the slow obvious twin
        with torch.no_grad():
            written.append(int(decoder.network(input_ids=torch.tensor([written])).logits[0, -1].argmax()))
    written = written[len(ids) :]
    assert not {0, 2} & {*written}
    assert ask(scoring="generate", new_tokens=6).texts == [[tokenizer.decode(written)]]
    (chatty / "generation_config.json").unlink()
    assert read_chat_template(chatty).end_ids(tokenizer) == {tokenizer.token_to_id("<unk>")}
    stop = next(i for i, id_ in enumerate(written) if i and id_ not in written[:i])
    (chatty / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, written[stop]], "temperature": 9}))
    assert read_chat_template(chatty).end_ids(tokenizer) == {tokenizer.token_to_id("<unk>"), 2, written[stop]}
    assert ask(scoring="generate", new_tokens=6).texts == [[tokenizer.decode(written[:stop])]]
