"""Tells a wheel its version, which is its tag; a checkout is told none, for it changes after it was installed."""

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VersionHook(BuildHookInterface):
    """Adds `mslt_cli/version.py` to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file for this kind of wheel ("standard" or "editable") and name it in `build_data`."""
        if version == "editable":
            return
        written = Path(tempfile.mkdtemp()) / "version.py"
        text = f'"""The version of this wheel."""\n\n__version__ = "{self.metadata.version}"\n'
        written.write_text(text, encoding="utf-8")
        build_data["force_include"][str(written)] = "mslt_cli/version.py"
