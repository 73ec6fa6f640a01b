import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "runs"))
from tiny_experiments import heard, home, moods, tiny, tiny_folder  # noqa: F401
