"""The card of a kept model, for whoever gets its folder without the run: README.md, with front matter for the hub."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mslt_cli.harmless import clean, escape_markdown
from mslt_cli.languages.resolver import shipped
from mslt_cli.models import MODELS
from mslt_cli.models.find import Model
from mslt_cli.models.folder import ModelFiles, check_model_folder, glues_words, read_tokenizer
from mslt_cli.progress import QUIET, Progress
from mslt_cli.runs.directory import CARD, MERGED, MODEL, Run
from mslt_cli.runs.hub_scores import FOLDER, write_hub_scores
from mslt_cli.runs.made_files import write_unless_edited
from mslt_cli.runs.score_rows import code_in, find_tasks, task_of_score
from mslt_cli.runs.session import longest_example
from mslt_cli.tasks.prompts import instruction_prompt
from mslt_cli.tasks.task import Task
from mslt_cli.training.settings import Settings

UNKNOWN = "not known to mslt, see where {} from"
SENTENCES = """\
from transformers import pipeline

classify = pipeline("text-classification", "path/to/this/folder")
print(classify(["A text."], truncation=True, max_length={longest}))
print(classify([{{"text": "One text,", "text_pair": "and another."}}], truncation=True, max_length={longest}))
"""
WORDS = """\
from transformers import AutoModelForTokenClassification, AutoTokenizer

model = AutoModelForTokenClassification.from_pretrained("path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
batch = tokenizer([["Give", "it", "words"]], is_split_into_words=True, return_tensors="pt")
labels = model(**batch).logits[0].argmax(-1).tolist()
pieces = {}
for i, word in reversed(list(enumerate(batch.word_ids()))):
    if word is not None and (batch.tokens()[i].strip("▁Ġ ") or word not in pieces):
        pieces[word] = i
print([model.config.id2label[labels[pieces[word]]] for word in sorted(pieces)])
"""
DECODER = """\
from {package} import {prefix}ModelForCausalLM
from transformers import AutoTokenizer

model = {prefix}ModelForCausalLM.from_pretrained("path/to/this/folder")
tokenizer = AutoTokenizer.from_pretrained({tokenizer!r})
"""


def write_cards(directory: Path, record: Mapping[str, Any], progress: Progress = QUIET) -> None:
    """Write the card of each model that a run keeps, from what run.json says or is about to say; and its scores beside
    it, as the hub reads them.

    Both follow from run.json, and are in none of its checksums. What somebody edited stays as it is, and that is said.
    Raises: MsltError: it cannot be written.
    """
    run = Run(directory, record)
    for folder in (MODEL, MERGED):
        if (directory / folder).is_dir():
            write_unless_edited(directory / folder / CARD, _Card(run, folder).text, progress)
            write_hub_scores(directory / folder / FOLDER, run.run_id, record["name"], run.scores, progress)


@dataclass(frozen=True)
class _Card:
    """The card of the model in one folder of a run."""

    run: Run
    folder: str

    @cached_property
    def files(self) -> ModelFiles | None:
        """None = an adapter, whose model is elsewhere."""
        adapter = self.decoder and self.folder == MODEL
        return None if adapter else check_model_folder(self.run.directory / self.folder)

    @cached_property
    def task(self) -> Task | None:
        """What it was trained for; None where the file of a user's own task is gone."""
        return find_tasks([self.run]).get(self.run.identity["task"]["name"])

    @property
    def decoder(self) -> bool:
        return "adapter" in self.run.identity["settings"]

    @property
    def words(self) -> bool:
        """Whether it classifies words."""
        stated = self.files.config.get("architectures") if self.files is not None else None
        return str((stated or [""])[0]).endswith("ForTokenClassification")

    @property
    def repository(self) -> str | None:
        """The base model on the hub."""
        name = self.run.model
        return MODELS[name].repo_id if name in MODELS else name if re.fullmatch(r"[\w.-]+/[\w.-]+", name) else None

    @property
    def text(self) -> str:
        """All but the last line."""
        front = ["---", self._front_matter(), "---", ""]
        return "\n".join([*front, *self._about(), *self._scores(), *self._loading(), "", ""])

    def _front_matter(self) -> str:
        """YAML, by the hub's own library, so that no name can say more than itself."""
        from huggingface_hub import EvalResult, ModelCardData

        run, adapter = self.run, self.decoder and self.folder == MODEL
        kind = "text-generation" if self.decoder else "token-classification" if self.words else "text-classification"
        results = [
            EvalResult(
                task_type="multiple-choice" if self.decoder else kind,
                dataset_type=_repository(task) or _line(score["task"]),
                dataset_name=_line(score["task"]),
                dataset_config=code_in(task, score["target"]),
                dataset_split=_line(score["split"]),
                metric_type=_line(score["metric"]),
                metric_name=_line(_metric(score)),
                metric_value=round(float(score["value"]), 6),
            )
            for score in run.scores
            for task in [task_of_score(score)]
        ]
        languages = {*run.identity["shares"], *(score["target"] for score in run.scores)}
        pooled = self.files is not None and self.files.mean_pooled
        return ModelCardData(
            language=sorted({shipped().resolve(x).iso639_1 or x for x in languages}),
            license="other",
            license_name="base-model-and-data",
            library_name="mslt" if pooled else "peft" if adapter else "transformers",
            pipeline_tag=kind,
            base_model=self.repository,
            base_model_relation=None if self.repository is None else "adapter" if adapter else "finetune",
            datasets=[name] if (name := _repository(self.task)) else None,
            metrics=sorted({_line(score["metric"]) for score in run.scores}) or None,
            tags=["mslt", "cross-lingual-transfer"],
            model_name=_line(f"{run.record['name']} {run.identity['task']['name']}") if results else None,
            eval_results=results or None,
        ).to_yaml()

    def _about(self) -> list[str]:
        run, identity, task = self.run, self.run.identity, self.task
        known, shares = MODELS.get(run.model), run.identity["shares"]
        base = run.model if self.repository or known else f"a folder that was called {run.model.rsplit('/', 1)[-1]}"
        examples = ", ".join(f"{_spoken(x)} {n:,}" for x, n in shares.items())
        facts = {
            "Task": f"{identity['task']['name']} ({task.summary})" if task else identity["task"]["name"],
            "Base model": f"{base} ({known.summary})" if known else base,
            "Sources, with their examples": f"{examples}; {sum(shares.values()):,} in all",
            "Seeds": f"{identity['seed']} of the training, {identity['data_seed']} of the sample",
            "Licence of the base model": known.licence if known else UNKNOWN.format("it is"),
            "Licence of the data": (task.licence if task else "") or UNKNOWN.format("they are"),
            "Source of the data": (task.citation if task else "") or "not stated",
            "Made with": ", ".join(f"{x} {run.record['environment'][x]}" for x in ("mslt", "torch", "transformers")),
        }
        return [
            f"# {_shown(run.record['name'])} of {_shown(base)} on {_shown(identity['task']['name'])}",
            "",
            *(f"- {label}: {_shown(fact)}" for label, fact in facts.items()),
            "",
            "Both licences count; mslt does not decide under which one these weights may be passed on. The command:",
            "",
            *_code(_without_places(run.record["command"])),
            "",
        ]

    def _scores(self) -> list[str]:
        if not self.run.scores:
            return ["It was not evaluated.", ""]
        rows = ["| task | split | language | trained on it | metric | score, % | 95 % interval | majority, % | rows |"]
        rows += ["|---|---|---|---|---|--:|---|--:|--:|"]
        for score in self.run.scores:
            low, high, most = score["low"], score["high"], score["counts"].get("majority")
            cells = [score["task"], score["split"], _spoken(score["target"]), "no" if score["unseen"] else "yes"]
            cells += [_metric(score), _percent(score["value"])]
            cells += ["" if low is None else f"{_percent(low)} to {_percent(high)}"]
            cells += ["" if most is None else _percent(most / score["rows"]), f"{score['rows']:,}"]
            rows.append("| " + " | ".join(map(_shown, cells)) + " |")
        more = "The intervals are those of the test rows: another seed of the training gives another score."
        return ["## Scores", "", *rows, "", more, ""]

    def _loading(self) -> list[str]:
        """How to load it so that it gives these scores."""
        return ["## How to load it", "", *(self._loading_decoder() if self.decoder else self._loading_classifier())]

    def _loading_decoder(self) -> list[str]:
        settings = self.run.identity["settings"]
        if self.folder == MERGED:
            say = "The adapter is worked into the weights as they were published"
            code = DECODER.format(package="transformers", prefix="Auto", tokenizer="path/to/this/folder")
        else:
            say = "This is an adapter, and its base model is loaded beside it"
            base = clean(self.repository or "path/to/its/base/model")
            code = DECODER.format(package="peft", prefix="AutoPeft", tokenizer=base)
        four_bit = "; the scores are those of a base model in 4 bits (NF4)." if settings["adapter"]["four_bit"] else "."
        prompt = instruction_prompt("{instruction}", "{input}", settings.get("spacing") or "bactrian")
        form = ["", "It was trained on prompts of this form; the input may be absent:", "", *_code(prompt)]
        return [say + four_bit, "", *_code(code), *form]

    def _loading_classifier(self) -> list[str]:
        assert self.files is not None
        longest = longest_example(Model("", self.files, ""), Settings.from_json(self.run.identity["settings"]))
        if self.words and glues_words(read_tokenizer(self.files.folder)):
            say = "Its tokenizer joins words that it is given one by one, so mslt gives it sentences."
            return [say, "Evaluate it with `mslt eval path/to/this/folder --task …`."]
        if self.words:
            say = "The label of a word is that of its first piece that is more than the mark of a blank."
            return [f"{say} Sentences of more than {longest:,} tokens were read in parts.", "", *_code(WORDS)]
        cut = f"Texts were cut at {longest:,} tokens."
        if not self.files.mean_pooled:
            return [cut, "", *_code(SENTENCES.format(longest=longest))]
        say = "Its head is over the mean of the tokens, and no class of transformers has it for this encoder. The first"
        say += " line brings it (`pip install 'mslt-cli[train]'`); without it transformers refuses to load the folder."
        code = "import mslt_cli.models.mean_pooled\n" + SENTENCES.format(longest=longest)
        return [f"{say} {cut}", "", *_code(code)]


def _without_places(command: str) -> str:
    """A command line that shows nobody how the folders of the machine are called that ran it."""
    words = [f"path/to/{os.path.basename(word)}" if word.startswith("/") else word for word in shlex.split(command)]
    return shlex.join(words)


def _code(text: str) -> list[str]:
    """A block of code, by its indent, which nothing in it can end."""
    return [f"    {clean(line)}".rstrip() for line in text.splitlines()]


def _line(text: object) -> str:
    """A name or fact of others on one line: two of them could end the front matter."""
    return clean(" ".join(str(text).split()))


def _shown(text: object) -> str:
    """The same in Markdown, where it is shown as it is."""
    return escape_markdown(_line(text))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _metric(score: Mapping[str, Any]) -> str:
    """ "accuracy", and how answers were read where there are several ways."""
    return " ".join(filter(None, [score["metric"], score.get("scoring")]))


def _spoken(language: str) -> str:
    """ "German (deu)"."""
    return f"{shipped().resolve(language).name} ({language})"


def _repository(task: Task | None) -> str | None:
    return task.hub.repository if task is not None and task.hub is not None else None
