"""A user's own task: what the file says, what is wrong with it, and its data."""

import json

import pytest

from mslt_cli.data.prepared import load, read_record
from mslt_cli.data.splits import ensure_data, fetch_data
from mslt_cli.errors import DataError, UnknownNameError
from mslt_cli.tasks import find_task

REVIEWS = """
name = "reviews"
kind = "sequence-classification"
path = "data/{lang}/{split}.csv"
languages = ["id", "jv", "zh-Hans"]
splits = ["train", "test"]
labels = ["negative", "positive"]
label_spellings = {neg = "negative"}
sources = ["id"]
targets = ["jav", "zh-Hans"]
sizes = {train = 2}
[columns]
text = "review"
label = "sentiment"
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def task(tmp_path):
    """Writes a task's file and data files beside it, and reads the task."""

    def write(text, **files):
        for name, data in files.items():
            path = tmp_path / "mine" / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(data)
        path = tmp_path / "mine" / "task.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return find_task(str(path))

    return write


def rows(task, *columns, languages=()):
    report = fetch_data(task, languages)
    return {f"{r.code} {r.split}": load(task, r).select(columns).rows() for r in report.records}


def test_a_file_says_what_the_task_is(task, tmp_path):
    read = task(REVIEWS)
    assert (read.name, read.kind, read.splits, read.evaluation, read.metric) == (
        *("reviews", "sequence-classification", ("train", "test"), "test", "accuracy"),
    )
    assert read.languages == {"ind": ("id",), "jav": ("jv",), "zho": ("zh-Hans",)}
    assert (read.sources, read.targets, read.labels) == (("ind",), ("jav", "zho"), ("negative", "positive"))
    assert read.options == f"--task {tmp_path / 'mine' / 'task.toml'}"
    assert read.key == f"reviews-{read.definition[:8]}"


def test_what_rows_share_leaves_the_data_what_they_are(task):
    plain = task(REVIEWS)
    read = task(REVIEWS.replace("sizes =", 'cluster = ["text"]\nsizes ='))
    assert (plain.cluster, read.cluster) == ((), ("text",))
    assert read.key == plain.key


def test_its_data_are_read_with_its_columns_and_follow_changes_of_the_files(task):
    read = task(
        REVIEWS,
        data__id__train_dot_csv='review,sentiment,other\nbagus,positive,x\n"jelek, sekali",neg,y\n',
        data__id__test_dot_csv="sentiment,review\n1,baik\n",
        data__jv__test_dot_csv="review,sentiment\napik,positive\n",
        data__jv__train_old_dot_csv="not,of\nthis,task\n",
    )
    assert rows(read, "text", "label") == {
        "id train": [("bagus", 1), ("jelek, sekali", 0)],
        "id test": [("baik", 1)],
        "jv test": [("apik", 1)],
    }
    record = ensure_data(read, ["ind"], "test")[0]
    task(REVIEWS, data__id__test_dot_csv="review,sentiment\nburuk,negative\n")
    assert ensure_data(read, ["ind"], "test")[0].content_sha256 != record.content_sha256
    assert rows(read, "text", languages=["id"])["id test"] == [("buruk",)]
    with pytest.raises(DataError, match="the data set has no data of reviews in zh-Hans. It has id, jv."):
        fetch_data(read, ["zho"])
    task(REVIEWS, data__id__test_dot_csv="review,sentiment\nburuk,netral\n")
    with pytest.raises(
        DataError, match="Row 1 of .*data/id/test.csv has the label 'netral'; reviews has negative, positive"
    ):
        fetch_data(read, ["ind"])


HEAD = 'name = "mine"\nlanguages = {in = "Indonesian", en = "en"}\nsplits = ["dev", "test"]\n'


@pytest.mark.parametrize(
    ("text", "files", "columns", "expected"),
    [
        (  # tokens and tags a line
            'kind = "token-classification"\nlabels = ["O", "B"]\npath = "{split}.{lang}.txt"\n',
            {"dev_dot_in_dot_txt": "a\tB\nb\tO\n\nc\tO\n"},
            ("tokens", "labels"),
            {"in dev": [(["a", "b"], [1, 0]), (["c"], [0])]},
        ),
        (  # the same in columns that the task numbers: the second tag counts
            'kind = "token-classification"\nlabels = ["O", "B"]\npath = "{split}.{lang}.txt"\n'
            "columns = {token = 2, tag = 4}\n",
            {"dev_dot_in_dot_txt": "x a B O\nx b O O\n\nx c O B\n"},
            ("tokens", "labels"),
            {"in dev": [(["a", "b"], [0, 0]), (["c"], [1])]},
        ),
        (  # the same in columns that the task names
            'kind = "token-classification"\nlabels = ["O", "B"]\npath = "{split}.{lang}.txt"\nheader = false\n'
            'columns = {labels = "t", tokens = "w"}\n',
            {"dev_dot_in_dot_txt": "B\ta\nO\tb\n\nO\tc\n"},
            ("tokens", "labels"),
            {"in dev": [(["a", "b"], [1, 0]), (["c"], [0])]},
        ),
        (  # one file for all languages, with a column that says which; tabs, and no header
            'kind = "sequence-classification"\nlabels = ["no", "yes"]\npath = "all-{split}.tsv"\nheader = false\n'
            'first_label = 1\n[columns]\nlanguage = "l"\ntext = "t"\nlabel = "y"\n',
            {"all-test_dot_tsv": 'in\tsatu "\t2\nen\tone\t1\n'},
            ("text", "label"),
            {"in test": [('satu "', 1)], "en test": [("one", 0)]},
        ),
        (  # the same with commas
            'kind = "sequence-classification"\nlabels = ["no", "yes"]\npath = "{lang}-{split}.csv"\nheader = false\n'
            'quoting = true\n[columns]\ntext = "t"\nlabel = "y"\n',
            {"in-test_dot_csv": '"satu, dua",1\n'},
            ("text", "label"),
            {"in test": [("satu, dua", 1)]},
        ),
        (  # choices in columns of their own, and a label that is a letter
            'kind = "multiple-choice"\nlabels = ["A", "B", "C"]\ncontext = ["question"]\n'
            'path = "{lang}/**/{split}*.jsonl"\n'
            '[columns]\nchoices = ["a", "b", "c"]\nlabel = "key"\nquestion = "q"\n',
            {"in__deep__er__dev1_dot_jsonl": json.dumps({"q": "?", "a": "x", "b": "y", "c": "z", "key": "C"})},
            ("question", "choices", "label"),
            {"in dev": [("?", ["x", "y", "z"], 2)]},
        ),
        (
            'kind = "multiple-choice"\npath = "{split}_{lang}.jsonl"\n',
            {"test_in_dot_jsonl": json.dumps({"choices": ["x", "y", "z"], "label": 2})},
            ("choices", "label"),
            {"in test": [(["x", "y", "z"], 2)]},
        ),
        (
            'kind = "instruction"\npath = "{lang}/{split}.json"\n'
            '[columns]\ninstruction = "prompt"\noutput = "answer"\n',
            {"en__test_dot_json": json.dumps([{"prompt": "p", "answer": "a"}])},
            ("instruction", "input", "output"),
            {"en test": [("p", None, "a")]},
        ),
        (  # a sentence a line
            'kind = "parallel"\npath = "flores/{lang}.{split}.txt"\nheader = false\n'
            'columns = {text = "t"}\naligned = true\n',
            {"flores__in_dot_dev_dot_txt": "satu\ndua, tiga\n", "flores__en_dot_dev_dot_txt": "one\ntwo, three\n"},
            ("id", "text"),
            {"in dev": [("0", "satu"), ("1", "dua, tiga")], "en dev": [("0", "one"), ("1", "two, three")]},
        ),
    ],
    ids=[
        "tokens",
        "tokens in numbered columns",
        "tokens in named columns",
        "one file",
        "commas",
        "choices",
        "list of choices",
        "instruction",
        "parallel",
    ],
)
def test_every_kind_has_its_own_task(task, text, files, columns, expected):
    assert rows(task(HEAD + text, **files), *columns) == expected


def test_a_path_may_lead_anywhere_and_is_followed_to_the_letter(task, tmp_path):
    data = "review,sentiment\nx,1\n"
    elsewhere = {f"..__other__{name}": data for name in ("id__train_dot_csv", "copy__id__train_dot_csv")}
    for path in (
        "../other/{lang}/{split}.csv",
        f"{tmp_path}/other/{{lang}}/{{split}}.csv",
        "./../other/{lang}/{split}.*",
    ):
        read = task(REVIEWS.replace("data/{lang}/{split}.csv", path), **elsewhere)
        assert rows(read, "text") == {"id train": [("x",)]}
    with pytest.raises(DataError, match="task.toml: .*/nowhere does not exist"):
        rows(task(REVIEWS.replace("data/", "nowhere/")), "text")
    one = task(REVIEWS.replace("{lang}/", ""), data__train_dot_csv=data)
    with pytest.raises(
        DataError, match="train.csv does not say which language it holds: .* a column called language or lang"
    ):
        rows(one, "text")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind = "sequence-classification"\n', "", "key kind is missing."),
        ("sources", "source", "there is no key source. Did you mean sources?"),
        ("sources", "quux", "there is no key quux. Known: name, kind, "),
        ('splits = ["train", "test"]', 'splits = "train"', "key splits has to be a list."),
        ('splits = ["train", "test"]', "splits = []", "key splits is empty."),
        ('"train", "test"', '"train", 7', "key splits has to hold texts, and holds 7."),
        ('"train", "test"', '"train", "train"', "key splits names something twice."),
        ('"train", "test"', '"train", "../up"', "key splits holds '../up'; it may hold letters, digits, - and _."),
        ("sizes = {train = 2}", "sizes = {dev = 2}", "key sizes holds 'dev'; it may hold train, test."),
        ("sizes = {train = 2}", 'sizes = {train = "2"}', "key sizes.train has to be a number of rows."),
        ("sizes = {train = 2}", "first_label = true", "key first_label has to be a whole number."),
        ("sizes = {train = 2}", "header = 0", "key header has to be true or false."),
        (
            "sizes = {train = 2}",
            'evaluation = "dev"',
            "key evaluation holds 'dev'; it may hold train, test.",
        ),
        (
            "sizes = {train = 2}",
            'metric = "acuracy"',
            "key metric holds 'acuracy'; it may hold accuracy.",
        ),
        (
            "sizes = {train = 2}",
            'context = ["text"]',
            "key context holds 'text', which sequence-classification has anyway.",
        ),
        (
            "sizes = {train = 2}",
            'cluster = ["review"]',
            "key cluster holds 'review'; it may hold text, text_pair.",
        ),
        (
            'labels = ["negative", "positive"]\n',
            "",
            "key labels has to name at least two labels for sequence-classification.",
        ),
        (
            '{neg = "negative"}',
            '{neg = "bad"}',
            "key label_spellings holds 'bad'; it may hold negative, positive.",
        ),
        (
            "sequence-classification",
            "classification",
            "key kind holds 'classification'; it may hold token-classification, ",
        ),
        ('"reviews"', '"xnli"', "key name is 'xnli', which is a task of mslt's; choose another."),
        ('"reviews"', '"../x"', "key name holds '../x'; it may hold letters, digits, - and _."),
        ('"jv"', '"xx-yy"', "key languages holds 'xx-yy'. There is no language 'xx-yy'."),
        ('"jv"', '"Javanes"', "key languages holds 'Javanes'. There is no language 'Javanes'. Did you mean Javanese"),
        ('"jv"', '"ind"', "key languages holds 'id' and 'ind', which are the same language."),
        ('["id", "jv", "zh-Hans"]', "{}", "key languages is empty."),
        ('["id", "jv", "zh-Hans"]', "{id = 3}", "key languages has to hold codes or names, and holds 3."),
        (
            'sources = ["id"]',
            'sources = ["en"]',
            "key sources holds 'en'; it may hold id, ind, jv, jav, zh-Hans, zho.",
        ),
        (
            'text = "review"',
            'txt = "review"',
            "key columns holds 'txt'; it may hold id, language, split, text, ",
        ),
        ('text = "review"', "text = 3", "key columns.text has to be the name of a column."),
        ('path = "data/{lang}/{split}.csv"', "", "key path is missing, or hub."),
        ('path = "data/{lang}/{split}.csv"', 'path = ""', "key path is missing, or hub."),
        ("{lang}", "{language}", "key path holds '{language}'; it may hold {lang}, {split}."),
        ("{split}", "train", "key path has to hold {split}, for there are several, or columns.split has to name"),
        (
            'labels = ["negative", "positive"]',
            'labels = ["0", "1"]\nfirst_label = 1',
            "key first_label is there",
        ),
        ('text = "review"', 'split = "part"', "key path holds {split}, and columns.split is there; keep one."),
        ("sizes = {train = 2}", 'hub = {repository = "a/b", path = "x"}', "both path and hub are there; keep one."),
        ('path = "data/{lang}/{split}.csv"', 'hub = {repository = "a/b"}', "key hub.path is missing."),
        (
            'path = "data/{lang}/{split}.csv"',
            'hub = {repository = "a/b", path = "{split}.csv"}',
            "key hub.path has to hold {lang}, for there are several.",
        ),
        ('path = "data/{lang}/{split}.csv"', 'hub = {repo = "a/b"}', "there is no key hub.repo."),
        ("[columns]", "header = false\n[colums]", "there is no key colums. Did you mean columns?"),
        ("splits =", "splits ==", "cannot be read: it is not TOML ("),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_file_and_key(task, tmp_path, old, new, says):
    assert old in REVIEWS
    with pytest.raises(DataError) as error:
        task(REVIEWS.replace(old, new, 1))
    message = str(error.value)
    assert says in message
    assert f"{tmp_path}/mine/task.toml" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("labels", "metric", "metrics"),
    [
        ('"O", "B-X", "I-X"', "", ("accuracy", "entity-f1")),
        ('"O", "B-X", "I-X"', "entity-f1", ("entity-f1", "accuracy")),
        ('"NOUN", "VERB"', "", ("accuracy",)),
    ],
)
def test_words_with_entities_are_measured_by_both_metrics_the_chosen_one_first(task, labels, metric, metrics):
    of_words = f'{HEAD}kind = "token-classification"\npath = "{{split}}.{{lang}}.txt"\nlabels = [{labels}]\n'
    read = task(of_words + (f'metric = "{metric}"\n' if metric else ""))
    assert (read.metric, *read.further_metrics) == metrics


def test_columns_of_token_and_tag_are_two_numbers_of_a_task_of_words(task):
    of_words = f'{HEAD}kind = "token-classification"\npath = "{{split}}.{{lang}}.txt"\nlabels = ["NOUN", "VERB"]\n'
    for columns in ("{token = 2}", "{token = 2, tag = 2}", '{token = 1, tag = "3"}', "{token = 0, tag = 1}"):
        with pytest.raises(DataError, match="key columns has to hold two numbers of columns, from 1: token = 2"):
            task(f"{of_words}columns = {columns}\n")
    with pytest.raises(DataError, match="key columns holds 'tag', and kind is sequence-classification"):
        task(REVIEWS.replace("[columns]", "[columns]\ntag = 2"))
    with pytest.raises(DataError, match="key metric holds 'entity-f1'; it may hold accuracy"):
        task(of_words + 'metric = "entity-f1"\n')


def test_without_a_header_the_columns_have_to_be_named_and_a_file_has_to_be_there(task, tmp_path):
    bare = REVIEWS[: REVIEWS.index("[columns]")] + "header = false\n"
    with pytest.raises(DataError, match="key header is false, so columns has to name the columns in their order."):
        task(bare)
    with pytest.raises(DataError, match="The task .*none.toml cannot be read: No such file or directory."):
        find_task(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes('name = "ü"'.encode("latin1"))
    with pytest.raises(DataError, match="cannot be read: it is not UTF-8 text."):
        find_task(str(tmp_path / "latin.toml"))


def test_a_task_is_known_by_its_name_once_it_was_fetched(task, tmp_path):
    own = task(REVIEWS.replace('"reviews"', '"opinions"'), data__id__train_dot_csv="review,sentiment\na,neg\nb,neg\n")
    with pytest.raises(UnknownNameError, match="There is no task 'opinions'"):
        find_task("opinions")
    fetch_data(own, ["id"], ["train"])
    assert find_task("opinions").definition == own.definition
    assert find_task("opinions").file == f"{tmp_path}/mine/task.toml"
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "mine" / "task.toml").read_text().replace("data/", "mine/data/"))
    fetch_data(find_task(str(other)), ["id"], ["train"])
    with pytest.raises(DataError, match="opinions was fetched from .*mine/task.toml and .*other.toml, and both are"):
        find_task("opinions")
    other.unlink()
    assert find_task("opinions").definition == own.definition
    (tmp_path / "mine" / "task.toml").unlink()
    with pytest.raises(DataError, match="opinions was fetched from .*, and is not there now. Name the file: --task"):
        find_task("opinions")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('sources = ["id"]', 'sources = ["id"] # more later\nsummary = "Of a shop."\nlicence = "MIT"', True),
        ('targets = ["jav", "zh-Hans"]', 'targets = ["jav"]', True),
        ('"jv", "zh-Hans"]\nsplits', '"jv", "zh-Hans", "su"]\nsplits', True),
        ("sizes = {train = 2}", "sizes = {train = 3}\nquoting = false", True),
        ('labels = ["negative", "positive"]', 'labels = ["positive", "negative"]', False),
        ('text = "review"', 'text = "title"', False),
        ("data/{lang}", "dato/{lang}", False),
        ('{neg = "negative"}', '{neg = "positive"}', False),
        ('["train", "test"]', '["train", "dev", "test"]', False),
    ],
)
def test_what_determines_the_data_is_the_definition(task, old, new, same):
    before = task(REVIEWS)
    assert old in REVIEWS
    after = task(REVIEWS.replace(old, new))
    assert (after.definition == before.definition) is same
    assert (after.key == before.key) is same


def test_data_of_a_code_that_now_means_another_language_are_read_anew(task):
    files = dict.fromkeys(("data__id__train_dot_csv", "data__in__train_dot_csv"), "review,sentiment\na,negative\n")
    text = REVIEWS.replace('["train", "test"]', '["train"]').replace('"zh-Hans"]\nsplits', "SU]\nsplits")
    text = text.replace('["id", "jv", SU]', '{id = "Indonesian", jv = "jv"}').replace('["jav", "zh-Hans"]', "[]")
    before = task(text, **files)
    ensure_data(before, ["ind"], "train")
    assert read_record(before, "ind", "train").code == "id"
    after = task(text.replace('{id = "Indo', '{in = "Indo').replace('["id"]', '["in"]'))
    assert after.key == before.key
    assert read_record(after, "ind", "train") is None
