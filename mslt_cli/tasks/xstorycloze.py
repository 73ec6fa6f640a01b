"""XStoryCloze: which of two sentences ends a story of four (Lin et al. 2022)? Train is for few-shot use."""

from mslt_cli.tasks.task import HubFiles, TableFormat, Task, language_table

_SENTENCES = tuple(f"input_sentence_{i}" for i in range(1, 5))
_ENDINGS = ("sentence_quiz1", "sentence_quiz2")

TASK = Task(
    name="xstorycloze",
    kind="multiple-choice",
    summary="the end of a story, two choices",
    languages=language_table("ara=ar eng=en spa=es eus=eu hin=hi ind=id mya=my rus=ru swa=sw tel=te zho=zh"),
    splits=("train", "eval"),
    evaluation="eval",
    first_label=1,
    columns={"label": ("label", "answer_right_ending")},
    choices=_ENDINGS,
    context=_SENTENCES,
    question=(
        "Answer the number of option which is more natural for the end of story. "
        '"{input_sentence_1} {input_sentence_2} {input_sentence_3} {input_sentence_4}"'
    ),
    targets=("eus", "hin", "ind", "mya", "swa", "tel"),
    sizes={"train": 360, "eval": 1_511},
    licence="CC BY-SA 4.0",
    citation="Lin et al. 2022, Few-shot Learning with Multilingual Generative Language Models (EMNLP)",
    hub=HubFiles("juletxara/xstory_cloze", "spring2016.val.{lang}.tsv.split_20_80_{split}.tsv"),
    table=TableFormat(("story_id", *_SENTENCES, *_ENDINGS, "answer_right_ending"), quoting=True),
    aligned=True,
)
