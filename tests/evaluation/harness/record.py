"""Let EleutherAI's lm-evaluation-harness score items with a model, and write what it says.

    python -m venv harness && harness/bin/pip install torch==2.13.0 'lm_eval[hf]==0.4.13'
    harness/bin/python tests/evaluation/harness/record.py MODEL ITEMS OUT.json

ITEMS is a folder of JSON lines in the hub's columns, a file a task of the harness: xcopa_et.jsonl, xwinograd_jp.jsonl.
`test_harness.py` compares with what was written so; the harness is no dependency, for it brings some sixty packages.
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import lm_eval
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM


def config_of(task, items, folder):
    """Path of a task's own configuration with our items in the place of its data."""
    family, code = task.split("_")
    own = Path(lm_eval.__file__).parent / "tasks" / family
    names = (f"default_{code}.yaml", f"{task}.yaml")
    split = "eval" if family == "xstorycloze" else "test"
    changed = {
        "include": str(next(own / name for name in names if (own / name).is_file())),
        "task": task,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: str(items)}},
        "training_split": None,
        "validation_split": split if split == "eval" else None,
    }
    path = folder / f"{task}.yaml"
    path.write_text(json.dumps(changed))  # JSON is YAML
    return str(path)


def main(model, items, out):
    lm = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=1)
    said = {}
    for path in sorted(Path(items).glob("*.jsonl")):
        with tempfile.TemporaryDirectory() as folder:
            config = config_of(path.stem, path.resolve(), Path(folder))
            done = evaluator.simple_evaluate(model=lm, tasks=[config], log_samples=True, bootstrap_iters=0)
        samples = sorted(done["samples"][path.stem], key=lambda sample: sample["doc_id"])
        said[path.stem] = [
            {
                "arguments": [list(pair) for pair in sample["arguments"]],
                "scores": [float(response[0]) for response in sample["filtered_resps"]],
                "right": sample["acc"],
            }
            for sample in samples
        ]
    record = {"lm_eval": version("lm_eval"), "transformers": version("transformers"), "said": said}
    Path(out).write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
