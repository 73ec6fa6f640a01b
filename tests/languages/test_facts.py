import pytest

from mslt_cli.languages import facts
from mslt_cli.tasks import TASKS, find_task


@pytest.fixture(scope="module")
def all_facts():
    return facts.read_facts()


def test_every_row_is_read(all_facts):
    assert [len(table) for table in all_facts[:3]] == [7970, 1130, 402]
    pools = [name for name in TASKS if find_task(name).sources]  # each has one of its sources
    assert {row.pool for row in all_facts.pools} >= {"paper", *(f"task:{name}" for name in pools)}


def test_an_empty_field_is_unknown_and_a_zero_is_zero(all_facts):
    xlm_r = {row.iso639_3: row for row in all_facts.pretraining_sizes if row.model == "xlm-r"}
    assert xlm_r["que"].size_gib == 0
    mt5 = {row.iso639_3: row for row in all_facts.pretraining_sizes if row.model == "mt5"}
    assert mt5["mal"].tokens_millions is None
    languages = {row.iso639_3: row for row in all_facts.languages}
    assert languages["aaa"].iso639_1 is None
    assert languages["alb"].family is None


def test_the_hash_changes_with_a_fact(tmp_path, monkeypatch):
    for table in facts.TABLES:
        (tmp_path / table).write_bytes(facts.data_path("langs", table).read_bytes())
    monkeypatch.setattr(facts, "data_path", lambda *parts: tmp_path / parts[-1])
    before = facts.facts_sha256()
    with (tmp_path / "pools.csv").open("a") as file:
        file.write("mine,deu,me\n")
    assert facts.facts_sha256() != before


def test_a_table_with_other_columns_is_refused(tmp_path, monkeypatch):
    (tmp_path / "languages.csv").write_text("code,name\n")
    monkeypatch.setattr(facts, "data_path", lambda *parts: tmp_path / parts[-1])
    with pytest.raises(ValueError, match=r"languages\.csv has the columns"):
        facts.read_facts()
