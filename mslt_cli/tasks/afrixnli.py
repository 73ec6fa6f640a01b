"""AfriXNLI: XNLI for 16 African languages (Adelani et al. 2024), translated by people. No training data: runs on xnli
are evaluated on it, whose labels it has."""

from mslt_cli.tasks.task import HubFiles, TableFormat, Task, language_table

TASK = Task(
    name="afrixnli",
    kind="sequence-classification",
    summary="natural language inference in African languages",
    labels=("entailment", "neutral", "contradiction"),
    columns={"text": ("premise",), "text_pair": ("hypothesis",)},
    languages=language_table("amh eng ewe fra hau ibo kin lin lug orm sna sot swa twi wol xho yor zul"),
    splits=("validation", "test"),
    # Without English, French and Swahili: xnli has them, and English is a part of its validation and test rows.
    targets=("amh", "ewe", "hau", "ibo", "kin", "lin", "lug", "orm", "sna", "sot", "twi", "wol", "xho", "yor", "zul"),
    sizes={"validation": 450, "test": 600},
    licence="Apache 2.0",
    citation="Adelani et al. 2024, IrokoBench: A New Benchmark for African Languages in "
    "the Age of Large Language Models",
    # mteb/AfriXNLI is another: it lacks `neutral`, and its labels are two.
    hub=HubFiles("masakhane/afrixnli", "data/{lang}/{split}.tsv", revision="598c59e8fdfea8ea9ee6d1f40adfd26855f3d2e0"),
    table=TableFormat(quoting=True),
    cluster=("text",),  # three hypotheses of each premise, as in xnli
)
