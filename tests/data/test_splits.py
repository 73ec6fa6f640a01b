"""Data as people have them, through `fetch_data`, to rows in the cache."""

import json

import pytest
from made_files import gz, jsonl, lay_out, lines, parquet, tarred, tsv, zipped

from mslt_cli.data.prepared import load, task_folder
from mslt_cli.data.splits import ensure_data, fetch_data, read_data
from mslt_cli.errors import DataError, UnknownNameError
from mslt_cli.tasks import find_task


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def rows_of(report, *columns):
    """{"de test": rows as tuples of these columns, or single values}."""
    got = {}
    for record in report.records:
        frame = load(report.task, record)
        rows = frame.select(columns).rows() if columns else frame.rows()
        got[f"{record.code} {record.split}"] = [row[0] for row in rows] if len(columns) == 1 else rows
    return got


def fetch(task, path, *columns, languages=(), splits=()):
    return rows_of(fetch_data(find_task(task), languages, splits, from_path=path), *columns)


# -- what people have ------------------------------------------------------------------------------

NLI = ("id", "text", "text_pair", "label")
PAIR = [("0", "p", "h", 2), ("1", "q", "i", 0)]
UPSTREAM_XNLI = ("language", "gold_label", "sentence1_binary_parse", "sentence1", "sentence2", "promptID", "pairID")


def xnli_split(split):
    rows = [("ar", "entailment", "( )", f"ar {split} '\"", "h", 1, 7), ("de", "entailment", "( )", "p", 'h "', 1, 7)]
    return tsv(UPSTREAM_XNLI, *rows, ("de", "contradiction", "( )", "q", "i", 2, 8))


@pytest.mark.parametrize(
    "files",
    [
        {"de/test.parquet": parquet(premise=["p", "q"], hypothesis=["h", "i"], label=[2, 0])},
        {"de/test.parquet": parquet(premise=["p", "q"], hypothesis=["h", "i"], label=[2.0, 0.0])},
        {"de/test.parquet": parquet(text=["p", "q"], text_pair=["h", "i"], label=["contradiction", "entailment"])},
        {"test-de.csv": lines("sentence2,gold_label,sentence1", "h,contradictory,p", "i, 0 ,q")},
        {"xnli_deu_test.tsv": tsv(("premise", "hypo", "label"), ("p", "h", "2"), ("q", "i", "entailment"))},
        {"test.jsonl": jsonl(*({"lang": "de", "premise": p, "hypothesis": h, "label": n} for _, p, h, n in PAIR))},
        {
            "de/test-00000-of-00002.parquet": parquet(premise=["p"], hypothesis=["h"], label=[2]),
            "de/test-00001-of-00002.parquet": parquet(premise=["q"], hypothesis=["i"], label=[0]),
        },
    ],
    ids=lambda files: next(iter(files)),
)
def test_every_layout_gives_the_same_rows(tmp_path, files):
    assert fetch("xnli", lay_out(tmp_path / "data", files), *NLI) == {"de test": PAIR}


def test_xnli_as_upstream_ships_it(tmp_path):
    one = {"XNLI-1.0/xnli.dev.tsv": xnli_split("dev"), "XNLI-1.0/xnli.test.tsv": xnli_split("test")}
    one |= {"XNLI-1.0/xnli.dev.jsonl": b"{}", "__MACOSX/XNLI-1.0/._xnli.dev.tsv": b"\0\5", "XNLI-1.0/README.md": b""}
    head = ("premise", "hypo", "label")
    two = {
        f"XNLI-MT-1.0/multinli/multinli.train.{code}.tsv": tsv(head, (f'"{code}', "h", "contradictory"))
        for code in ("de", "ar")
    }
    lay_out(tmp_path / "data", {"XNLI-1.0.zip": zipped(one), "XNLI-MT-1.0.zip": zipped(two)})
    assert fetch("xnli", tmp_path / "data" / "XNLI-1.0.zip", "id", "text", "label") == {
        "ar validation": [("7", "ar dev '\"", 0)],
        "ar test": [("7", "ar test '\"", 0)],
        "de validation": [("7", "p", 0), ("8", "q", 2)],
        "de test": [("7", "p", 0), ("8", "q", 2)],
    }
    notes = fetch_data(find_task("xnli"), from_path=tmp_path / "data" / "XNLI-1.0.zip").notes
    assert [note for note in notes if "bg" in note] == []  # languages that the column lacks are not asked for
    both = fetch("xnli", tmp_path / "data", "text", "label")
    assert both["de train"] == [('"de', 2)]
    assert both["ar test"] == [("ar test '\"", 0)]
    assert len(both) == 6


WIKIANN = b"en:The\tO\nen:R.H.:x\tB-PER\nen:1 1/2\tO\n\nen:en:a\tB-LOC\n\n"
TOKENS = [(["The", "R.H.:x", "1 1/2"], [0, 1, 0]), (["en:a"], [5])]


@pytest.mark.parametrize(
    "files",
    [
        {"en.tar.gz": tarred({"train": WIKIANN, "dev": WIKIANN, "test": WIKIANN, "extra": WIKIANN})},
        {
            "panx_dataset.zip": zipped(
                {"panx_dataset/en.tar.gz": tarred({f"./{s}": WIKIANN for s in ("train", "dev", "test")})}
            )
        },
        {"en/train": WIKIANN, "en/dev": WIKIANN, "en/test": WIKIANN, "en/LICENSE": b"x"},
        {
            f"{split}-en.tsv": WIKIANN.replace(b"en:", b"", 3).replace(b"en:en:", b"en:")
            for split in ("train", "dev", "test")
        },
        {
            f"en/{split}.parquet": parquet(
                tokens=[row[0] for row in TOKENS], ner_tags=[["O", "B-PER", "O"], ["B-LOC"]], langs=[["en"] * 3, ["en"]]
            )
            for split in ("train", "validation", "test")
        },
        {
            f"en/{split}.parquet": parquet(tokens=[t for t, _ in TOKENS], ner_tags=[n for _, n in TOKENS])
            for split in ("train", "val", "test")
        },
        {
            f"en/{split}.jsonl.gz": gz(jsonl(*({"words": t, "labels": n} for t, n in TOKENS)))
            for split in ("train", "dev", "test")
        },
        {
            f"en/{split}.csv": lines(
                "tokens,tags", '"[""The"", ""R.H.:x"", ""1 1/2""]","[\'O\', \'B-PER\', \'O\']"', "en:a,B-LOC"
            )
            for split in ("train", "dev", "test")
        },
    ],
    ids=lambda files: next(iter(files)),
)
def test_wikiann_in_every_form(tmp_path, files):
    got = fetch("wikiann", lay_out(tmp_path / "data", files), "tokens", "labels")
    assert got == {f"en {split}": TOKENS for split in ("train", "validation", "test")}


def test_a_language_before_wikianns_tokens_is_told_from_tokens_that_look_like_one(tmp_path):
    raw = lay_out(tmp_path / "raw", {"als/train": b"als:a:b\tO\nde:c\tO\nals:als:d\tO\nals:e\tO\n"})
    assert fetch("wikiann", raw, "tokens") == {"als train": [["a:b", "de:c", "als:d", "e"]]}
    plain = lay_out(tmp_path / "plain", {"train-als.tsv": b"als:a\tO\nb\tO\n"})
    assert fetch("wikiann", plain, "tokens") == {"als train": [["als:a", "b"]]}


def test_pawsx_as_upstream_ships_it_and_its_untranslated_rows(tmp_path):
    head = ("id", "sentence1", "sentence2", "label")
    german = tsv(
        head, (1, 'ein "Satz', "NS", 1), (2, "a", "b", 1), (3, "", "b", 0), (4, "c", "d", ""), (5, "e", "NS is text", 0)
    )
    files = {
        "x-final/de/translated_train.tsv": german,
        "x-final/de/dev_2k.tsv": german,
        "x-final/de/test_2k.tsv": german,
        "x-final/en/train.tsv": tsv(head, (1, "a", "b", 0)),
    }
    path = lay_out(tmp_path / "data", {"x-final.tar.gz": tarred(files)}) / "x-final.tar.gz"
    report = fetch_data(find_task("pawsx"), from_path=path)
    got = rows_of(report, "id", "label")
    assert got.pop("en train") == [("1", 0)]
    assert got == {f"de {split}": [("2", 1), ("5", 0)] for split in ("train", "validation", "test")}
    record = next(record for record in report.records if record.code == "de")
    assert (record.raw_rows, record.rows, record.repaired) == (5, 2, {"untranslated": 3})
    assert any("has no validation data of pawsx in en" in note for note in report.notes)
    # Switched off, what has no label is an error, and what has no translation stays; in a folder of its own.
    kept = find_task("pawsx").without_repairs(("untranslated",))
    with pytest.raises(DataError, match="Row 4 of .*translated_train.tsv has the label ''; pawsx has 0, 1"):
        fetch_data(kept, from_path=path)
    labelled = lay_out(tmp_path / "labelled", {"de/test_2k.tsv": german.replace(b"d\t\n", b"d\t0\n")})
    report = fetch_data(kept, from_path=labelled)
    assert rows_of(report, "text_pair")["de test"] == ["NS", "b", "b", "d", "NS is text"]
    assert report.records[0].repaired == {}
    assert task_folder(kept) != task_folder(find_task("pawsx"))


def test_xstorycloze_reads_its_quoted_columns_by_position(tmp_path):
    head = ("InputStoryid", *(f"InputSentence{i}" for i in range(1, 5)), "Quiz1", "Quiz2", "AnswerRightEnding")
    rows = tsv(
        head, ("s1", '"Ia ""lari""."', "dua", "tiga", "empat", "akhir", "salah", 1), ("s2", *"abcd", "x", "y", 2)
    )
    files = {f"spring2016.val.id.tsv.split_20_80_{split}.tsv": rows for split in ("train", "eval")}
    got = fetch("xstorycloze", lay_out(tmp_path / "data", files), "input_sentence_1", "choices", "label")
    expected = [('Ia "lari".', ["akhir", "salah"], 0), ("a", ["x", "y"], 1)]
    assert got == {"id train": expected, "id eval": expected}


def winograd(language, text, tokens, pronoun, right=1, candidates=("A", "B")):
    options = [[c, [0, 1], [c], i == right] for i, c in enumerate(candidates)]
    start, end = pronoun
    marked = [" ".join(tokens[start:end]), [start, end], tokens[start:end]]
    return (language, "original", "?", text, json.dumps(tokens), json.dumps(marked), json.dumps(options))


def test_xwinograd_puts_the_blank_where_the_tokens_say(tmp_path):
    rows = [
        winograd("en", "It saw it, and it fell.", ["It", "saw", "it", ",", "and", "it", "fell", "."], (5, 6)),
        winograd("en", "don't say it, it won't.", ["do", "not", "say", "it", ",", "it", "will", "not", "."], (5, 6), 0),
        winograd("jp", "それはそれだ", ["それ", "は", "それ", "だ"], (2, 3), 0),
    ]
    path = lay_out(tmp_path / "data", {"dataset.tsv.gz": gz(tsv(*rows))})
    assert fetch("xwinograd", path, "sentence", "label") == {
        "en test": [("It saw it, and _ fell.", 1), ("don't say it, _ won't.", 0)],
        "jp test": [("それは_だ", 0)],
    }
    hub = jsonl({"sentence": "a _ b", "option1": "x", "option2": "y", "answer": "2"})
    assert fetch("xwinograd", lay_out(tmp_path / "hub", {"test/jp.jsonl": hub}), "choices", "label") == {
        "jp test": [(["x", "y"], 1)]
    }
    for row, says in (
        (
            winograd("jp", "a b", ["a", "b"], (2, 3)),
            "Row 2 of .* is no row of XWinograd's .there are no tokens 2 to 3",
        ),
        (winograd("jp", "a b", ["c", "d"], (0, 1)), "Row 2 of .*'c' does not occur"),
        (winograd("jp", "a b", ["a", "b"], (0, 1), right=5), "Row 2 of .*not one of the two candidates is right"),
        (winograd("jp", "a b", ["a", "b"], (0, 1), 0, "ABC"), "Row 2 of .*too many values to unpack"),
    ):
        bad = lay_out(tmp_path / "bad", {"dataset.tsv": tsv(rows[0], row)})
        with pytest.raises(DataError, match=says):
            fetch("xwinograd", bad, "sentence")


def xcopa(*questions, start=0):
    return jsonl(
        *(
            {
                "premise": f"p{i}",
                "choice1": "a",
                "choice2": "b",
                "question": q,
                "label": i % 2,
                "idx": i,
                "changed": False,
            }
            for i, q in enumerate(questions, start)
        )
    )


def test_xcopa_questions_are_those_of_estonian_or_of_a_language_that_agrees_with_it(tmp_path):
    path = lay_out(
        tmp_path / "data",
        {
            "et/val.et.jsonl": xcopa("cause", "cause", "effect"),
            "th/val.th.jsonl": xcopa("effect", "effect", "effect", "effect"),  # one item that Estonian lacks
            "th/test.th.jsonl": xcopa("effect"),
            "zh/test.zh.jsonl": xcopa("cause"),
        },
    )
    report = fetch_data(find_task("xcopa"), from_path=path)
    got = rows_of(report, "question")
    assert got["th validation"] == ["cause", "cause", "effect", "effect"]
    assert got["th test"] == ["cause"]
    assert {f"{r.code} {r.split}": r.repaired["question"] for r in report.records} == {
        "et validation": 0,
        "th validation": 2,
        "th test": 1,
        "zh test": 0,
    }
    alone = lay_out(tmp_path / "alone", {"th/val.th.jsonl": xcopa("effect")})
    with pytest.raises(DataError, match="one of et, ht, qu, ta, vi, zh has to be there as well.* --no-repair question"):
        fetch_data(find_task("xcopa"), from_path=alone)
    nameless = lay_out(tmp_path / "nameless", {"val.jsonl": xcopa("effect")})
    with pytest.raises(DataError, match="one of et, ht"):  # a file that is said to be Thai is not Estonian as well
        fetch_data(find_task("xcopa"), ["tha"], from_path=nameless / "val.jsonl")
    kept = find_task("xcopa").without_repairs(("question",))
    assert rows_of(fetch_data(kept, from_path=alone), "question") == {"th validation": ["effect"]}
    assert task_folder(kept).name == "xcopa-no-question"


def test_pud_reads_the_raw_sentence_and_udpos_the_words(tmp_path):
    word = "1\t{}\t_\tNOUN\t_\t_\t0\t_\t_\t_"
    both = lines(
        "# sent_id = n1",
        "# text = Ein  Satz.",
        word.format("Ein"),
        "",
        "# sent_id = n2",
        "# text = x",
        word.format("x"),
    )
    path = lay_out(
        tmp_path / "data",
        {"UD_German-PUD/de_pud-ud-test.conllu": both, "UD_German-PUD/de_pud-ud-test.txt": b"Ein  Satz.\nx"},
    )
    assert fetch("pud", path, "id", "text") == {"de test": [("n1", "Ein  Satz."), ("n2", "x")]}
    assert fetch("udpos", path, "id", "tokens", "labels") == {"de test": [("n1", ["Ein"], [7]), ("n2", ["x"], [7])]}


def test_instructions_in_several_files_of_one_language_are_put_together(tmp_path):
    def rows(*ids):
        return jsonl(*({"instruction": f"i{i}", "input": "", "id": i, "output": "" if i == "b" else "o"} for i in ids))

    nameless = jsonl({"instruction": "x", "output": None}, {"instruction": "y", "output": "z"})
    path = lay_out(
        tmp_path / "data",
        {
            "de/alpaca.jsonl.gz": gz(rows("a", "b")),
            "de/mlqa_dev.jsonl.gz": gz(rows("c")),
            "de/nameless.json": b"[" + nameless.replace(b"\n", b",", 1) + b"]",
            "fr.json.gz": gz(rows("a")),
        },
    )
    assert fetch("bactrian", path, "id", "input", "output") == {
        "de train": [("a", "", "o"), ("b", "", ""), ("c", "", "o"), ("deu-3", None, ""), ("deu-4", None, "z")],
        "fr train": [("a", "", "o")],
    }


# -- languages and splits --------------------------------------------------------------------------


def test_a_file_whose_path_names_no_language_is_never_taken_for_every_language(tmp_path):
    path = lay_out(
        tmp_path / "data", {"test.parquet": parquet(premise=["p", "q"], hypothesis=["h", "i"], label=[2, 0])}
    )
    for languages in ((), ("deu", "fra")):
        with pytest.raises(DataError, match="test.parquet does not say which language it holds.*--langs"):
            fetch("xnli", path, languages=languages)
    assert fetch("xnli", path, *NLI, languages=["deu"]) == {"de test": PAIR}
    assert fetch("xnli", path / "test.parquet", *NLI, languages=["de"], splits=["test"]) == {"de test": PAIR}
    with pytest.raises(
        DataError, match="has no data of xnli in de .train.. Files should be called like de/train.parquet"
    ):
        fetch("xnli", path / "test.parquet", languages=["deu"], splits=["train"])


def test_a_file_is_never_taken_for_a_split_that_it_does_not_name(tmp_path):
    path = lay_out(tmp_path / "data", {"de.parquet": parquet(premise=["p", "q"], hypothesis=["h", "i"], label=[2, 0])})
    with pytest.raises(DataError, match="has no data of xnli in de. Files should be called like de/train.parquet"):
        fetch("xnli", path, languages=["deu"])
    assert fetch("xnli", path / "de.parquet", *NLI, splits=["validation"], languages=["deu"]) == {"de validation": PAIR}


def test_what_is_missing_is_said_with_what_there_is(tmp_path):
    test = parquet(premise=["p"], hypothesis=["h"], label=[2])
    path = lay_out(
        tmp_path / "data",
        {"de/test.parquet": test, "fr/test.parquet": test, "fr/train.parquet": test, "stats.jsonl": b"{}"},
    )
    report = fetch_data(find_task("xnli"), from_path=path)
    assert [f"{record.code} {record.split}" for record in report.records] == ["de test", "fr train", "fr test"]
    assert f"{path} has no train data of xnli in de." in report.notes
    assert f"{path} has no validation data of xnli in de, fr." in report.notes
    cases = [
        (["swa"], [], f"{path} has no data of xnli in sw. It has de, fr."),
        (["swa", "deu"], ["test"], f"{path} has no data of xnli in sw (test). It has de, fr."),
        (["deu"], ["train"], f"{path} has no data of xnli in de (train). It has fr."),
        (["deu", "fra"], ["test", "train"], f"{path} has no train data of xnli in de."),
        (["fin"], [], "xnli has no data in 'fin'. It has ar, bg, de, el, en, es, fr, hi, ru, sw, th, tr, ur, vi, zh."),
    ]
    for languages, splits, says in cases:
        with pytest.raises(DataError) as error:
            fetch("xnli", path, languages=languages, splits=splits)
        assert str(error.value) == says
    with pytest.raises(UnknownNameError, match="no split of xnli 'tests'. Did you mean test"):
        fetch("xnli", path, splits=["tests"])


def test_rows_that_differ_from_what_is_expected_are_a_note_with_both_numbers(tmp_path):
    test = parquet(premise=["p"], hypothesis=["h"], label=[2])
    path = lay_out(tmp_path / "data", {"de/test.parquet": test, "fr/test.parquet": test})
    notes = fetch_data(find_task("xnli"), from_path=path).notes
    assert "xnli test has other numbers of rows than expected: 1 of 5,010 in de, fr" in notes


def test_ids_that_occur_more_than_once_are_renamed_and_said(tmp_path):
    twice = parquet(id=[7, 7, 8], premise=list("abc"), hypothesis=list("def"), label=[0, 1, 2])
    report = fetch_data(find_task("xnli"), from_path=lay_out(tmp_path / "data", {"de/test.parquet": twice}))
    assert rows_of(report, "id") == {"de test": ["7", "7#2", "8"]}
    assert "xnli test in de: 1 ids occurred more than once; repetitions are now called ID#2, ID#3, …" in report.notes


def test_files_of_a_folder_are_read_again_at_each_call_and_keep_their_checksum(tmp_path):
    def write(text):
        return lay_out(tmp_path / "data", {"de/test.parquet": parquet(premise=[text], hypothesis=["h"], label=[2])})

    first, same, changed = (fetch_data(find_task("xnli"), from_path=write(t)).records[0] for t in "aab")
    assert first.content_sha256 == same.content_sha256 != changed.content_sha256
    assert rows_of(fetch_data(find_task("xnli"), ["deu"], ["test"]), "text") == {"de test": ["b"]}  # from the cache


def test_what_is_needed_comes_from_the_cache_or_from_a_package(tmp_path):
    pytest.importorskip("babel")
    cldr = find_task("cldr")
    with pytest.raises(UnknownNameError):
        ensure_data(cldr, ["deu"], "dev")
    records = ensure_data(cldr, ["deu"], "test")
    assert [(r.code, r.split, r.origin["package"], r.origin["revision"]) for r in records] == [
        ("de", "test", "Babel", "2.18.0")
    ]
    assert ensure_data(cldr, (), "test") == records  # what is in the cache
    for spelling in ("de", "deu", "German", "de-AT"):
        assert ensure_data(cldr, [spelling], "test") == records
        assert read_data(cldr, spelling, "test").equals(load(cldr, records[0]))
    command = "mslt fetch data --task cldr --langs de --split train"
    with pytest.raises(DataError, match=f"cldr train in de is not in the cache. Run `{command}`."):
        read_data(cldr, "deu", "train")
    with pytest.raises(DataError, match="cldr has no data in 'Haitian'. It has af, am"):
        read_data(cldr, "Haitian", "test")
