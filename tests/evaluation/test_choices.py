"""What is read off a decoder: numbers by likelihood or in writing, both orders, tokenizers of several kinds, limits."""

import pytest
from tiny_bloom import texts_of_items

from mslt_cli.errors import DataError, UsageError
from mslt_cli.evaluation.choices import (
    UNREADABLE,
    Speaker,
    answer,
    encode_beginning,
    generate,
    likeliest,
    number_in,
    numbered_texts,
    text_of_parts,
)
from mslt_cli.evaluation.likelihood import Text, log_likelihoods
from mslt_cli.evaluation.reading import Reading
from mslt_cli.models.decoder import load_decoder
from mslt_cli.models.folder import read_tokenizer
from mslt_cli.runs.answering import bias_tables
from mslt_cli.tasks import find_task
from mslt_cli.tasks.prompts import choice_prompt

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

XCOPA = find_task("xcopa")
ROWS = [
    {"id": str(i), "premise": premise, "question": "effect", "choices": choices, "label": i % 2}
    for i, (premise, choices) in enumerate(
        [
            ("Klaas kukkus maha.", ["Klaas läks katki.", "Klaas sai täis."]),
            ("Dia lupa membawa payung.", ["Bajunya kering.", "Bajunya basah."]),
            ("Köpek havladı.", ["Biri uyandı.", "Biri uyudu."]),
            ("汤太咸了。", ["他喝了很多水。", "他睡了。"]),
        ]
    )
]


@pytest.fixture(scope="module")
def model(bloom):
    return load_decoder(bloom, device="cpu"), read_tokenizer(bloom)


def test_equal_scores_favour_no_place():
    chosen = [likeliest([-1.5, -1.5], f"row {i}") for i in range(1000)]
    assert chosen == [likeliest([-1.5, -1.5], f"row {i}") for i in range(1000)]
    assert sum(chosen) == pytest.approx(500, abs=50)  # 3 standard errors
    assert {likeliest([-2.0, -1.0, -1.0], str(i)) for i in range(20)} == {1, 2}
    assert likeliest([-2.0, -1.0, -1.5], "any") == 1


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("1", 0),
        (" 2. Klaas läks katki.", 1),
        ("The answer is 2, not 1.", 1),
        ("答案是1。", 0),
        ("٢", 1),  # Arabic-Indic
        ("12", UNREADABLE),
        ("3 or 2", 1),
        ("Klaas", UNREADABLE),
        ("", UNREADABLE),
    ],
)
def test_the_first_number_of_a_choice_counts(text, chosen):
    assert number_in(text, 2) == chosen


def test_letters_take_the_likelier_number(model):
    decoder, tokenizer = model
    found = answer(Speaker(decoder, tokenizer), XCOPA, "et", ROWS, Reading())
    for row, scores, chosen in zip(ROWS, found.scores, found.chosen, strict=True):
        ids = encode_beginning(tokenizer, choice_prompt(XCOPA, row))
        with torch.no_grad():
            next_ = torch.log_softmax(decoder.network(input_ids=torch.tensor([ids])).logits[0, -1], dim=-1)
        both = [float(next_[tokenizer.token_to_id(number)]) for number in "12"]
        assert scores == pytest.approx(both, abs=1e-4)
        assert chosen == [both.index(max(both))]


def test_swapped_scores_are_counted_as_the_data_count(model):
    decoder, tokenizer = model
    found = answer(Speaker(decoder, tokenizer), XCOPA, "et", ROWS, Reading(swap=True))
    plain = answer(Speaker(decoder, tokenizer), XCOPA, "et", ROWS, Reading())
    turned = [row | {"choices": row["choices"][::-1]} for row in ROWS]
    other = answer(Speaker(decoder, tokenizer), XCOPA, "et", turned, Reading())
    for both, one, two in zip(found.scores, plain.scores, other.scores, strict=True):
        assert both == pytest.approx([*one, *two[::-1]], abs=1e-4)
    assert found.chosen == [[a[0], 1 - b[0]] for a, b in zip(plain.chosen, other.chosen, strict=True)]


def test_numbers_of_several_tokens_are_scored_whole(bloom):
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = sorted({letter for text in texts_of_items() for letter in text} | set("### Input:\nAnswer12.Output "))
    vocabulary = {"<unk>": 0, "one": 1, "t": 2, "wo": 3} | {letter: 4 + i for i, letter in enumerate(letters)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("", "isolated")])
    one, two = numbered_texts(made, "ab", 2)
    assert (one.ids[:-1], one.start) == (two.ids[:-1], len(one.ids) - 1)
    assert numbered_texts(made, "ab", 12)[9].ids[-2:] == (vocabulary["1"], vocabulary.get("0", 0))  # "10"
    decoder = load_decoder(bloom, device="cpu")
    texts = numbered_texts(made, "ab", 12)
    (scores,) = log_likelihoods(decoder, [texts])
    assert len(scores) == 12
    assert scores[9] < scores[0]  # "10" holds all of "1"


def test_a_tokenizer_that_begins_and_ends_texts_ends_no_prompt(bloom):
    from tokenizers import processors

    tokenizer = read_tokenizer(bloom)
    plain = tokenizer.encode("Klaas").ids
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    assert encode_beginning(tokenizer, "Klaas") == (1, *plain)
    text = text_of_parts(tokenizer, "Klaas kukkus", " maha.")
    assert text.ids == encode_beginning(tokenizer, "Klaas kukkus maha.")
    assert text.start == len(encode_beginning(tokenizer, "Klaas kukkus"))


def test_a_text_without_a_beginning_is_scored_from_its_second_token(model):
    _, tokenizer = model
    assert text_of_parts(tokenizer, "", " Klaas kukkus").start == 1


@pytest.mark.parametrize("penalty", [1.0, 9.0])
def test_what_is_written_in_batches_is_what_is_written_of_each_alone(model, monkeypatch, penalty):
    decoder, tokenizer = model
    monkeypatch.setattr(decoder.network.generation_config, "repetition_penalty", penalty)  # the model's own wish
    prompts = [
        encode_beginning(tokenizer, choice_prompt(XCOPA, row, swapped=swap)) for row in ROWS for swap in (False, True)
    ]
    items = [[Text(ids, len(ids))] for ids in prompts]
    written = [text for (text,) in generate(Speaker(decoder, tokenizer), items, 6)]
    for ids, text in zip(prompts, written, strict=True):
        kept = list(ids)
        for _ in range(6):  # the slow obvious twin: the likeliest token, one at a time
            with torch.no_grad():
                kept.append(int(decoder.network(input_ids=torch.tensor([kept])).logits[0, -1].argmax()))
            if kept[-1] == decoder.eos_id:
                kept.pop()
                break
        assert text == tokenizer.decode(kept[len(ids) :])
    found = answer(Speaker(decoder, tokenizer), XCOPA, "et", ROWS, Reading("generate", swap=True, new_tokens=6))
    assert [text for row in found.texts for text in row] == written
    for row, chosen in zip(found.texts, found.chosen, strict=True):
        first, second = (number_in(text, 2) for text in row)
        assert chosen == [first, second if second == UNREADABLE else 1 - second]


def test_a_text_longer_than_the_context_is_named_or_cut(model):
    decoder, tokenizer = model
    sizes = [len(encode_beginning(tokenizer, choice_prompt(XCOPA, row))) for row in ROWS]
    longest = max(sizes)  # one token more is needed, for the number
    worst = ROWS[sizes.index(longest)]["id"]
    with pytest.raises(
        DataError, match=f"Row {worst} of xcopa in et has {longest + 1} tokens, and the model's context"
    ):
        answer(Speaker(decoder, tokenizer, longest), XCOPA, "et", ROWS, Reading())
    found = answer(Speaker(decoder, tokenizer, longest), XCOPA, "et", ROWS, Reading(truncate=True))
    assert found.cut == [worst]
    assert len(found.chosen) == len(ROWS)
    row = ROWS[sizes.index(longest)]
    ids = encode_beginning(tokenizer, choice_prompt(XCOPA, row))[1:]
    with torch.no_grad():
        next_ = torch.log_softmax(decoder.network(input_ids=torch.tensor([ids])).logits[0, -1], dim=-1)
    both = [float(next_[tokenizer.token_to_id(number)]) for number in "12"]
    assert found.scores[ROWS.index(row)] == pytest.approx(both, abs=1e-4)
    written = answer(Speaker(decoder, tokenizer, longest), XCOPA, "et", ROWS, Reading("generate", truncate=True))
    assert worst in written.cut


def test_a_reading_is_written_as_its_options():
    assert Reading().options == ""
    told = Reading("generate", swap=True, spacing="bactrian", new_tokens=9, truncate=True).options
    assert told == "--scoring generate --swap --spacing bactrian --new-tokens 9 --truncate"


@pytest.mark.parametrize(
    ("reading", "name"),
    [
        (Reading(), "letters"),
        (Reading(swap=True), "letters+swap"),
        (Reading("generate", spacing="bactrian"), "generate+bactrian"),
        (Reading("generate", new_tokens=20), "generate+20-tokens"),
        (Reading("options", spacing="bactrian", new_tokens=20), "options"),
        (Reading(truncate=True), "letters+truncate"),
        (Reading(template="auto", swap=True), "letters+swap+chat"),
        (Reading("generate", template="none"), "generate+bare"),
    ],
)
def test_each_reading_has_a_name_of_its_own(reading, name):
    assert reading.check().name == name


@pytest.mark.parametrize(
    ("reading", "what"),
    [
        (Reading("words"), "--scoring is 'words'; it can be letters, generate, options"),
        (Reading(spacing="wide"), "--spacing is 'wide'"),
        (Reading("options", swap=True), "--swap changes nothing with --scoring options"),
        (Reading("generate", new_tokens=0), "--new-tokens is 0"),
        (Reading("options", template="none"), "--template changes nothing with --scoring options"),
        (Reading(template="auto", spacing="bactrian"), "--spacing is about --template alpaca alone"),
        (Reading(template="auto", truncate=True), "--truncate would cut off the beginning of the chat template"),
    ],
)
def test_a_reading_that_makes_no_sense_is_told(reading, what):
    with pytest.raises(UsageError, match=what):
        reading.check()


def sums(tables):
    return {metric: table.sum(axis=0).tolist() for metric, table in tables.items()}


def test_position_bias_counted_by_hand():
    gold, chosen = [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]
    assert sums(bias_tables(Reading(), gold, chosen, [2] * 5)) == {"accuracy-gold-1": [2, 2], "accuracy-gold-2": [1, 3]}
    assert bias_tables(Reading("options"), gold, chosen, [2] * 5) == {}


def test_in_both_orders_the_right_choice_stands_at_both_places():
    # Row 1 takes number 1 twice: right in the first order, wrong in the second. Row 2 takes choice 2 in both orders.
    gold, chosen = [[0, 0], [1, 1]], [[0, 1], [1, 1]]
    assert sums(bias_tables(Reading(swap=True), gold, chosen, [2, 2])) == {
        "accuracy-gold-1": [2, 2],
        "accuracy-gold-2": [1, 2],
        "same-in-both-orders": [1, 2],
    }


def test_places_of_four_choices_and_of_three():
    # Of four, the first stands last in the reverse order; of three, the second stays where it is.
    gold, chosen = [[0, 0], [1, 1], [3, 3]], [[0, 3], [1, 1], [3, 3]]
    assert sums(bias_tables(Reading(swap=True), gold, chosen, [4, 3, 4])) == {
        "accuracy-gold-1": [2, 2],
        "accuracy-gold-2": [2, 2],
        "accuracy-gold-4": [1, 2],
        "same-in-both-orders": [2, 3],
    }


BELEBELE = find_task("belebele")
PASSAGES = [
    {"id": f"p#{i}", "flores_passage": "Ana läks koju.", "question": f"{who}?", "choices": [*"wxyz"], "label": i % 4}
    for i, who in enumerate(("Kes", "Kuhu", "Kas", "Miks", "Millal"))
]


def test_four_choices_are_asked_by_number_in_both_orders_and_by_letter(model):
    speaker = Speaker(*model)
    (plain, both, by_letter) = (
        answer(speaker, BELEBELE, "et", PASSAGES, reading)
        for reading in (Reading(), Reading(swap=True), Reading("options"))
    )
    turned = [row | {"choices": row["choices"][::-1]} for row in PASSAGES]
    reverse = answer(speaker, BELEBELE, "et", turned, Reading())
    for row, of_both, one, two in zip(PASSAGES, both.scores, plain.scores, reverse.scores, strict=True):
        assert of_both == pytest.approx([*one, *two[::-1]], abs=1e-4)
        ids = encode_beginning(speaker.tokenizer, choice_prompt(BELEBELE, row))
        assert one == pytest.approx(
            [next_scores(speaker, ids)[speaker.tokenizer.token_to_id(n)] for n in "1234"], abs=1e-4
        )
    assert both.chosen == [[a[0], 3 - b[0]] for a, b in zip(plain.chosen, reverse.chosen, strict=True)]
    assert {choice for (choice,) in by_letter.chosen} <= {*range(4)}
    assert by_letter.normalised == [choice for (choice,) in by_letter.chosen]  # letters are equally long


def next_scores(speaker, ids):
    with torch.no_grad():
        logits = speaker.decoder.network(input_ids=torch.tensor([ids])).logits[0, -1]
    return torch.log_softmax(logits, dim=-1).tolist()


def test_per_character_a_long_choice_may_win(model):
    rows = [row | {"choices": [row["choices"][0][:3], row["choices"][0] * 2]} for row in ROWS]
    found = answer(Speaker(*model), XCOPA, "et", rows, Reading("options"))
    for row, scores, chosen in zip(rows, found.scores, found.normalised, strict=True):
        per_character = [score / len(choice) for score, choice in zip(scores, row["choices"], strict=True)]
        assert chosen == per_character.index(max(per_character))
    assert found.normalised != [chosen for (chosen,) in found.chosen]


def test_answers_that_name_nothing_are_counted():
    gold, chosen = [[0, 0], [1, 1]], [[-1, -1], [1, -1]]
    assert sums(bias_tables(Reading("generate", swap=True), gold, chosen, [2, 2])) == {
        "accuracy-gold-1": [0, 2],
        "accuracy-gold-2": [1, 2],
        "unreadable": [3, 4],
        "same-in-both-orders": [0, 2],
    }
