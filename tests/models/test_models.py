import re
import subprocess
import sys

from mslt_cli.languages.facts import read_facts
from mslt_cli.models import MODELS


def test_each_row_stands_under_its_name():
    assert all(name == row.name for name, row in MODELS.items())


def test_a_pinned_revision_is_a_whole_commit_id():
    # A branch or a shortened id could come to mean something else.
    pinned = [row.revision for row in MODELS.values() if row.revision]
    assert pinned and all(re.fullmatch("[0-9a-f]{40}", revision) for revision in pinned)


def test_pretraining_tables_exist():
    tables = {row.model for row in read_facts().pretraining_sizes}
    assert {row.pretraining for row in MODELS.values() if row.pretraining} <= tables


def test_only_what_is_built_from_a_package_has_no_name_on_the_hub():
    assert [row.name for row in MODELS.values() if row.repo_id is None] == ["e5-small", "gemma3-270m"]


def test_the_table_and_the_checks_import_nothing_heavy():
    code = "import sys, mslt_cli.models.folder; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not loaded & {"torch", "transformers", "safetensors", "tokenizers", "numpy", "huggingface_hub"}
