"""The language vectors of URIEL+, read from the files of the package urielplus, which is never imported.

Its module needs pandas, sets up logging for the whole process, writes beside its own code, and takes minutes to put its
data bases together. Its files need numpy alone: what the original URIEL, the updated SAPHON, BDPROTO, Grambank and
APiCS say of a feature is put together here by the rules that the package ships (feature_mappings.json). eWAVE, which
is about dialects of English, is left out, and nothing is imputed.

Source:
    Khan et al. 2025, URIEL+, COLING 2025, ACL Anthology 2025.coling-main.463; urielplus 1.3 (CC BY-SA 4.0).
"""

import csv
import importlib.metadata
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import MissingFactsError
from mslt_cli.languages.glottocodes import iso_of_glottocode

PACKAGE = "urielplus"
VERSIONS = "1.3"
"""The release whose files are read; 1.3.x have the same."""
PREFIXES = {"syntax": "S_", "morphology": "M_", "phonology": "P_", "inventory": "INV_", "script": "SC_"}
"""Of the features of each set that is made of what is known and unknown."""
TABLES = {"UPDATED_SAPHON": "saphon", "BDPROTO": "bdproto", "GRAMBANK": "grambank", "APICS": "apics"}
"""By source: the name of its CSV file."""
UNKNOWN = -1
OPERAND = "removed_urielplus_operand"
"""How the rules mark features that others stand for."""

Facts = NDArray[np.int8]
"""Shape (n,): 1, 0 or −1 of n languages."""


class UrielPlusSet(NamedTuple):
    """The vectors of one set."""

    codes: tuple[str, ...]
    """ISO 639-3, n languages of which something is known."""
    features: tuple[str, ...]
    matrix: NDArray[np.float64]
    """Shape (n, d); 0 or 1, but shares of Earth's half circumference for geography; NaN = unknown."""


class UrielPlus(NamedTuple):
    """All that we take from the package."""

    version: str
    sets: dict[str, UrielPlusSet]
    """By name: syntax, morphology, phonology, inventory, script, geography."""


def read_uriel_plus() -> UrielPlus:
    """Read every set, in a few seconds.

    Raises:
        MissingFactsError: urielplus is not installed, or is of another release.
    """
    version, folder = _find()
    with np.load(folder / "original_uriel" / "features.npz") as arrays:
        codes, names, sources = (arrays[name].tolist() for name in ("langs", "feats", "sources"))
        data = arrays["data"].astype(np.int8)  # (n, d, sources)
    row_of = {code: row for row, code in enumerate(codes)}
    said: dict[str, dict[str, Facts]] = {}
    for number, source in enumerate(sources):
        if source != "PHOIBLE_SAPHON":  # replaced by the updated one, see below
            said[source] = {name: data[:, column, number] for column, name in enumerate(names)}
    old = {name: data[:, column, sources.index("PHOIBLE_SAPHON")] for column, name in enumerate(names)}
    for source, file in TABLES.items():
        start = old if source == "UPDATED_SAPHON" else {}
        said[source] = _read_table(folder / "urielplus_csvs" / f"{file}_data.csv", row_of, start)
    script = {"SCRIPTSOURCE_DERIVED": _read_table(folder / "urielplus_csvs" / "script_data.csv", row_of, {})}
    rules = json.loads((folder / "urielplus_csvs" / "feature_mappings.json").read_text(encoding="utf-8"))
    known = put_together(said, rules, "typological") | put_together(script, rules, "script")
    sets = {name: _set_of(codes, {f: v for f, v in known.items() if f.startswith(p)}) for name, p in PREFIXES.items()}
    return UrielPlus(version, sets | {"geography": _geography(folder)})


def put_together(said: dict[str, dict[str, Facts]], rules: Sequence[dict[str, Any]], matrix: str) -> dict[str, Facts]:
    """What sources say of features, by feature: 1 if one of them says so, 0 if another does, else −1.

    Rules say which features stand for several (`OR`, source by source), which one implies another, and which are then
    left out.

    Args:
        said: by source and feature; is not changed.
        rules: records of feature_mappings.json.
        matrix: "typological" or "script": which rules hold.
    """
    said = {source: dict(facts) for source, facts in said.items()}
    removed: set[str] = set()
    kept: set[str] = set()
    for rule in rules:
        targets = [target for target in rule.get("targets", ()) if target.get("matrix") == matrix]
        if rule.get("relationship") == "exact_collapse" and (facts := said.get(rule.get("source_layer", ""))):
            for target in targets:
                parts = re.fullmatch(r"OR\((.*)\)", target["expression"].strip())
                operands = [part.strip() for part in parts[1].split(",")] if parts else []
                if operands and all(name in facts for name in operands):
                    own = facts.get(target["feature_id"])
                    both = _any_of([facts[name] for name in operands])
                    facts[target["feature_id"]] = both if own is None else np.maximum(own, both)
        removed |= {
            f["id"] for f in rule.get("source_features", ()) if f.get("namespace") == "removed_urielplus_operand"
        }
        if rule.get("disposition") == "represented":
            kept |= {target["feature_id"] for target in targets}
        else:
            removed |= {*rule.get("bundled_columns", ())}
    known: dict[str, Facts] = {}
    for facts in said.values():
        for name, values in facts.items():
            known[name] = np.maximum(known[name], values) if name in known else values
    _imply(known, [rule for rule in rules if rule.get("relationship") == "positive_implication"])
    return {name: values for name, values in known.items() if name not in removed - kept}


def _imply(known: dict[str, Facts], rules: Sequence[dict[str, Any]]) -> None:
    """Set a feature to 1 where one that implies it is 1, until nothing changes, in place."""
    changed = True
    while changed:
        changed = False
        for rule in rules:
            causes = [known[feature["id"]] for feature in rule["source_features"] if feature["id"] in known]
            for target in rule["targets"]:
                name = target["feature_id"]
                if name in known and len(causes) == len(rule["source_features"]):
                    holds = (np.max(causes, axis=0) == 1) & (known[name] != 1)
                    known[name] = np.where(holds, np.int8(1), known[name])
                    changed |= bool(holds.any())


def _any_of(facts: Sequence[Facts]) -> Facts:
    """1 where one is 1, 0 where all are 0, else −1."""
    stacked = np.stack(facts)
    some, none = (stacked == 1).any(axis=0), (stacked == 0).all(axis=0)
    return np.where(some, 1, np.where(none, 0, UNKNOWN)).astype(np.int8)


def _read_table(path: Path, row_of: dict[str, int], start: dict[str, Facts]) -> dict[str, Facts]:
    """A CSV file of languages × features, by feature; what it does not have stays as at the start."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        first = next(i for i, name in enumerate(header) if name.isupper() and "_" in name)
        rows = [
            (row_of[code], [int(float(cell or UNKNOWN)) for cell in row[first:]])
            for row in reader
            if (code := iso_of_glottocode(row[header.index("glottocode") if "glottocode" in header else 0])) in row_of
        ]
    places = [place for place, _ in rows]
    values = np.array([numbers for _, numbers in rows], dtype=np.int8).reshape(len(rows), len(header) - first)
    facts = dict(start)
    for column, name in enumerate(header[first:]):
        facts[name] = facts[name].copy() if name in facts else np.full(len(row_of), UNKNOWN, dtype=np.int8)
        facts[name][places] = values[:, column]
    return facts


def _set_of(codes: Sequence[str], known: dict[str, Facts]) -> UrielPlusSet:
    """The languages of which some feature is known."""
    matrix = np.stack(list(known.values()), axis=1).astype(np.float64)
    matrix[matrix < 0] = np.nan
    some = ~np.isnan(matrix).all(axis=1)
    return UrielPlusSet(tuple(np.array(codes)[some].tolist()), tuple(known), matrix[some])


def _geography(folder: Path) -> UrielPlusSet:
    """Great-circle distances to the fixed points of URIEL, from the coordinates that Glottolog has."""
    with np.load(folder / "original_uriel" / "geocoord_features.npz") as arrays:
        features = arrays["feats"].tolist()  # GC_latitude_longitude
    depth: dict[str, int] = {}
    place: dict[str, tuple[float, float]] = {}
    with (folder / "urielplus_csvs" / "lang_fam_geo.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code = iso_of_glottocode(row["language_id"].strip())
            parts = row["lineage"].count(",") + bool(row["lineage"])
            if code and parts > depth.get(code, -1):  # of two rows the one with more of its family, as there
                depth[code] = parts
                place.pop(code, None)
                if row["latitude"] and row["longitude"]:
                    place[code] = (float(row["latitude"]), float(row["longitude"]))
    codes = tuple(sorted(place))
    north, east = np.radians(np.array([place[code] for code in codes])).T[:, :, None]  # (n, 1) each
    to_north, to_east = np.radians([list(map(float, name.split("_")[1:])) for name in features]).T[:, None]
    half = np.sin((to_north - north) / 2) ** 2
    half = half + np.cos(north) * np.cos(to_north) * np.sin((to_east - east) / 2) ** 2  # haversine
    return UrielPlusSet(codes, tuple(features), 2 * np.arctan2(np.sqrt(half), np.sqrt(1 - half)) / np.pi)


def _find() -> tuple[str, Path]:
    """Version of the package, and the folder of its files."""
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingFactsError(
            "The vectors of URIEL+ need the package urielplus. Run: pip install 'mslt-cli[urielplus]'"
        ) from error
    folder = Path(str(package.locate_file("urielplus/database")))
    if f"{package.version}.".startswith(f"{VERSIONS}.") and (folder / "original_uriel" / "features.npz").is_file():
        return package.version, folder
    raise MissingFactsError(
        f"urielplus is installed in version {package.version}, and {VERSIONS} is read. "
        "Run: pip install 'mslt-cli[urielplus]'"
    )
