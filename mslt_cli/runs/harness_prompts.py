"""Whether the lm-evaluation-harness asked a task of ours in its usual way: what its results say of data and prompt."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from mslt_cli.tasks.task import Task
from mslt_cli.tasks.xcopa import CONNECTIVES

FOUR_LETTERS = '["A", "B", "C", "D"]'
USUAL = {
    "xcopa": {
        "doc_to_text": "functools.partial(<function doc_to_text>, connector=…)",
        "doc_to_target": "label",
        "doc_to_choice": "sha256:3ae1e23df963a9847a4a5f40c090252befa544605106407e44e9b1b1fa0d7532",
    },
    "xwinograd": {
        "doc_to_text": "sha256:51b22ef18f05f0123dc0c883741c2a3bd75555426ca606d7eee3222c63d9d764",
        "doc_to_target": "sha256:2957c9e3ec4427728edb339baa4607b902f62624320f68a067ed0cb4ea08f467",
        "doc_to_choice": "sha256:e8831c5ab2d435375333bfb1ac4a31e0cfc1c9108cc38c8a49a5fac26376827d",
    },
    "xstorycloze": {
        "doc_to_text": "{{[input_sentence_1, input_sentence_2, input_sentence_3, input_sentence_4]|join(' ')}}",
        "doc_to_target": "{{answer_right_ending-1}}",
        "doc_to_choice": "{{[sentence_quiz1, sentence_quiz2]}}",
    },
    "belebele": {
        "doc_to_text": "P: {{flores_passage}}\nQ: {{question.strip()}}\nA: {{mc_answer1}}\nB: {{mc_answer2}}\n"
        "C: {{mc_answer3}}\nD: {{mc_answer4}}\nAnswer:",
        "doc_to_target": "{{['1', '2', '3', '4'].index(correct_answer_num)}}",
        "doc_to_choice": FOUR_LETTERS,
        "fewshot_split": "test",
        "sampler": "first_n",
    },
    "globalmmlu": {
        "doc_to_text": "{{question.strip()}}\nA. {{option_a}}\nB. {{option_b}}\nC. {{option_c}}\nD. {{option_d}}\n"
        "Answer:",
        "doc_to_target": "answer",
        "doc_to_choice": FOUR_LETTERS,
        "process_docs": "functools.partial(<function process_docs>, subject=…)",
        "fewshot_split": "dev",
        "sampler": "first_n",
    },
}
"""What the harness (0.4.13) has of each of our tasks, its functions by the SHA-256 of their source."""
DEFAULTS = {"target_delimiter": " ", "fewshot_delimiter": "\n\n", "sampler": "default", "repeats": "1"}
OLDER_DATA = {"xcopa": "xcopa", "globalmmlu": "CohereForAI/Global-MMLU"}
"""Names that the data have in the harness, where we have another."""
ASKED = {"doc_to_text", "doc_to_target", "doc_to_choice", "process_docs", "process_results", "use_prompt"}
ASKED |= {"description", "target_delimiter", "gen_prefix", "filter_list", "repeats"}
SHOWN = {"fewshot_split", "fewshot_delimiter"}
SHOWN_FURTHER = ("sampler", "fewshot_indices", "samples")
"""What of `fewshot_config` is not in the rest."""


def find_conflict(config: Mapping[str, Any], code: str, codes: Mapping[str, str]) -> str:
    """Why this is not the task in that language; "" where nothing speaks against it.

    Args:
        config: of a task, as the harness's results have it.
        code: the language in the task's name, in small letters.
        codes: the ISO 639-3 code of each such code.
    """
    kind, data = config.get("output_type", "multiple_choice"), str(config.get("dataset_name", code)).casefold()
    if kind != "multiple_choice":
        return f"its output_type is {kind}, not multiple_choice"
    return f"its dataset_name is {config['dataset_name']}" if data != code and data in codes else ""


def find_unusual(config: Mapping[str, Any], task: Task, language: str, shots: bool) -> dict[str, str]:
    """What of a task's data, prompt and examples is not the harness's own, as far as its results say it.

    Args:
        config: see `find_conflict`; there is no conflict.
        shots: whether examples are shown.
    """
    shown = config.get("fewshot_config") if shots else None
    given = {name: config.get(name) for name in (ASKED | SHOWN if shots else ASKED)}
    given |= {name: shown.get(name) for name in SHOWN_FURTHER} if isinstance(shown, dict) else {}
    usual = DEFAULTS | USUAL[task.name]
    unusual = {}
    for name, value in given.items():
        text = _text(value, language)
        if value not in (None, usual.get(name, "")) and usual.get(name) not in (text, f"sha256:{digest(text.strip())}"):
            unusual[name] = text
    codes = {code.casefold() for known in task.languages.values() for code in known}
    data = {task.hub.repository if task.hub else "", OLDER_DATA.get(task.name, "")}
    if config.get("dataset_path") not in (None, *data):
        unusual["dataset_path"] = str(config["dataset_path"])
    if str(config.get("dataset_name", task.code(language))).casefold() not in codes:
        unusual["dataset_name"] = str(config["dataset_name"])
    return unusual


def digest(text: str) -> str:
    """The SHA-256 of a text, which may be no UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(value: Any, language: str) -> str:
    """A setting as text, without what differs from call to call or from language to language."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)
    cause, effect = CONNECTIVES.get(language, ("", ""))
    text = text.replace(f"connector={ {'cause': cause, 'effect': effect} }", "connector=…")
    return re.sub(r"(?<=<function process_docs>, )subject='\w+'", "subject=…", text)
