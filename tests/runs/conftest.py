import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from tiny_experiments import heard, home, moods, names, tiny, tiny_folder  # noqa: F401
