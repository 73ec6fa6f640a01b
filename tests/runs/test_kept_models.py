"""Kept models outside of mslt: transformers gives the stored predictions, or refuses; and their cards."""

import json

import pytest

torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")

from mslt_cli import __version__  # noqa: E402
from mslt_cli.runs.answering import Evaluation  # noqa: E402
from mslt_cli.runs.directory import check_files  # noqa: E402
from mslt_cli.runs.evaluate import evaluate_run  # noqa: E402
from mslt_cli.runs.experiment import train  # noqa: E402
from mslt_cli.runs.how import How  # noqa: E402
from mslt_cli.runs.model_card import write_cards  # noqa: E402
from mslt_cli.runs.session import Session  # noqa: E402
from mslt_cli.training.settings import Settings  # noqa: E402


@pytest.fixture
def train_and_keep(own_store, home, tiny):
    """Trains one run on English, keeps its model, and gives it."""

    def start(task, epochs=1, **settings):
        quick = Settings(epochs=epochs, batch_size=8, learning_rate=1e-2, **settings)
        examples = 48 if task.name == "moods" else 24
        given = {"examples": examples, "settings": quick, "targets": ("fin",), "root": home / "runs"}
        (finished,) = train(own_store, task, tiny, [("eng",)], how=How(keep_model=True), **given)
        assert finished.error is None
        return finished.outcome.run

    return start


@pytest.mark.parametrize("head", ["mean", "cls"])
def test_a_pipeline_gives_the_stored_predictions_of_sentences_or_refuses(
    train_and_keep, moods, home, head, monkeypatch
):
    import mslt_cli.models.mean_pooled  # noqa: F401 (teaches transformers the head)

    run = train_and_keep(moods, 12, head=head)
    stored = [moods.labels[i] for i in run.predictions(run.scores[0])["predicted"]]
    assert len(set(stored)) == 2
    lines = (home / "moods" / "fi" / "test.csv").read_text().splitlines()[1:]
    classify = transformers.pipeline("text-classification", model=str(run.model_folder), device="cpu")
    assert [answer["label"] for answer in classify([line.split(",")[1] for line in lines], batch_size=5)] == stored
    if head == "mean":
        monkeypatch.delitem(transformers.CONFIG_MAPPING._extra_content, "mslt-mean-pooled")  # as if it was not imported
        for refuses in ("AutoModelForSequenceClassification", "AutoModelForTokenClassification", "AutoModel"):
            with pytest.raises(ValueError, match="mslt-mean-pooled"):
                getattr(transformers, refuses).from_pretrained(run.model_folder)
        with pytest.raises(ValueError, match="mslt-mean-pooled"):
            transformers.pipeline("text-classification", model=str(run.model_folder))


def test_a_classifier_of_words_gives_the_stored_predictions(train_and_keep, names, home):
    import polars as pl

    run = train_and_keep(names, 12)
    stored = run.predictions(run.scores[0])["predicted"].to_list()
    assert {label for row in stored for label in row} == {0, 1, 2}
    words = pl.read_parquet(home / "names" / "fi" / "test.parquet")["tokens"].to_list()
    tokenizer = transformers.AutoTokenizer.from_pretrained(run.model_folder)
    model = transformers.AutoModelForTokenClassification.from_pretrained(run.model_folder)
    batch = tokenizer(words, is_split_into_words=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        labels = model(**batch).logits.argmax(-1).tolist()
    assert [given[1 : 1 + len(row)] for given, row in zip(labels, words, strict=True)] == stored


def front_matter(path):
    import yaml

    _, front, body = path.read_text().split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_card_says_what_a_kept_model_is_and_how_to_load_it(train_and_keep, moods):
    run = train_and_keep(moods, head="mean")
    front, body = front_matter(run.model_folder / "README.md")
    assert run.model in run.record["command"] and "--model path/to/tiny" in body
    assert run.model not in body  # nobody has to know how our folders are called
    score = run.scores[0]
    assert front["language"] == ["en", "fi"] and front["pipeline_tag"] == "text-classification"
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"] == {"type": "moods", "name": "moods", "config": "fi", "split": "test"}
    assert result["metrics"][0]["value"] == pytest.approx(score["value"], abs=1e-6)
    low, high = 100 * score["low"], 100 * score["high"]
    assert f"| {100 * score['value']:.1f} | {low:.1f} to {high:.1f} |" in body
    for part in (
        "English (eng) 48; 48 in all",
        "--keep-model",
        "import mslt_cli.models.mean_pooled",
        f"mslt {__version__}",
    ):
        assert part in body


def test_a_further_target_is_added_to_the_card_unless_somebody_edited_it(train_and_keep, moods, own_store, tiny, heard):
    run = train_and_keep(moods)
    card = run.model_folder / "README.md"
    session = Session(tiny, progress=heard)
    more = evaluate_run(own_store, run, tiny, Evaluation(moods, "test", ("fra",)), session=session)
    assert "French (fra)" in card.read_text() and not heard.notes
    card.write_text(card.read_text().replace("# SSLT(en)", "# My model"))
    last = evaluate_run(own_store, more, tiny, Evaluation(moods, "test", ("tur",)), session=session)
    assert "# My model" in card.read_text() and "Turkish" not in card.read_text()
    assert any("README.md was edited and stays as it is" in note for note in heard.notes)
    check_files(last)
    card.unlink()
    check_files(last)


def test_names_of_others_stay_names_in_a_card(train_and_keep, moods):
    run = train_and_keep(moods)
    evil = "x\n---\nlicense: mit\n<script>[a](http://b) | `"
    record = json.loads(json.dumps(run.record))
    record |= {"name": evil, "model": f"/tmp/{evil}", "command": f"mslt train '{evil}'\n# ## x\x1b[2J"}
    for score in record["scores"]:
        score |= {"task": evil, "split": evil, "metric": evil, "target": "fin"}
    record["identity"]["task"]["name"] = evil
    write_cards(run.directory, record)
    front, body = front_matter(run.model_folder / "README.md")
    assert front["license"] == "other" and front["model-index"][0]["results"][0]["dataset"]["name"] == " ".join(
        evil.split()
    )
    assert "\x1b" not in body and "\\x1b" in body
    prose = [line for line in body.splitlines() if not line.startswith("    ")]
    assert not [line for line in prose if "<script" in line or "[a](" in line or line.startswith(("---", "license"))]
    assert len({line.replace("\\|", "").count("|") for line in prose if line.startswith("|")}) == 1
