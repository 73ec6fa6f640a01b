"""Glottocodes, by which Glottolog and URIEL+ name languages: stan1293 is English."""

import csv
import re
from functools import cache

from mslt_cli.shipped import data_path

GLOTTOCODE = re.compile(r"[a-z0-9]{4}[0-9]{4}")


def iso_of_glottocode(spelling: str) -> str | None:
    """The ISO 639-3 code of a folded Glottocode; None: it is no Glottocode, or of no language of URIEL (a dialect)."""
    return _table().get(spelling) if GLOTTOCODE.fullmatch(spelling) else None


@cache
def _table() -> dict[str, str]:
    with data_path("langs", "glottocodes.csv").open(encoding="utf-8", newline="") as file:
        return {row["glottocode"]: row["iso639_3"] for row in csv.DictReader(file)}
