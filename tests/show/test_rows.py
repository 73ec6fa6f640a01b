"""One table of results in every format, written out by hand."""

import json

import pytest

from mslt_cli.harmless import escape_markdown
from mslt_cli.reports.cells import Cell, Column
from mslt_cli.show.rows import Output, escape_latex, render, show

ROWS = (
    {
        "run": "ab",
        "score": Cell(0.5, "50.0", "measured", "run ab", {"rank": 2}, (1,)),
        "tags": ["x", "y"],
        "steps": 1200,
    },
    {"run": "c|d", "score": Cell(None, "–"), "tags": [], "steps": None},
)
OUTPUT = Output(
    columns=[
        Column("run", label=True),
        Column("score", right=True, header="score, %", marks=(1,)),
        Column("tags", csv_only=True),
        Column("steps", ",", right=True),
    ],
    rows=ROWS,
    value={"runs": ROWS},
    title="Runs of my_task & others",
    footnotes=["* of one seed"],
    footer=["`mslt eval *` has more."],
    label="runs",
    piped=("ab", 0.5),
)
WRITTEN = {
    "csv": "run,score,score.rank,tags,steps\nab,0.5,2,x y,1200\nc|d,,,,\n",
    "lines": "ab\nc|d\n",
    "quiet": "ab\n0.5\n",
    "md": r"""**Runs of my_task &amp; others**

| run | score, % [1] | steps |
| :-- | --: | --: |
| ab | 50.0 [1] | 1,200 |
| c\|d | – |  |

[1] \* of one seed

`mslt eval *` has more.
""",
    "latex": r"""\begin{table}
  \centering
  \caption{Runs of my\_task \& others}
  \label{tab:runs}
  \begin{tabular}{lrr}
    \toprule
    run & score, \%\textsuperscript{1} & steps \\
    \midrule
    ab & 50.0\textsuperscript{1} & 1,200 \\
    c|d & -- &  \\
    \bottomrule
  \end{tabular}
  \par\footnotesize \textsuperscript{1} * of one seed
  \par\footnotesize `mslt eval *` has more.
\end{table}
""",
    "table": """Runs of my_task & others:
run   score, % [1]   steps
──────────────────────────
ab        50.0 [1]   1,200
c|d              –

[1] * of one seed
`mslt eval *` has more.
""",
}


@pytest.mark.parametrize("form", list(WRITTEN))
def test_every_format_is_as_written_by_hand(form, capsys):
    show(OUTPUT, form)
    shown = capsys.readouterr().out
    assert "\n".join(line.rstrip() if form == "table" else line for line in shown.split("\n")) == WRITTEN[form]


def test_json_says_where_a_cell_comes_from():
    score = {"value": 0.5, "rank": 2, "origin": "measured", "source": "run ab", "footnotes": [1]}
    first, other = json.loads(render(OUTPUT, "json"))["runs"]
    assert first == {"run": "ab", "score": score, "tags": ["x", "y"], "steps": 1200}
    assert other["score"] == {"value": None}
    assert [json.loads(line) for line in render(OUTPUT, "jsonl").splitlines()] == [first, other]


def test_markdown_shows_text_as_it_is():
    # An underscore within a word is no emphasis; all others could be.
    assert escape_markdown("syntax_knn __init__ _a_ *b* a<b a|b `c_* d`") == (
        r"syntax_knn \_\_init\_\_ \_a\_ \*b\* a&lt;b a\|b `c_* d`"
    )


def test_latex_reads_text_as_it_is():
    assert escape_latex("50 % ± 2 → a_b \\ {x}") == r"50 \% $\pm$ 2 $\rightarrow$ a\_b \textbackslash{} \{x\}"


def test_a_table_without_rows_is_a_comment_in_latex():
    assert render(Output([], (), None, title="Runs", footer=["none"], label="runs"), "latex") == "% runs: none\n"
