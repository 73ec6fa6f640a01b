"""Rows of a data set that share a text, and so are one item: XNLI asks three hypotheses of each premise."""

from mslt_cli.tasks.task import Rows, Task

ITEM = "item"
"""The column of predictions with the item of each row, where rows of the task share texts."""


def item_ids(task: Task, rows: Rows) -> list[str]:
    """The item of each row: the id of the first row that has a text of the task's `cluster` with it.

    Two rows that each share a text with a third are one item as well.
    """
    ids, first, holder = rows["id"].to_list(), [*range(rows.height)], dict[str, int]()

    def find(row: int) -> int:
        while first[row] != row:
            first[row] = row = first[first[row]]
        return row

    for column in task.cluster:
        for row, text in enumerate(rows[column].to_list()):
            if text is not None:
                one, other = sorted((find(row), find(holder.setdefault(text, row))))
                first[other] = one
    return [ids[find(row)] for row in range(rows.height)]
