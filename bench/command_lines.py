"""Hostile command lines by the thousand: which end in another way than a result or a sentence.

python bench/command_lines.py [NUMBER] [SEED]
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hostile_lines import EVIL, answer, command_lines, faults  # type: ignore[import-not-found]

from mslt_cli.store.fill import fill_languages
from mslt_cli.store.results import fill_results

number, seed = map(int, (*sys.argv[1:], *("1370", "0")[len(sys.argv) - 1 :]))
with tempfile.TemporaryDirectory() as name:
    home = Path(name)
    fill_languages(home / "store.db")
    fill_results(home / "store.db")
    shutil.copy(home / "store.db", evil := home / f"{EVIL}.db")
    stores = [str(home / "store.db")] * 6 + [str(evil), "/dev/null", "/", "x" * 300, ""]
    kinds: Counter[str] = Counter()
    first: dict[str, list[str]] = {}
    slowest = (0.0, [""])
    for words in islice(command_lines(seed, stores), number):
        start = time.monotonic()
        for fault in faults(answer(words, home)):
            kinds[fault] += 1
            first.setdefault(fault, words)
        slowest = max(slowest, (time.monotonic() - start, words))
print(f"{number} command lines: {sum(kinds.values())} faults of {len(kinds)} kinds")
print(f"the slowest took {slowest[0]:.1f} s:")
print(f"  {[word[:60] for word in slowest[1]]}")
for fault, count in kinds.most_common():
    print(f"{count:5} {fault}\n      {[word[:60] for word in first[fault]]}")
