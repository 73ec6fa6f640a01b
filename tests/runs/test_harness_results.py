"""`mslt fetch runs results_….json`: what the lm-evaluation-harness wrote, as runs that reports show.

The layout is that of lm_eval 0.4.13 (result_schema.py and loggers/evaluation_tracker.py of its wheel).
"""

import hashlib
import json
from pathlib import Path

import pytest
from in_process import run_command
from made_runs import made_record

from mslt_cli.evaluation.metrics import wilson
from mslt_cli.runs.directory import write_run

CHOICES = """def doc_to_choice(doc):
    return [convert_choice(doc["choice1"]), convert_choice(doc["choice2"])]
"""
XCOPA = {
    "dataset_path": "cambridgeltl/xcopa",
    "dataset_name": "et",
    "output_type": "multiple_choice",
    "test_split": "test",
    "doc_to_text": "functools.partial(<function doc_to_text at 0x7feee7d9bce0>, "
    "connector={'cause': 'sest', 'effect': 'seetõttu'})",
    "doc_to_target": "label",
    "doc_to_choice": CHOICES,
    "description": "",
    "target_delimiter": " ",
    "fewshot_delimiter": "\n\n",
    "fewshot_config": {"sampler": "default", "split": None, "doc_to_text": "<function doc_to_text at 0x7f>"},
    "repeats": 1,
    "metadata": {"version": 1.0},
}
"""What the harness writes of xcopa_et."""
BELEBELE = {
    "dataset_path": "facebook/belebele",
    "dataset_name": "deu_Latn",
    "output_type": "multiple_choice",
    "test_split": "test",
    "fewshot_split": "test",
    "fewshot_config": {"sampler": "first_n"},
    "doc_to_text": "P: {{flores_passage}}\nQ: {{question.strip()}}\nA: {{mc_answer1}}\nB: {{mc_answer2}}\n"
    "C: {{mc_answer3}}\nD: {{mc_answer4}}\nAnswer:",
    "doc_to_choice": ["A", "B", "C", "D"],
    "doc_to_target": "{{['1', '2', '3', '4'].index(correct_answer_num)}}",
}
MMLU = ["global_mmlu_full_de_anatomy", "global_mmlu_full_de_virology"]


def results(*, original=500, effective=None, right=300, limit=None, shots=0, args="pretrained=me/tiny", **top):
    """XCOPA in Estonian, a group of it, Belebele, Global-MMLU in parts, and a task that is not ours."""
    n = effective or original

    def scored(value, alias, **further):
        return {"alias": alias, "acc,none": value, "acc_stderr,none": 0.01, **further}

    return {
        "results": {
            "xcopa": scored(right / n, "xcopa"),
            "xcopa_et": scored(right / n, "xcopa_et"),
            "belebele_deu_Latn": scored(0.5, "belebele_deu_Latn", **{"acc_norm,none": 0.25}),
            "global_mmlu_full_de": scored(3_500 / 14_042, "de"),
            **{name: scored(0.25, name) for name in MMLU},
            "hellaswag": scored(0.25, "hellaswag"),
        },
        "groups": {"global_mmlu_full_de": scored(3_500 / 14_042, "de")},
        "group_subtasks": {"xcopa": ["xcopa_et"], "global_mmlu_full_de": ["global_mmlu_full_de_stem"]}
        | {"global_mmlu_full_de_stem": MMLU},
        "configs": {"xcopa_et": {"test_split": "test", "validation_split": "validation"}},
        "versions": {"xcopa_et": 1.0},
        "n-shot": {"xcopa_et": shots, "belebele_deu_Latn": 0},
        "n-samples": {
            "xcopa_et": {"original": original, "effective": n},
            "belebele_deu_Latn": {"original": 900, "effective": 900},
            MMLU[0]: {"original": 14_000, "effective": 14_000},
            MMLU[1]: {"original": 42, "effective": 42},
            "hellaswag": {"original": 10, "effective": 10},
        },
        "config": {"model": "hf", "model_args": args, "model_sha": "f" * 40, "device": "cuda:0", "limit": limit},
        "date": 1_790_000_000.5,
        "lm_eval_version": "0.4.13",
        "model_name": "me/tiny",
        "total_evaluation_time_seconds": "12.5",
        **top,
    }


@pytest.fixture
def mslt(own_store, tmp_path, monkeypatch):
    monkeypatch.setenv("MSLT_STORE", str(own_store))
    monkeypatch.setenv("MSLT_RUNS", str(tmp_path / "runs"))

    def run(*words, code=0):
        done = run_command(*words, HF_HOME=str(tmp_path / "hf"))
        assert done.returncode == code, done.stderr
        return done

    return run


def test_scores_of_an_adapter_that_a_run_kept_are_that_run_s(mslt, tmp_path):
    folder = tmp_path / "runs" / "MSLT_0123456789ab"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "adapter_model.safetensors").write_bytes(b"weights")
    record = made_record(("ara", "deu"), {}, task="bactrian", model="bloom-560m", adapter={"rank": 8})
    files = {"model/adapter_model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    write_run(folder, {**record, "task": {"name": "bactrian", "without": []}, "means": [], "files": files})
    args = {"pretrained": "bigscience/bloom-560m", "peft": str(folder / "model"), "dtype": "float16"}
    done = mslt("fetch", "runs", write(tmp_path / "out", results(args=args)), "--json")
    assert [run["run_id"] for run in json.loads(done.stdout)["runs"]] == [record["run_id"]]
    scores = json.loads((folder / "run.json").read_text())["scores"]
    assert {(s["task"], s["target"], s["unseen"]) for s in scores} == {
        ("xcopa-no-question", "est", True),
        ("belebele", "deu", False),
        ("globalmmlu", "deu", False),
    }
    args["load_in_4bit"] = True  # another model
    done = mslt("fetch", "runs", write(tmp_path / "out", results(args=args)), "--json")
    assert record["run_id"] not in done.stdout


def test_strange_values_are_no_crash(mslt, tmp_path):
    strange = results(date=1e300, total_evaluation_time_seconds="soon", versions=[], configs=[1])
    strange["group_subtasks"] |= {"xcopa_et": ["xcopa"], "x": 7}
    strange["group_subtasks"]["global_mmlu_full_de_stem"] = [*MMLU, "global_mmlu_full_de"]  # a circle
    strange["results"] |= {"xcopa_id": {"acc,none": float("nan")}, "xcopa_it": 5, "xcopa_th": {"acc,none": "0.5"}}
    strange["n-samples"] |= {name: {"original": 500, "effective": 500} for name in ("xcopa_id", "xcopa_it", "xcopa_th")}
    runs = taken(mslt, write(tmp_path / "out", strange))
    assert [score["target"] for score in runs["xcopa-no-question"]["scores"]] == ["est"]
    assert runs["globalmmlu"]["scores"][0]["rows"] == 14_042


def write(folder, content, name="results_2026-11-27T10-00-00.json"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder / name


def taken(mslt, *paths):
    runs = json.loads(mslt("fetch", "runs", *paths, "--json").stdout)["runs"]
    shown = [json.loads(path.read_text()) for run in runs for path in [Path(run["directory"]) / "run.json"]]
    return {run["identity"]["task"]["name"]: run for run in shown}


def test_scores_of_the_harness_become_runs_that_reports_show(mslt, tmp_path):
    path = write(tmp_path / "out", results())
    done = mslt("fetch", "runs", path)
    assert "left out, for they are no tasks of mslt's: hellaswag." in done.stderr
    assert "stored as xcopa-no-question, for the harness repairs nothing" in " ".join(done.stderr.split())
    runs = taken(mslt, tmp_path / "out")
    assert {*runs} == {"xcopa-no-question", "belebele", "globalmmlu"}
    (accuracy,) = runs["xcopa-no-question"]["scores"]
    assert (accuracy["target"], accuracy["scoring"], accuracy["split"]) == ("est", "options+lm-eval", "test")
    assert (accuracy["value"], accuracy["counts"]) == (0.6, {"correct": 300, "n": 500})
    assert (accuracy["low"], accuracy["high"]) == pytest.approx(wilson(300, 500))
    assert [(s["metric"], s["value"], s["rows"]) for s in runs["belebele"]["scores"]] == [
        ("accuracy", 0.5, 900),
        ("acc_norm", 0.25, 900),
    ]
    (mmlu,) = runs["globalmmlu"]["scores"]
    assert (mmlu["rows"], mmlu["target"]) == (14_042, "deu")
    listed = mslt("report", "runs").stdout
    assert "me/tiny" in listed and "options+lm-eval" in listed
    assert json.loads(mslt("report", "runs", "--missing", "--json").stdout)["runs"] == []


def test_another_file_of_the_model_adds_to_its_run(mslt, tmp_path):
    write(tmp_path / "out", results())
    other = results()
    other["results"] = {"xcopa_id": other["results"]["xcopa_et"]}
    other["groups"], other["n-samples"] = {}, {"xcopa_id": {"original": 500, "effective": 500}}
    write(tmp_path / "out", other, "results_2026-11-28T10-00-00.json")
    assert [score["target"] for score in taken(mslt, tmp_path / "out")["xcopa-no-question"]["scores"]] == ["est", "ind"]


@pytest.mark.parametrize(
    ("changes", "scoring", "split"),
    [
        ({"effective": 100, "right": 60, "limit": 100}, "options+lm-eval", "test[:100]"),
        ({"shots": 5, "chat_template": "{{ x }}"}, "options+lm-eval+5-shot+chat", "test"),
        ({"system_instruction": "Be brief."}, "options+lm-eval+system-213c22ed", "test"),
    ],
)
def test_limit_shots_and_templates_stand_in_the_name(mslt, tmp_path, changes, scoring, split):
    (score,) = taken(mslt, write(tmp_path / "out", results(**changes)))["xcopa-no-question"]["scores"]
    assert (score["scoring"], score["split"], score["value"]) == (scoring, split, 0.6)


def test_what_makes_another_model_stands_in_its_name(mslt, tmp_path):
    args = {"pretrained": "bigscience/bloom-560m", "peft": "me/lora", "load_in_4bit": True, "dtype": "float16"}
    runs = taken(mslt, write(tmp_path / "out", results(args=args)))
    assert runs["belebele"]["model"] == "bloom-560m (load_in_4bit=True, peft=me/lora)"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"original": 499}, "xcopa_et, for it has 499 rows, and xcopa 500"),
        ({"effective": 100, "right": 60}, "xcopa_et, for which rows were asked is not known"),
        (
            {"configs": {"xcopa_et": {"output_type": "generate_until"}}},
            "xcopa_et, for its output_type is generate_until",
        ),
        ({"configs": {"xcopa_et": {"dataset_name": "th"}}}, "xcopa_et, for its dataset_name is th"),
        ({"right": 300.4}, "acc,none of xcopa_et, for 0.6008 is no share of 500 rows"),
    ],
)
def test_what_is_not_known_is_said_and_left_out(mslt, tmp_path, changes, what):
    done = mslt("fetch", "runs", write(tmp_path / "out", results(**changes)), "--json")
    assert what in " ".join(done.stderr.split())
    assert {run["task"] for run in json.loads(done.stdout)["runs"]} == {"belebele", "globalmmlu"}


def test_the_harness_s_own_prompts_have_the_plain_name_in_each_language(mslt, tmp_path):
    content = results()
    content["configs"] = {"xcopa_et": XCOPA, "belebele_deu_Latn": BELEBELE}
    by_task = taken(mslt, write(tmp_path / "out", content))
    assert by_task["xcopa-no-question"]["scores"][0]["scoring"] == "options+lm-eval"
    assert by_task["belebele"]["scores"][0]["scoring"] == "options+lm-eval"
    content["n-shot"] = {"xcopa_et": 5, "belebele_deu_Latn": 5}
    by_task = taken(mslt, write(tmp_path / "out", content))
    assert [score["scoring"] for score in by_task["belebele"]["scores"]][-1] == "options+lm-eval+5-shot"
    assert by_task["xcopa-no-question"]["scores"][-1]["scoring"] == "options+lm-eval+5-shot"


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "Answer well."},
        {"doc_to_text": "{{premise}}"},
        {"doc_to_choice": "{{[choice2, choice1]}}"},
        {"doc_to_target": "{{1 - label}}"},
        {"dataset_path": "my/own"},
        {"dataset_name": "mine"},
        {"target_delimiter": ""},
        {"process_docs": "def process_docs(rows): ..."},
    ],
)
def test_another_prompt_or_data_set_is_another_scoring(mslt, tmp_path, changes):
    usual = results(configs={"xcopa_et": XCOPA})
    other = results(right=100, configs={"xcopa_et": XCOPA | changes})
    write(tmp_path / "out", usual)
    write(tmp_path / "out", other, "results_2026-11-28T10-00-00.json")
    scores = taken(mslt, tmp_path / "out")["xcopa-no-question"]["scores"]
    assert [score["value"] for score in scores] == [0.6, 0.2]
    assert scores[0]["scoring"] == "options+lm-eval"
    assert scores[1]["scoring"].startswith("options+lm-eval+config-")


def test_of_two_scores_the_newer_stays_in_whatever_order_they_come(mslt, tmp_path):
    new = write(tmp_path / "new", results(right=300, date=1_790_000_000.0))
    old = write(tmp_path / "old", results(right=100, date=1_690_000_000.0))
    for paths in ([new], [tmp_path], [old], [old, new], [new, old]):
        run = taken(mslt, *paths)["xcopa-no-question"]
        assert [score["value"] for score in run["scores"]] == [0.6]
        assert run["finished_at"].startswith("2026-09-21")


def test_a_comma_in_a_model_s_path_is_part_of_it(mslt, tmp_path):
    args = "pretrained=/x/a,b/model,load_in_4bit=True"
    assert taken(mslt, write(tmp_path / "out", results(args=args)))["belebele"]["model"] == (
        "/x/a,b/model (load_in_4bit=True)"
    )


def test_metrics_that_are_not_taken_are_said(mslt, tmp_path):
    content = results()
    content["results"]["xcopa_et"] |= {"f1,none": 0.5, "f1_stderr,none": 0.1, "acc,strict": 0.5}
    content["results"]["belebele_deu_Latn"] |= {"f1,none": 0.5}
    said = " ".join(mslt("fetch", "runs", write(tmp_path / "out", content)).stderr.split())
    assert "left out: f1,none of xcopa_et, belebele_deu_Latn, for mslt takes acc,none and acc_norm,none alone" in said
    assert "left out: acc,strict of xcopa_et, for mslt takes" in said
    assert "stderr" not in said and "alias" not in said


@pytest.mark.parametrize(
    ("scored", "what"),
    [
        ({"exact_match,none": 0.5}, "can place: left out: exact_match,none of xcopa_et, for mslt takes"),
        ({"alias": "xcopa_et"}, "can place: left out: xcopa_et, for it has no metric"),
        ({"acc,none": True}, "can place: left out: acc,none of xcopa_et, for True is no share of 500 rows"),
        ({"acc,none": None}, "can place: left out: acc,none of xcopa_et, for None is no share of 500 rows"),
    ],
)
def test_a_file_of_which_nothing_is_taken_says_why(mslt, tmp_path, scored, what):
    content = results(results={"xcopa_et": scored}, groups={})
    assert what in " ".join(mslt("fetch", "runs", write(tmp_path / "out", content), code=1).stderr.split())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("no JSON", "cannot be read: it is not JSON"),
        ("[1]", "holds no results of the lm-evaluation-harness"),
        ({"results": {"arc": {"acc,none": 1.0}}, "model_name": "x"}, "has no score that mslt can place: left out"),
        (results(args="", model_name=None), "does not say which model it is of"),
        (results(args={"pretrained": "me/\ud800"}), "holds text that is not UTF-8"),
        ("[" * 5_000, "cannot be read: it is nested too deeply"),
    ],
)
def test_files_that_are_not_the_harness_s_are_refused_in_a_sentence(mslt, tmp_path, content, what):
    done = mslt("fetch", "runs", write(tmp_path / "out", content), code=1)
    assert what in " ".join(done.stderr.split())
    assert "Give a results_….json, or the folder of its --output_path." in " ".join(done.stderr.split())
    assert "1 of 1 runs were not taken" in done.stderr


def test_a_file_of_something_else_in_a_folder_of_runs_is_left_out_and_said(mslt, tmp_path):
    write(tmp_path / "there", results())
    write(tmp_path / "there", {"mine": 1}, "results_of_mine.json")
    done = mslt("fetch", "runs", tmp_path / "there")
    assert "results_of_mine.json was left out: it holds no results of the lm-evaluation-harness" in done.stderr
    assert "3 runs in the store" in done.stdout
