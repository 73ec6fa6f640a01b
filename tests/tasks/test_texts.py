import polars as pl

from mslt_cli.tasks import find_task


def texts(task, **columns):
    return find_task(task).sentences(pl.DataFrame(columns))


def test_every_text_of_a_row_counts_and_words_stay_words():
    assert texts("xnli", text=["p", " ", "q"], text_pair=["h", None, ""], label=[0, 1, 2]) == ["p", "q", "h"]
    assert texts("wikiann", tokens=[["a", "b"], []], labels=[[0, 1], []]) == [["a", "b"]]
    copa = {"premise": ["p"], "question": ["cause"], "choices": [["x", "y"]], "label": [0]}
    assert sorted(texts("xcopa", **copa)) == ["p", "x", "y"]  # "cause" is a code word, in English in every language
    assert sorted(texts("bactrian", instruction=["i"], input=[None], output=["o"])) == ["i", "o"]
    assert texts("pud", text=["s"]) == ["s"]
