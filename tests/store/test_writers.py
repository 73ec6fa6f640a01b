"""Commands that write one store at once: all succeed, and nothing is lost."""

import os
import subprocess
import sys

from many_writers import FORCED, OTHERS, rows_of

from mslt_cli.store.results import fill_results


def test_commands_beside_each_other_all_succeed(own_store, tmp_path):
    fill_results(own_store)
    before = rows_of(own_store)
    (tmp_path / "own.csv").write_text("language,a,b\nde,1,2\nen,2,3\nfr,0,1\n")
    environment = os.environ | {"MSLT_STORE": str(own_store), "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "mslt_cli", *words], env=environment, cwd=tmp_path, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for words in (FORCED, *OTHERS[:1], *OTHERS[2:4])
    ]  # fmt: skip
    errors = [process.communicate(timeout=100)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    after = rows_of(own_store)
    assert after.pop("own_vectors") == 1
    assert after == before
