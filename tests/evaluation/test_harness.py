"""The scoring `options` against what EleutherAI's lm-evaluation-harness said of the same model and items."""

import json
from pathlib import Path

import pytest

from mslt_cli.tasks import find_task
from mslt_cli.tasks.prompts import choice_texts

HARNESS = Path(__file__).parent / "harness"
RECORD = json.loads((HARNESS / "said.json").read_text(encoding="utf-8"))


def rows_of(name):
    """The items as mslt's own import of such files has them."""
    family, _ = name.split("_")
    task, rows = find_task(family), []
    for i, line in enumerate((HARNESS / "items" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()):
        item = json.loads(line)
        label = int(item[task.columns.get("label", ("label",))[-1]]) - task.first_label
        rows.append(item | {"id": str(i), "choices": [item[column] for column in task.choices], "label": label})
    return task, rows


@pytest.mark.parametrize("name", sorted(RECORD["said"]))
def test_texts_scores_and_answers_are_the_harness_s_item_by_item(name, bloom):
    from mslt_cli.evaluation.choices import Speaker, answer
    from mslt_cli.evaluation.reading import Reading
    from mslt_cli.models.decoder import load_decoder
    from mslt_cli.models.folder import read_tokenizer

    task, rows = rows_of(name)
    code = name.split("_")[1]
    theirs = RECORD["said"][name]
    assert len(theirs) == len(rows)
    for row, item in zip(rows, theirs, strict=True):
        assert [list(pair) for pair in choice_texts(task, row, code)] == item["arguments"]
    decoder = load_decoder(bloom, device="cpu")
    found = answer(Speaker(decoder, read_tokenizer(bloom)), task, code, rows, Reading("options"))
    for scores, chosen, row, item in zip(found.scores, found.chosen, rows, theirs, strict=True):
        assert scores == pytest.approx(item["scores"], abs=1e-4)
        assert (chosen == [row["label"]]) == bool(item["right"])
    # acc_norm is made of the same scores there: the length is that of the choice, without the blank before it
    for item, chosen in zip(theirs, found.normalised, strict=True):
        lengths = [len(end) - 1 for _, end in item["arguments"]]
        per_character = [score / n for score, n in zip(item["scores"], lengths, strict=True)]
        assert chosen == per_character.index(max(per_character))


def test_the_record_has_all_items_and_both_outcomes():
    assert {path.stem for path in (HARNESS / "items").glob("*.jsonl")} == set(RECORD["said"])
    assert {item["right"] for items in RECORD["said"].values() for item in items} == {0.0, 1.0}
