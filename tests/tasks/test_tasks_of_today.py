"""MASSIVE, MasakhaNER, MasakhaNEWS, AfriXNLI, NusaX and UNER in the layouts of the hub and of their own archives."""

import io
import json

import polars as pl
import pytest
from hub_server import HubServer
from in_process import run_command
from made_files import gz, jsonl, lay_out, lines, parquet, tarred, tsv

from mslt_cli.data.prepared import load, read_record
from mslt_cli.data.splits import fetch_data
from mslt_cli.errors import DataError
from mslt_cli.tasks import find_task


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def named_rows(task, record, *columns):
    """The rows of these columns; labels by name."""
    frame = load(task, record)
    for name in {"label", "labels"} & {*columns}:
        names = [task.labels[i] if name == "label" else [task.labels[j] for j in i] for i in frame[name]]
        frame = frame.with_columns(pl.Series(name, names))
    return [row[0] if len(row) == 1 else row for row in frame.select(columns).rows()]


def fetch(name, path, *columns, notes=(), **options):
    """{"de test": rows} of a folder; `notes` are to be among those that the user is told."""
    task = find_task(name).without_repairs(options.pop("without", ()))
    report = fetch_data(task, options.pop("languages", ()), options.pop("splits", ()), from_path=path)
    for note in notes:
        assert any(note in told for told in report.notes), report.notes
    return {f"{r.code} {r.split}": named_rows(task, r, *columns) for r in report.records}


def from_hub(name, files, tmp_path, languages, *columns):
    """The same from a hub that has these files at the pinned commit or on the task's branch."""
    task = find_task(name)
    with HubServer() as hub:
        commit = hub.add("dataset", task.hub.repository, files, revision=task.hub.branch)
        if task.hub.revision:
            hub._files["dataset", task.hub.repository, task.hub.revision] = hub._files.pop(
                ("dataset", task.hub.repository, commit)
            )
        words = ("fetch", "data", "--task", name, "--langs", languages, "--json")
        done = run_command(*words, HF_HOME=str(tmp_path / "hf"), HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    origins = {row["origin"]["revision"] for row in json.loads(done.stdout)["data"]}
    assert origins == {task.hub.revision or commit}
    places = [(row["language"], row["split"]) for row in json.loads(done.stdout)["data"]]
    return {f"{c} {s}": named_rows(task, read_record(task, task.language(c), s), *columns) for c, s in places}


def classes(labels, **columns):
    """A parquet file as `datasets` writes it: numbers of labels, and their names in its metadata."""
    names, is_list = labels.split(), "ner_tags" in columns
    feature = {"names": names, "_type": "ClassLabel"}
    feature = {"feature": feature, "_type": "Sequence"} if is_list else feature
    about = {"info": {"features": {"ner_tags" if is_list else "label": feature}}}
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out, metadata={"huggingface": json.dumps(about)})
    return out.getvalue()


# -- MASSIVE ---------------------------------------------------------------------------------------


def request(number, locale, partition, intent, text):
    judgments = [] if locale == "en-US" else [{"worker_id": "3", "intent_score": 1}]
    row = {"id": str(number), "locale": locale, "partition": partition, "scenario": intent.split("_")[0]}
    return row | {"intent": intent, "utt": text, "annot_utt": f"[{text}]", "judgments": judgments}


def massive(locale):
    text = f"{locale} wake me"
    rows = [("train", "alarm_set"), ("dev", "play_music"), ("test", "iot_hue_lighton"), ("train", "lists_query")]
    return jsonl(*(request(i, locale, part, intent, f"{text} {i}") for i, (part, intent) in enumerate(rows)))


def test_massive_as_its_archive_has_it(tmp_path):
    locales = ("de-DE", "en-US", "nb-NO", "zh-CN", "zh-TW")
    files = {f"1.1/data/{locale}.jsonl": massive(locale) for locale in locales} | {"1.1/LICENSE": b""}
    archive = lay_out(tmp_path, {"amazon-massive-dataset-1.1.tar.gz": tarred(files)})
    got = fetch("massive", archive / "amazon-massive-dataset-1.1.tar.gz", "id", "text", "label")
    assert {key.split()[0] for key in got} == {"de", "en", "nb", "zh-CN"}  # Traditional Chinese is left out
    assert got["de train"] == [("0", "de-DE wake me 0", "alarm_set"), ("3", "de-DE wake me 3", "lists_query")]
    assert got["nb validation"] == [("1", "nb-NO wake me 1", "play_music")]
    assert got["zh-CN test"] == [("2", "zh-CN wake me 2", "iot_hue_lighton")]


def test_massive_from_the_hub_and_its_files_in_a_folder(tmp_path):
    def rows(code, *labels):
        rows = (
            {"id": str(i), "label": intent, "label_text": intent, "text": f"{code} {i}", "lang": code}
            for i, intent in labels
        )
        return gz(jsonl(*rows))

    parts = {"train": [(0, "alarm_set"), (3, "qa_maths")], "validation": [(1, "play_music")], "test": [(2, "qa_stock")]}
    files = {f"{split}/{code}.json.gz": rows(code, *part) for split, part in parts.items() for code in ("de", "zh-CN")}
    files |= {"test/zh-TW.json.gz": rows("zh-TW", (2, "qa_stock"))}
    got = from_hub("massive", files, tmp_path, "de,zh", "id", "text", "label")
    assert got["zh-CN train"] == [("0", "zh-CN 0", "alarm_set"), ("3", "zh-CN 3", "qa_maths")]
    assert got["de test"] == [("2", "de 2", "qa_stock")]
    # The same files need no column `partition` elsewhere either: their paths say the split.
    assert fetch("massive", lay_out(tmp_path / "copy", files), "id", "text", "label") == got


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"intent": "alarm_sett"}, "has the label 'alarm_sett'; massive has datetime_query"),
        ({"locale": "fr-FR"}, "has no rows in de; it has fr-FR"),
        ({"partition": None}, "has no column partition that names splits of massive"),
    ],
)
def test_massive_with_a_wrong_row_is_refused(tmp_path, row, wrong):
    right = request(0, "de-DE", "test", "alarm_set", "weck mich")
    file = jsonl({key: value for key, value in (right | row).items() if value is not None})
    with pytest.raises(DataError, match=wrong):
        fetch("massive", lay_out(tmp_path / "data", {"de-DE.jsonl": file}), "text")


def test_numbers_of_massives_intents_are_those_of_amazons_own_copy(tmp_path):
    # 0 = datetime_query and 48 = alarm_set in AmazonScience/massive; by the alphabet 0 would be alarm_query.
    data = lay_out(tmp_path / "data", {"de/test.parquet": parquet(id=["1", "2"], utt=["a", "b"], intent=[0, 48])})
    taken = "numbers without names, taken as 0 = datetime_query, 1 = iot_hue_lightchange"
    assert fetch("massive", data, "label", notes=[taken]) == {"de test": ["datetime_query", "alarm_set"]}


# -- MasakhaNER ------------------------------------------------------------------------------------

TSN = lines("Zuma B-PER", "o O", "buile O", "Phukwi B-DATE", "19 I-DATE", ". O", "", "DA B-ORG", "kwa O", "X B-LOC")
TSN_ROWS = [
    (["Zuma", "o", "buile", "Phukwi", "19", "."], ["B-PER", "O", "O", "B-DATE", "I-DATE", "O"]),
    (["DA", "kwa", "X"], ["B-ORG", "O", "B-LOC"]),
]


def test_masakhaner_as_its_repository_has_it(tmp_path):
    files = {f"MasakhaNER2.0/data/tsn/{split}.txt": TSN for split in ("train", "dev", "test")}
    files |= {"data/swa/test.txt": lines("Kenya B-LOC"), "MasakhaNER2.0/data/swa/test.txt": lines("Tanzania B-LOC")}
    files |= {"MasakhaNER2.0/baseline_models_results/tsn_mbert/test_predictions1.txt": lines("x O")}
    got = fetch("masakhaner", lay_out(tmp_path / "masakhane-ner", files), "tokens", "labels")
    assert got["tsn validation"] == got["tsn train"] == TSN_ROWS
    assert got["swa test"] == [(["Tanzania"], ["B-LOC"])]  # version 2


@pytest.mark.parametrize("bare", [" O", "O"])
def test_a_tag_without_its_token_is_dropped_counted_and_said(tmp_path, bare):
    data = lay_out(tmp_path / "data", {"xho/train.txt": lines("UMongameli O", bare, "Zuma B-PER", "", "Ewe O")})
    whole = [(["UMongameli", "Zuma"], ["O", "B-PER"]), (["Ewe"], ["O"])]
    assert fetch("masakhaner", data, "tokens", "labels") == {"xho train": whole}
    record = fetch_data(find_task("masakhaner"), from_path=data).records[0]
    assert (record.repaired, record.raw_rows, record.rows) == ({"tokenless": 1}, 2, 2)
    kept = fetch("masakhaner", data, "tokens", without=("tokenless",))
    assert kept == {"xho train": [["UMongameli", "", "Zuma"], ["Ewe"]]}


def test_elsewhere_and_of_other_faults_such_a_line_is_refused(tmp_path):
    data = lay_out(tmp_path / "data", {"en/train.txt": lines("Hi O", " O", "Ann B-PER")})
    with pytest.raises(DataError, match=r"Line 2 of .* has a tag and no token"):
        fetch("wikiann", data, "tokens")
    data = lay_out(tmp_path / "other", {"xho/train.txt": lines("Ewe O", "Zuma", "nje O")})
    with pytest.raises(DataError, match=r"Line 2 of .*xho/train.txt has 'Zuma' and no tag"):
        fetch("masakhaner", data, "tokens")


def test_masakhaner_from_the_hub_takes_names_of_tags_from_the_file(tmp_path):
    tags = "O B-DATE I-DATE B-PER I-PER B-ORG I-ORG B-LOC I-LOC"  # not the task's order: the file's own names count
    file = classes(tags, id=["0", "1"], tokens=[["Zuma", ""], ["1999"]], ner_tags=[[3, 0], [1]])
    files = {f"tsn/masakhaner2-{split}.parquet": file for split in ("train", "validation", "test")}
    got = from_hub("masakhaner", files, tmp_path, "tsn", "tokens", "labels")
    assert got["tsn test"] == got["tsn train"] == [(["Zuma"], ["B-PER"]), (["1999"], ["B-DATE"])]


# -- MasakhaNEWS -----------------------------------------------------------------------------------

NEWS = lines(
    "category\theadline\ttext\turl",
    'politics\t"Ruto alinze kulayira. \n   Kkooti mu ""Kenya"""\t\t',
    "sports\tVipers\tVipers FC ewangudde\thttp://x",
)
NEWS_ROWS = [('Ruto alinze kulayira. \n   Kkooti mu "Kenya"', "politics"), ("Vipers Vipers FC ewangudde", "sports")]


def test_masakhanews_texts_are_headline_and_article(tmp_path):
    files = {f"data/lug/{split}.tsv": NEWS for split in ("train", "dev", "test")} | {"data/lug/labels.txt": b""}
    expected = {f"lug {split}": NEWS_ROWS for split in ("train", "validation", "test")}
    assert from_hub("masakhanews", files, tmp_path, "lug", "text", "label") == expected  # validation is dev.tsv there
    assert fetch("masakhanews", lay_out(tmp_path / "copy", files), "text", "label") == expected


def test_masakhanews_without_a_headline_or_with_another_topic_is_refused(tmp_path):
    data = lay_out(tmp_path / "data", {"lug/test.tsv": NEWS.replace(b"sports", b"sport")})
    with pytest.raises(DataError, match="has the label 'sport'; masakhanews has business"):
        fetch("masakhanews", data, "text")
    data = lay_out(tmp_path / "headless", {"lug/test.tsv": tsv(("category", "text"), ("sports", "Vipers"))})
    with pytest.raises(DataError, match=r"Row 1 of .*lug/test.tsv is not whole, for both are read together"):
        fetch("masakhanews", data, "text")


# -- AfriXNLI --------------------------------------------------------------------------------------

PAIRS = tsv(("premise", "hypothesis", "label"), ("p", '"q ""r"""', 0), ("p", "s", 1), ("t", "u", 2))
PAIR_ROWS = [("p", 'q "r"', "entailment"), ("p", "s", "neutral"), ("t", "u", "contradiction")]


def test_afrixnli_has_validation_and_test_pairs(tmp_path):
    files = {f"data/{code}/{split}.tsv": PAIRS for code in ("amh", "yor") for split in ("dev", "test")}
    columns = ("text", "text_pair", "label")
    expected = {f"{code} {split}": PAIR_ROWS for code in ("amh", "yor") for split in ("validation", "test")}
    assert from_hub("afrixnli", files, tmp_path, "amh,Yoruba", *columns) == expected
    assert fetch("afrixnli", lay_out(tmp_path / "afrixnli", files), *columns) == expected


def test_afrixnli_without_neutral_pairs_is_another_data_set_and_refused(tmp_path):
    # mteb/AfriXNLI: 1 = entailment, 0 = contradiction. Read as AfriXNLI's own, entailment would become neutral.
    two = parquet(sentence1=["p", "q"], sentence2=["r", "s"], labels=[1, 0])
    with pytest.raises(DataError, match="has no column for label of afrixnli"):
        fetch("afrixnli", lay_out(tmp_path / "data", {"amh/test.parquet": two}), "label")


# -- NusaX -----------------------------------------------------------------------------------------


def sentiment(*rows):
    return lines("id,text,label", *rows)


def test_nusax_as_its_repository_has_it(tmp_path):
    files = {
        f"datasets/sentiment/{name}/{split}.csv": sentiment(f'411,"{name}, {split}",positive', "729,nyan,neutral")
        for name in ("acehnese", "toba_batak", "english")
        for split in ("train", "valid", "test")
    }
    files |= {"datasets/mt/english/test.csv": b"id,indonesian\n1,x\n", "datasets/lexicon/english.csv": b"a,b\n"}
    got = fetch("nusax", lay_out(tmp_path / "nusax", files), "id", "text", "label")
    assert set(got) == {f"{code} {split}" for code in ("ace", "bbc", "eng") for split in find_task("nusax").splits}
    assert got["bbc validation"] == [("411", "toba_batak, valid", "positive"), ("729", "nyan", "neutral")]


def test_nusax_from_the_hub(tmp_path):
    names = "negative neutral positive"
    file = classes(names, id=["411", "729"], text=["a", "b"], lang=["acehnese"] * 2, label=[2, 0])
    files = {f"ace/{split}/0000.parquet": file for split in ("train", "validation", "test")}
    got = from_hub("nusax", files, tmp_path, "Acehnese", "id", "label")
    assert got["ace test"] == [("411", "positive"), ("729", "negative")]


def test_nusax_in_an_order_of_its_own_is_refused(tmp_path):
    # Equal ids are one text in all languages: another numbering of the labels cannot pass for it.
    one = sentiment(*(f"{i},a {i},{'positive' if i % 2 else 'negative'}" for i in range(10)))
    other = sentiment(*(f"{i},b {i},{'negative' if i % 2 else 'positive'}" for i in range(10)))
    data = lay_out(tmp_path / "data", {"sentiment/english/test.csv": one, "sentiment/ngaju/test.csv": other})
    with pytest.raises(DataError, match=r"equal ids have other labels than in eng: 10 of 10 in nij"):
        fetch("nusax", data, "label")


# -- UNER ------------------------------------------------------------------------------------------


def treebank(*words):
    """Lines of a sentence: number, token, tag, tag with an alternative, annotator."""
    rows = (f"{i}\t{token}\t{tag}\t{tag}#O\ts" for i, (token, tag) in enumerate(words, start=1))
    return lines("# sent_id = 1", "# text = …", *rows, "")


def test_uner_as_its_repositories_have_it(tmp_path):
    other = [("De", "B-OTH"), ("Sider", "I-OTH"), ("i", "O"), ("Løgstør", "B-LOC"), ("x", "B-O")]
    files = {
        "UNER_Danish-DDT/da_ddt-ud-dev.iob2": treebank(*other),
        "UNER_English-EWT/en_ewt-ud-test.iob2": treebank(("Ann", "B-PER"), ("Lee", "I-PER")),
        "UNER_English-PUD/en_pud-ud-test.iob2": treebank(("PUD", "B-ORG")),
        "UNER_Chinese-GSD/zh_gsd-ud-test.iob2": treebank(("臺北", "B-LOC")),
        "UNER_Chinese-GSDSIMP/zh_gsdsimp-ud-test.iob2": treebank(("台北", "B-LOC")),
        "UNER_German-PUD/de_pud-ud-test.iob2": treebank(("Bonn", "B-LOC")),
    }
    assert fetch("uner", lay_out(tmp_path / "uner", files), "tokens", "labels") == {
        "da validation": [(["De", "Sider", "i", "Løgstør", "x"], ["O", "O", "O", "B-LOC", "O"])],
        "en test": [(["Ann", "Lee"], ["B-PER", "I-PER"])],
        "zh test": [(["台北"], ["B-LOC"])],
        "de test": [(["Bonn"], ["B-LOC"])],
    }


def test_uner_from_the_hub_and_a_tag_that_it_has_not(tmp_path):
    names = "O B-PER I-PER B-ORG I-ORG B-LOC I-LOC"
    file = classes(names, idx=["d-1"], tokens=[["Ann", "!"]], ner_tags=[[1, 0]], annotator=[["s", "s"]])
    files = {f"{name}/{split}/0000.parquet": file for name in ("en_ewt", "en_pud") for split in ("train", "test")}
    got = from_hub("uner", files | {"en_ewt/validation/0000.parquet": file}, tmp_path, "English", "id", "labels")
    assert got["en test"] == [("d-1", ["B-PER", "O"])]
    data = lay_out(tmp_path / "data", {"en_ewt-ud-test.iob2": treebank(("Ann", "B-PER"), ("1999", "B-DATE"))})
    with pytest.raises(DataError, match="has the label 'B-DATE'; uner has O, B-PER"):
        fetch("uner", data, "labels")
