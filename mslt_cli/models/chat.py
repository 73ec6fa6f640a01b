"""The chat template of a model that was tuned on conversations: how a question is put to it, and what ends its answer.

A template is text of others in Jinja's language. transformers renders it in its sandbox, and it is given texts alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mslt_cli.errors import ModelError, needs
from mslt_cli.foreign import UnreadableError, read_text_file
from mslt_cli.models.folder import CHAT_TEMPLATE, GENERATION, TOKENIZER_SETTINGS, read_json_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DATE = "26 Jul 2024"
"""The day that prompts name where a template asks for `date_string`, so that they are the same on every day. It is the
one of Llama's templates where no other is given."""
ANSWER = "ANSWER"


@dataclass(frozen=True)
class ChatTemplate:
    """A template and the texts that it may ask for."""

    folder: Path
    text: str
    tokens: Mapping[str, str]
    """Special tokens by the names that templates have for them: bos_token, …"""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def names_today(self) -> bool:
        """Whether its prompts may say what day it is."""
        return "strftime_now" in self.text and "date_string" not in self.text

    def prompt(self, question: str) -> str:
        """All that comes before the answer to a question, special tokens included.

        Raises: ModelError: the template cannot be rendered.
        """
        return self._render([{"role": "user", "content": question}], add_generation_prompt=True)

    def end_ids(self, tokenizer: Tokenizer) -> frozenset[int]:
        """The ids that end an answer: the special token that the template puts behind one, and the `eos_token_id`s of
        generation_config.json, of which nothing else is read."""
        said = [{"role": "user", "content": "Question"}, {"role": "assistant", "content": ANSWER}]
        _, there, after = self._render(said).rpartition(ANSWER)
        added = tokenizer.get_added_tokens_decoder()
        ids = tokenizer.encode(after, add_special_tokens=False).ids if there else []
        path = self.folder / GENERATION
        stated = read_json_object(path).get("eos_token_id") if path.is_file() else None
        named = stated if isinstance(stated, list) else [stated]
        return frozenset([*[id_ for id_ in ids if id_ in added][:1], *(id_ for id_ in named if type(id_) is int)])

    def _render(self, messages: list[dict[str, str]], **options: Any) -> str:
        with needs("Rendering a chat template", "transformers", "train"):
            from transformers.utils.chat_template_utils import render_jinja_template
        given: dict[str, Any] = {**self.tokens, "date_string": DATE, **options}
        try:
            rendered: Any = render_jinja_template([messages], chat_template=self.text, **given)
        except Exception as error:  # templates raise errors of their own, of any kind
            reason = " ".join(str(error).split())[:120]
            what = f"The chat template of {self.folder} cannot be used ({reason})."
            raise ModelError(f"{what} Give --template none, or alpaca.") from error
        return str(rendered[0][0])


def read_chat_template(folder: Path) -> ChatTemplate | None:
    """The template in a model's folder, chat_template.jinja before that of tokenizer_config.json; None if it has none.

    Raises: ModelError: it cannot be read.
    """
    settings = read_json_object(folder / TOKENIZER_SETTINGS) if (folder / TOKENIZER_SETTINGS).is_file() else {}
    stated = settings.get("chat_template")
    if isinstance(stated, list):  # several by name
        stated = next((t.get("template") for t in stated if isinstance(t, dict) and t.get("name") == "default"), None)
    if (folder / CHAT_TEMPLATE).is_file():
        try:
            stated = read_text_file(folder / CHAT_TEMPLATE)
        except UnreadableError as error:
            raise ModelError(f"{folder / CHAT_TEMPLATE} cannot be read: {error}. Fetch or copy it again.") from error
    if not isinstance(stated, str) or not stated:
        return None
    given = {name: value for name, value in settings.items() if name.endswith("_token")}
    texts = {name: value.get("content") if isinstance(value, dict) else value for name, value in given.items()}
    return ChatTemplate(folder, stated, {name: text for name, text in texts.items() if isinstance(text, str)})
