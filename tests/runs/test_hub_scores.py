"""Scores as the hub reads them, by the hub's own parser."""

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from in_process import run_command
from made_runs import made_record, save_runs

from mslt_cli.progress import Progress
from mslt_cli.runs.hub_scores import write_hub_scores

RUN = "0123456789ab"


def score(task, target, value=0.5, **more):
    """As run.json has it: of 200 rows, with an interval of ±5 points."""
    usual = {"split": "test", "scoring": "", "metric": "accuracy", "low": value - 0.05, "high": value + 0.05}
    return {"task": task, "target": target, "value": value, "rows": 200, "unseen": True, **usual, **more}


def entries(path):
    return parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_each_language_is_an_entry_in_percent_under_the_name_of_its_subset(tmp_path):
    scores = [score("xnli", "tur", 0.655), score("xnli", "deu", 0.71, unseen=False), score("sib200", "ell")]
    scores += [score("udpos", "deu")]
    paths = write_hub_scores(tmp_path / "model" / ".eval_results", RUN, "SSLT(de)", scores)
    assert [path.name for path in paths] == ["xnli.yaml", "sib200.yaml", "udpos.yaml"]
    german, turkish = entries(paths[0])
    assert (turkish.dataset_id, turkish.task_id, turkish.value) == ("facebook/xnli", "tr", 65.5)
    assert turkish.notes == (
        "accuracy on test, %, 200 rows in Turkish; 95 % interval 60.50 to 70.50 over rows; SSLT(de), not trained on "
        f"this language; mslt run {RUN}"
    )
    assert german.task_id == "de" and "SSLT(de), trained on this language" in german.notes
    assert (german.date, german.source_url, german.verify_token) == (None, None, None)
    assert [entries(path)[0].task_id for path in paths[1:]] == ["ell_Grek", "udpos.German"]


def test_ways_of_asking_have_files_of_their_own_and_repairs_are_said(tmp_path):
    scores = [score("xcopa", "est", scoring=way) for way in ("letters", "options", "letters+swap")]
    scores += [score("xcopa-no-question", "est", scoring="letters")]
    paths = write_hub_scores(tmp_path, RUN, "bloom-560m", scores)
    names = ["xcopa_letters", "xcopa_options", "xcopa_letters_swap", "xcopa-no-question_letters"]
    assert [path.stem for path in paths] == names
    assert "asked by options" in entries(paths[1])[0].notes
    assert "data repaired: question" in entries(paths[0])[0].notes
    assert "repaired" not in entries(paths[3])[0].notes


@pytest.mark.parametrize(
    "given",
    [
        score("cldr", "fin"),  # on no hub
        score("xnli", "tur", split="test[:100]"),
        score("xnli", "tur", split="validation"),
        score("wikiann", "tur", metric="entity-f1"),  # not its own metric
        score("gone.toml", "tur"),
    ],
    ids=lambda given: " ".join((given["task"], given["split"], given["metric"])),
)
def test_what_is_no_score_of_a_data_set_of_the_hub_is_left_out(tmp_path, given):
    assert write_hub_scores(tmp_path, RUN, "SSLT(en)", [given]) == []
    assert not [*tmp_path.iterdir()]


def test_a_file_that_somebody_edited_stays(tmp_path):
    notes = []

    class Heard(Progress):
        def note(self, text):
            notes.append(text)

    (path,) = write_hub_scores(tmp_path, RUN, "SSLT(en)", [score("xnli", "tur", 0.5)])
    write_hub_scores(tmp_path, RUN, "SSLT(en)", [score("xnli", "tur", 0.6)], Heard())
    assert entries(path)[0].value == 60 and not notes
    path.write_text(path.read_text().replace("value: 60.0", "value: 60.0\n  source: {url: https://example.org}"))
    write_hub_scores(tmp_path, RUN, "SSLT(en)", [score("xnli", "tur", 0.7)], Heard())
    assert (entries(path)[0].value, entries(path)[0].source_url) == (60, "https://example.org")
    assert "xnli.yaml was edited and stays as it is" in notes[0]


def test_a_run_without_weights_is_written_by_a_command(filled_store, tmp_path):
    store = tmp_path / "store.db"
    store.write_bytes(filled_store.read_bytes())
    record = made_record(["eng"], {"tur": 0.5, "hin": 0.6})
    other = made_record(["eng"], {"fin": 0.5}, task="cldr")
    save_runs(store, [record, other])
    where = {"MSLT_STORE": str(store), "HF_HOME": str(tmp_path / "hf")}
    folder = tmp_path / "my-model" / ".eval_results"
    done = run_command("report", "run", record["run_id"][:6], "--out", folder, **where)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"mslt: written: {folder / 'xnli.yaml'}\n")
    assert [(entry.task_id, entry.value) for entry in entries(folder / "xnli.yaml")] == [("hi", 60), ("tr", 50)]
    refused = run_command("report", "run", other["run_id"], "--out", tmp_path / "b" / ".eval_results", **where)
    assert refused.returncode == 1 and "has no score on all rows of a data set of the hub" in refused.stderr
    assert not (tmp_path / "b").exists()
    wrong = run_command("report", "run", other["run_id"], "--out", tmp_path / "x.csv", **where)
    assert "or of one run a folder .eval_results" in wrong.stderr
