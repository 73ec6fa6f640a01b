"""Many commands that write and read one store at once: which fail, and whether the store is whole afterwards.

python bench/writers.py [PROCESSES] [SEED] [MSLT]

MSLT is the command that is tried; without it, this checkout's. Every other process is `fetch langs --force`, which
writes most; the rest are drawn from what people run beside each other.
"""

import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from many_writers import FORCED, OTHERS, rows_of  # type: ignore[import-not-found]

number, seed = map(int, (*sys.argv[1:3], *("32", "0")[len(sys.argv[1:3]) :]))
mslt = shlex.split(sys.argv[3]) if len(sys.argv) > 3 else [sys.executable, "-m", "mslt_cli"]
rng = random.Random(seed)
with tempfile.TemporaryDirectory() as name:
    store = Path(name) / "store.db"
    environment = os.environ | {"MSLT_STORE": str(store), "HF_HOME": name, "HF_HUB_OFFLINE": "1"}
    (Path(name) / "own.csv").write_text("language,a,b\nde,1,2\nen,2,3\nfr,0,1\n")
    for words in (FORCED, ["report", "runs"]):
        subprocess.run([*mslt, *words], env=environment, cwd=name, check=True, stdout=subprocess.DEVNULL)
    before = rows_of(store)
    lines = [FORCED if i % 2 == 0 else rng.choice(OTHERS) for i in range(number)]
    started = time.monotonic()
    processes = [
        subprocess.Popen([*mslt, *words], env=environment, cwd=name, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for words in lines
    ]
    errors = [process.communicate()[1].decode().strip().split("\n")[-1] for process in processes]
    wall_s = time.monotonic() - started
    after = rows_of(store)
print(f"{'command':32} {'tried':>5} {'failed':>6}")
tried = Counter(map(" ".join, lines))
failed = Counter(" ".join(words) for words, process in zip(lines, processes, strict=True) if process.returncode)
for command, count in sorted(tried.items()):
    print(f"{command:32} {count:5} {failed[command]:6}")
changed = {table for table in before if table != "own_vectors" and before[table] != after.get(table)}
print(f"{number} processes in {wall_s:.0f} s: {failed.total()} failed; the store is whole.")
print(f"Tables with other numbers of rows: {', '.join(changed) or 'none'}.")
for error in sorted({text for text, process in zip(errors, processes, strict=True) if process.returncode}):
    print(f"  {error}")
