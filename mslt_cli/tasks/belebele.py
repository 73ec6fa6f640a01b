"""Belebele: questions on passages of FLORES-200, four answers each (Bandarkar et al. 2023). No training data."""

from collections.abc import Mapping
from typing import Any

from mslt_cli.tasks.sib200 import TASK as SIB200
from mslt_cli.tasks.task import HubFiles, Rows, Task

DIALECTS = (
    "acm_Arab afr_Latn als_Latn amh_Ethi apc_Arab arb_Arab ars_Arab ary_Arab arz_Arab asm_Beng azj_Latn bam_Latn "
    "ben_Beng bod_Tibt bul_Cyrl cat_Latn ceb_Latn ces_Latn ckb_Arab dan_Latn deu_Latn ell_Grek eng_Latn est_Latn "
    "eus_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hrv_Latn "
    "hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kac_Latn kan_Knda kat_Geor "
    "kaz_Cyrl kea_Latn khk_Cyrl khm_Khmr kin_Latn kir_Cyrl kor_Hang lao_Laoo lin_Latn lit_Latn lug_Latn luo_Latn "
    "lvs_Latn mal_Mlym mar_Deva mkd_Cyrl mlt_Latn mri_Latn mya_Mymr nld_Latn nob_Latn npi_Deva nso_Latn nya_Latn "
    "ory_Orya pan_Guru pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn ron_Latn rus_Cyrl shn_Mymr sin_Sinh slk_Latn "
    "slv_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml "
    "tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi tsn_Latn tso_Latn tur_Latn ukr_Cyrl urd_Arab uzn_Latn vie_Latn "
    "war_Latn wol_Latn xho_Latn yor_Latn zho_Hans zsm_Latn zul_Latn"
)
"""FLORES-200's codes. They mean what they mean in SIB-200, whose sentences are FLORES's as well."""


def name_questions(rows: Rows) -> Rows:
    """Give each question its id: passage and number, the same in all languages."""
    import polars as pl

    if not {"link", "question_number"} <= {*rows.columns}:
        return rows
    return rows.with_columns(pl.format("{}#{}", "link", "question_number").alias("id"))


def passage_and_letter(row: Mapping[str, Any], code: str) -> list[tuple[str, str]]:
    """Passage, question and the four answers, and then each of their letters, as lm-evaluation-harness 0.4.13 asks."""
    answers = "\n".join(f"{letter}: {answer}" for letter, answer in zip("ABCD", row["choices"], strict=True))
    text = f"P: {row['flores_passage']}\nQ: {row['question'].strip()}\n{answers}\nAnswer:"
    return [(text, f" {letter}") for letter in "ABCD"]


TASK = Task(
    name="belebele",
    kind="multiple-choice",
    summary="questions on passages, four answers, parallel",
    languages={iso: codes for iso, codes in SIB200.languages.items() if codes[-1] in DIALECTS.split()},
    splits=("test",),
    first_label=1,
    columns={"label": ("correct_answer_num",)},
    choices=("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4"),
    context=("flores_passage", "question"),
    question='Answer the number of option which answers the question about the text. "{flores_passage}"\n{question}',
    fill=passage_and_letter,
    targets=SIB200.targets,
    sizes={"test": 900},
    licence="CC BY-SA 4.0",
    citation="Bandarkar et al. 2023, The Belebele Benchmark: a Parallel Reading Comprehension Dataset in 122 Language "
    "Variants (arXiv:2308.16884)",
    hub=HubFiles(
        "facebook/belebele", "data/{lang}.jsonl", spelling=1, revision="75b399394a9803252cfec289d103de462763db7c"
    ),
    layouts=("{lang}.jsonl",),
    # A second script of a language that is there.
    left_out=("arb_Latn", "ben_Latn", "hin_Latn", "npi_Latn", "sin_Latn", "urd_Latn", "zho_Hant"),
    language_column=("dialect",),
    parse=name_questions,
    aligned=True,
    cluster=("flores_passage",),  # one question or two on each of 488 passages
)
