"""Global-MMLU: school and college questions in 42 languages, four options each, parallel (Singh et al. 2024)."""

from collections.abc import Mapping
from typing import Any

from mslt_cli.tasks.task import HubFiles, Task, language_table


def options_and_letter(row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """The question with its four options, and then each of their letters, as lm-evaluation-harness 0.4.13 asks."""
    options = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCD", row["choices"], strict=True))
    text = f"{row['question'].strip()}\n{options}\nAnswer:"
    return [(text, f" {letter}") for letter in "ABCD"]


TASK = Task(
    name="globalmmlu",
    kind="multiple-choice",
    summary="knowledge of 57 subjects, four options, parallel",
    languages=language_table(
        "amh=am ara=ar ben=bn ces=cs deu=de ell=el eng=en spa=es fas=fa fil=fil fra=fr hau=ha heb=he hin=hi ind=id "
        "ibo=ig ita=it jpn=ja kor=ko kir=ky lit=lt mlg=mg msa=ms nep=ne nld=nl nya=ny pol=pl por=pt ron=ro rus=ru "
        "sin=si sna=sn som=so srp=sr swe=sv swa=sw tel=te tur=tr ukr=uk vie=vi yor=yo zho=zh"
    ),
    splits=("test", "dev"),  # dev is for few-shot use
    columns={"id": ("sample_id",), "label": ("answer",)},
    choices=("option_a", "option_b", "option_c", "option_d"),
    context=("question",),
    question='Answer the number of option which is right. "{question}"',
    fill=options_and_letter,
    targets=("ell", "heb", "hin", "ind", "jpn", "kor", "swa", "tel", "tur", "vie", "yor"),
    sizes={"test": 14_042, "dev": 285},
    licence="Apache-2.0",
    citation="Singh et al. 2024, Global MMLU: Understanding and Addressing Cultural and Linguistic Biases in "
    "Multilingual Evaluation (arXiv:2412.03304)",
    hub=HubFiles(
        "CohereLabs/Global-MMLU", "{lang}/{split}-*.parquet", revision="0e619dbeb34206cd48705a1a0ea7fb21cae09993"
    ),
    aligned=True,
)
