"""Rebuild languages.csv, spellings.csv and subtags.csv, and check the tables beside them that are kept by hand.

The raw material is three npm packages and the data folder of the Python package lang2vec 1.1.2:

    npm pack cldr-core@48.2.0
    npm pack cldr-localenames-full@48.2.0
    npm pack language-subtag-registry@0.4.2
    pip download --no-deps lang2vec==1.1.2

Unpack each into a folder of its own (a tgz holds one folder, `package`) and give the folders:

    python data/langs/build.py --cldr-core DIR --cldr-names DIR --registry DIR --lang2vec DIR

where the last is lang2vec's `data` folder, with features.npz in it. lang2vec is read as files and
never imported. Only numpy is needed. The same input gives the same bytes.

Kept by hand: curated.csv (the reference languages), pretraining_sizes.csv and pools.csv. What each
column means, where it is from and under which licence stands in the JSON file beside each table.
"""

import argparse
import csv
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent

# Source tags, defined in languages.json and spellings.json.
CLDR = "cldr-48.2.0"
CURATED = "curated"
IANA = "iana-2025-08-25"
LANG2VEC = "lang2vec-1.1.2"
REFERENCE = "reference"
WIKIPEDIA = "wikipedia"
UNKNOWN = "-"

N_URIEL = 7970
N_CURATED = 205

CURATED_COLUMNS = ["iso639_3", "iso639_1", "name", "script", "family_override", "spellings"]
LANGUAGE_COLUMNS = ["iso639_3", "iso639_1", "name", "script", "family", "source"]
SPELLING_COLUMNS = ["spelling", "iso639_3", "source"]
SUBTAG_COLUMNS = ["kind", "subtag", "prefix", "means", "source"]
POOL_COLUMNS = ["pool", "iso639_3", "source"]
SIZE_COLUMNS = [
    *("model", "iso639_3", "script", "label"),
    *("size_gib", "tokens_millions", "share_percent", "source"),
]
MODELS = {"bloom", "mbert", "mt5", "xglm", "xlm-r"}

# Everyday names, without a registry that says so, of languages outside curated.csv.
SPELLINGS_BY_HAND = {"Kurmanji": "kmr", "Mandarin": "cmn"}
# What a CLDR locale calls its language, but no name of it: "the colloquial", for Levantine Arabic.
NOT_A_NAME = {"العامية"}
# A language outside curated.csv whose URIEL family vector is empty and whose family we know.
FAMILY_BY_HAND = {"nob": "Indo-European"}

# Codes of Wikipedia's editions that are no tags, and those that ISO 639-3 gives to another language.
WIKIPEDIA_CODES = {
    "bat-smg": "sgs",
    "be-tarask": "bel",
    "be-x-old": "bel",
    "cbk-zam": "cbk",
    "fiu-vro": "vro",
    "nds-nl": "nds",
    "roa-rup": "rup",
    "simple": "eng",
    "zh-classical": "lzh",
}
WIKIPEDIA_DIFFERS = {"als": "gsw", "nrm": "nrf"}
# Further pairs of codes for the same language: what is written under the first is nearly always the second.
SAME_BY_HAND = {"fil": "tgl", "nob": "nor"}
# Chinese regions whose script is the default, which likely subtags therefore do not list.
SCRIPTS_BY_HAND = {"CN": "Hans", "MY": "Hans", "SG": "Hans"}
# Codes that stay in use for what is several languages today.
SPLIT_BY_HAND = {"bh": "bho, mag, mai", "sh": "bs, hr, sr"}

# Ranks of claims to a spelling, see settle().
BY_HAND, REGISTERED, ENDONYM, BARE = range(4)
# The CLDR display variants that are names in their own right ("Azeri", "Uighur"). The others are
# inverted for menus ("Kurdish, Sorani") or name one variety of the tag ("Woods Cree" for cr).
NAME_VARIANTS = ("alt-short", "alt-variant", "alt-official")

BRACKETED = re.compile(r"(?P<bare>.*\S)\s+\((?P<inner>[^()]*)\)")


class BuildError(Exception):
    """The raw material, or a table kept by hand, is not what this script expects."""


class Curated(NamedTuple):
    """One row of curated.csv."""

    iso639_1: str
    name: str
    script: str
    family_override: str
    spellings: list[str]


class Fact(NamedTuple):
    """A value and the tag of its source."""

    value: str
    source: str


class Claim(NamedTuple):
    """A source says that a spelling means a language (None: one that URIEL does not have)."""

    spelling: str
    code: str | None
    rank: int
    source: str


@dataclass(frozen=True)
class Raw:
    """All that is read from the raw folders."""

    families: dict[str, str]
    """Top-level family of every URIEL language, "" = unknown; the keys are the URIEL languages."""
    letter_codes: dict[str, str]
    """Two-letter and 639-2/B code to URIEL code."""
    tags: dict[str, str]
    """URIEL code to BCP 47 subtag: "deu" to "de", "ang" to "ang"."""
    registry: list[dict[str, Any]]
    """The records of the IANA language subtag registry, private-use ranges left out."""
    records: dict[str, dict[str, Any]]
    """Of these the ones of language subtags, by subtag."""
    english: dict[str, str]
    """CLDR tag to English name."""
    endonyms: list[tuple[str, str]]
    """CLDR language subtag and that language's name for itself."""
    likely: dict[str, str]
    """CLDR tag to the tag with its likely script and region: "aaa" to "aaa-Latn-NG"."""
    aliases: dict[str, str]
    """CLDR tag to the tag that replaces it."""
    standards: dict[str, str]
    """CLDR tag of a macrolanguage's standard member to that of the macrolanguage."""
    regions: dict[str, str]
    """Region code of three letters (ISO 3166-1 alpha-3) to that of two."""

    def resolve(self, subtag: str) -> str | None:
        """Return the URIEL code of a language subtag, None where URIEL has no such language."""
        return self.letter_codes.get(subtag, subtag if subtag in self.families else None)


def key_of(spelling: str) -> str:
    """Return what two spellings share if they count as the same."""
    return unicodedata.normalize("NFC", spelling).casefold()


def is_country(region: str) -> bool:
    """Return whether a region code has two letters and is not reserved for private use."""
    return bool(re.fullmatch("(?!AA|Q[M-Z]|X[A-JL-Z]|ZZ)[A-Z]{2}", region))


# Reading


def read_json(path: Path) -> Any:
    """Read one JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file and check its header."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != list(columns):
        raise BuildError(f"{path.name} has columns {reader.fieldnames}, expected {columns}.")
    return rows


def read_curated(path: Path) -> dict[str, Curated]:
    """Read curated.csv: one row per reference language, `spellings` separated by semicolons."""
    curated = {
        row["iso639_3"]: Curated(
            row["iso639_1"],
            row["name"],
            row["script"],
            row["family_override"],
            [spelling for spelling in row["spellings"].split(";") if spelling],
        )
        for row in read_table(path, CURATED_COLUMNS)
    }
    if len(curated) != N_CURATED or list(curated) != sorted(curated):
        raise BuildError(f"{path.name} should have {N_CURATED} rows, sorted, each code once.")
    return curated


def read_families(folder: Path) -> dict[str, str]:
    """Return the top-level family of every URIEL language, "" where its vector is all zeros.

    The family features of a language are the nodes from its family down to itself, each a subset
    of the one before, so the top-level family is the feature that covers the most languages. Of
    nodes that cover equally many the first in URIEL's column order is the higher one.
    """
    with np.load(folder / "family_features.npz") as arrays:
        codes = arrays["langs"].tolist()
        names = [feature.removeprefix("F_") for feature in arrays["feats"].tolist()]
        member = arrays["data"][:, :, 0] > 0  # (languages, features)
    with np.load(folder / "features.npz") as arrays:
        if sorted(codes) != sorted(arrays["langs"].tolist()) or len(set(codes)) != N_URIEL:
            raise BuildError(f"{folder} should describe the same {N_URIEL} languages in each file.")
    coverage = np.where(member, member.sum(axis=0), 0)  # (languages, features), 0 = not a member
    top = coverage.argmax(axis=1)
    return {
        code: names[column] if known else "" for code, column, known in zip(codes, top, member.any(axis=1), strict=True)
    }


def read_endonyms(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each locale's language subtag and the locale's own name for that language."""
    for path in sorted(folder.glob("main/*/languages.json")):
        locale = path.parent.name
        subtag = locale.split("-")[0]
        names = read_json(path)["main"][locale]["localeDisplayNames"]["languages"]
        if names.get(subtag, subtag) != subtag:
            yield subtag, names[subtag]


def read_raw(cldr_core: Path, cldr_names: Path, registry: Path, lang2vec: Path) -> Raw:
    """Read the four raw folders and check that they are the versions we name as sources."""
    for folder in (cldr_core, cldr_names):
        version = read_json(folder / "package.json")["version"]
        if f"cldr-{version}" != CLDR:
            raise BuildError(f"{folder} is version {version}, expected {CLDR}.")
    date = read_json(registry / "data/json/meta.json")["File-Date"]
    if f"iana-{date}" != IANA:
        raise BuildError(f"{registry} is the registry of {date}, expected {IANA}.")
    supplemental = cldr_core / "supplemental"
    aliases = read_json(supplemental / "aliases.json")["supplemental"]["metadata"]["alias"]
    regions = read_json(supplemental / "codeMappings.json")["supplemental"]["codeMappings"]
    english = read_json(cldr_names / "main/en/languages.json")["main"]["en"]
    records = read_json(registry / "data/json/registry.json")
    records = [record for record in records if ".." not in record.get("Subtag", "")]
    families = read_families(lang2vec)
    letter_codes = read_json(lang2vec / "letter_codes.json")
    two_letters = {code: short for short, code in letter_codes.items() if len(short) == 2}
    return Raw(
        families=families,
        letter_codes=letter_codes,
        tags={code: two_letters.get(code, code) for code in sorted(families)},
        registry=records,
        records={row["Subtag"]: row for row in records if row["Type"] == "language"},
        english=english["localeDisplayNames"]["languages"],
        endonyms=list(read_endonyms(cldr_names)),
        likely=read_json(supplemental / "likelySubtags.json")["supplemental"]["likelySubtags"],
        aliases={tag: row["_replacement"] for tag, row in aliases["languageAlias"].items()},
        standards={
            tag: row["_replacement"]
            for tag, row in aliases["languageAlias"].items()
            if row["_reason"] == "macrolanguage"
        },
        regions={row["_alpha3"]: region for region, row in regions.items() if "_alpha3" in row and is_country(region)},
    )


# languages.csv


def name_candidates(code: str, raw: Raw, curated: Mapping[str, Curated]) -> Iterator[Fact]:
    """Yield the names that a language may get, best first."""
    tag = raw.tags[code]
    if code in curated:
        yield Fact(curated[code].name, REFERENCE)
    if tag in raw.english:
        yield Fact(raw.english[tag], CLDR)
    for description in raw.records.get(tag, {}).get("Description", []):
        yield Fact(description.removesuffix(" (macrolanguage)"), IANA)
        yield Fact(description, IANA)


def reserved_names(raw: Raw, curated: Mapping[str, Curated]) -> dict[str, str]:
    """Return the names that a source gives to a reference language: no other may be called so."""
    return {
        key_of(claim.spelling): claim.code
        for claim in claims_to_names(raw, curated)
        if claim.code and claim.code in curated and claim.rank <= REGISTERED
    }


def choose_names(raw: Raw, curated: Mapping[str, Curated]) -> dict[str, Fact]:
    """Give every language a name, no two languages the same one.

    Reference languages choose first, then those that CLDR names, then the others. Who finds every
    name taken gets its first one with the code behind it. A code that no registry lists is called
    after the language that lang2vec reads it as, or else stands for itself.
    """
    candidates = {code: list(name_candidates(code, raw, curated)) for code in raw.tags}
    order = (REFERENCE, CLDR, IANA)
    named = sorted(
        (code for code in candidates if candidates[code]),
        key=lambda code: (order.index(candidates[code][0].source), code),
    )
    names: dict[str, Fact] = {}
    owners = {key_of(row.name): code for code, row in curated.items()}
    for key, code in reserved_names(raw, curated).items():
        owners.setdefault(key, code)
    for code in named:
        first = candidates[code][0]
        options = (*candidates[code], Fact(f"{first.value} ({code})", first.source))
        names[code] = next(f for f in options if owners.get(key_of(f.value), code) == code)
        owners[key_of(names[code].value)] = code
    for code in raw.tags.keys() - names.keys():
        meant = raw.letter_codes.get(code)
        names[code] = Fact(f"{names[meant].value} ({code})", LANG2VEC) if meant else Fact(code, UNKNOWN)
    return names


def choose_script(code: str, raw: Raw, curated: Mapping[str, Curated]) -> Fact:
    """Return the ISO 15924 code of the script that a language is written in by default."""
    if code in curated:
        return Fact(curated[code].script, REFERENCE)
    tag = raw.tags[code]
    record = raw.records.get(tag, {})
    if record.get("Scope") != "special":  # CLDR fills in English for "und"
        replacement = raw.aliases.get(tag, "")
        for candidate in (tag, replacement, replacement.split("-")[0]):
            if candidate in raw.likely:
                return Fact(raw.likely[candidate].split("-")[1], CLDR)
    if "Suppress-Script" in record:
        return Fact(record["Suppress-Script"], IANA)
    return Fact("", UNKNOWN)


def choose_family(code: str, raw: Raw, curated: Mapping[str, Curated]) -> Fact:
    """Return the top-level family of a language, in URIEL's naming."""
    by_hand = curated[code].family_override if code in curated else FAMILY_BY_HAND.get(code)
    if by_hand:
        if raw.families[code]:
            raise BuildError(f"{code} has a URIEL family; its family by hand is not needed.")
        return Fact(by_hand, CURATED)
    family = raw.families[code]
    return Fact(family, LANG2VEC if family else UNKNOWN)


def language_rows(raw: Raw, curated: Mapping[str, Curated]) -> list[list[str]]:
    """Return the rows of languages.csv, sorted by code."""
    two_letters = {code: tag for code, tag in raw.tags.items() if tag != code}
    names = choose_names(raw, curated)
    rows = []
    for code in raw.tags:
        short = curated[code].iso639_1 if code in curated else two_letters.get(code, "")
        if short != two_letters.get(code, ""):
            raise BuildError(f"{code} is {short!r} in curated.csv, not so in letter_codes.json.")
        facts = (
            names[code],
            choose_script(code, raw, curated),
            choose_family(code, raw, curated),
        )
        values = [unicodedata.normalize("NFC", fact.value) for fact in facts]
        rows.append([code, short, *values, ";".join(fact.source for fact in facts)])
    return rows


# spellings.csv


def alternative_codes(raw: Raw) -> dict[str, Fact]:
    """Return further codes (lower case) and what they stand for; the first source to say wins.

    lang2vec's own letter codes come first, even over a URIEL code (alb, gre), so that a code never
    means anything else than it does there. Any other URIEL code means itself and is left out.
    """
    found = {short: Fact(code, LANG2VEC) for short, code in raw.letter_codes.items()}
    found |= {code: Fact(language, WIKIPEDIA) for code, language in WIKIPEDIA_CODES.items()}

    def add(spelling: str, code: str | None, source: str) -> None:
        key = spelling.lower()
        if code and key not in raw.families:
            found.setdefault(key, Fact(code, source))

    for row in raw.registry:
        if row["Type"] in ("language", "grandfathered", "redundant") and "Preferred-Value" in row:
            add(row.get("Subtag") or row["Tag"], raw.resolve(row["Preferred-Value"]), IANA)
    for tag, replacement in raw.aliases.items():
        if "-" not in tag:
            add(tag, raw.resolve(replacement), CLDR)
    return found


def claims_to_names(raw: Raw, curated: Mapping[str, Curated]) -> Iterator[Claim]:
    """Yield every name that a source gives to a language."""
    for code in curated:
        for spelling in curated[code].spellings:
            yield Claim(spelling, code, BY_HAND, CURATED)
    for spelling, code in SPELLINGS_BY_HAND.items():
        yield Claim(spelling, code, BY_HAND, CURATED)
    for tag, name in raw.english.items():
        subtag, _, variant = tag.partition("-")
        if not variant or variant in NAME_VARIANTS:
            yield Claim(name, raw.resolve(subtag), REGISTERED, CLDR)
    for subtag, row in raw.records.items():
        if row.get("Scope") in ("collection", "special"):
            continue
        meant = raw.resolve(subtag) or raw.resolve(row.get("Preferred-Value", ""))
        for description in row["Description"]:
            yield Claim(description, meant, REGISTERED, IANA)
    for subtag, name in raw.endonyms:
        if name not in NOT_A_NAME:
            yield Claim(name, raw.resolve(subtag), ENDONYM, CLDR)


def without_brackets(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Yield registered names with their qualifier off: "Ancient Greek (to 1453)"."""
    for claim in claims:
        match = BRACKETED.fullmatch(claim.spelling)
        if match and claim.rank == REGISTERED:
            yield claim._replace(spelling=match["bare"], rank=BARE)


def is_macrolanguage(code: str | None, raw: Raw) -> bool:
    """Return whether IANA lists a language as a macrolanguage."""
    return code is not None and raw.records.get(raw.tags[code], {}).get("Scope") == "macrolanguage"


def settle(claims: Sequence[Claim], raw: Raw, curated: Mapping[str, Curated]) -> str | None:
    """Decide which language a spelling means, None where that stays open.

    What is set by hand goes before what a registry or the language itself says, and that before
    a name with its qualifier off. Among several languages a reference language goes first, then a
    macrolanguage, then the one that CLDR knows by this name.
    """
    tiers = ((BY_HAND,), (REGISTERED, ENDONYM), (BARE,))
    by_tier = ([claim for claim in claims if claim.rank in tier] for tier in tiers)
    contenders = next(tier for tier in by_tier if tier)
    for preferred in (
        contenders,
        [claim for claim in contenders if claim.code in curated],
        [claim for claim in contenders if is_macrolanguage(claim.code, raw)],
        [claim for claim in contenders if claim.source == CLDR],
    ):
        codes = {claim.code for claim in preferred}
        if len(codes) == 1:
            return codes.pop()
    return None


def spelling_rows(raw: Raw, curated: Mapping[str, Curated], languages: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the rows of spellings.csv, sorted by spelling.

    These rows are looked up before the URIEL codes, and those before the names. So a row is left
    out where the spelling is a URIEL code that lang2vec does not read otherwise, or some language's
    name in languages.csv. Only a code may stand against a name: "ha" is Hausa although haq is
    called Ha.
    """
    codes = alternative_codes(raw)
    names = {key_of(row[2]) for row in languages}
    by_key: dict[str, list[Claim]] = defaultdict(list)
    named = list(claims_to_names(raw, curated))
    for claim in (*named, *without_brackets(named)):
        if "," not in claim.spelling:
            by_key[key_of(claim.spelling)].append(claim)
    rows = [[key, code, source] for key, (code, source) in codes.items()]
    for key, claims in by_key.items():
        if key in raw.families or key in names or key in codes:
            continue
        code = settle(claims, raw, curated)
        if code is None:
            continue
        backers = sorted(
            (claim for claim in claims if claim.code == code),
            key=lambda claim: (claim.rank, claim.source, claim.spelling),
        )
        sources = sorted({claim.source for claim in backers})
        spelling = unicodedata.normalize("NFC", backers[0].spelling)
        rows.append([spelling, code, ";".join(sources)])
    return sorted(rows, key=lambda row: (key_of(row[0]), row[0]))


# subtags.csv


def subtag_rows(raw: Raw) -> list[list[str]]:
    """Return the rows of subtags.csv, sorted; each kind answers one question about a code or a part of a tag."""
    rows = [["region", three, "", two, CLDR] for three, two in raw.regions.items()]
    rows += [["elsewhere", code, "", language, WIKIPEDIA] for code, language in WIKIPEDIA_DIFFERS.items()]
    rows += [["replaced", code, "", languages, CURATED] for code, languages in SPLIT_BY_HAND.items()]
    rows += [["same", code, "", language, CURATED] for code, language in SAME_BY_HAND.items()]
    rows += [["script", region, "zho", script, CURATED] for region, script in SCRIPTS_BY_HAND.items()]
    for record in raw.registry:
        if record["Type"] == "extlang":
            for prefix in record["Prefix"]:
                for written in {prefix, raw.resolve(prefix) or prefix}:  # zh-yue, zho-yue
                    rows.append(["extlang", record["Subtag"], written, record["Preferred-Value"], IANA])
    for subtag, record in raw.records.items():
        language, macro = raw.resolve(subtag), raw.resolve(record.get("Macrolanguage", ""))
        if language and macro:
            rows.append(["member", language, "", macro, IANA])
        if "Deprecated" in record and (now := replacement_of(record)):
            rows.append(["replaced", subtag, "", now, IANA])
    for tag in ("scc", "scr"):  # ISO 639-2's old codes of Serbian and Croatian
        rows.append(["replaced", tag, "", raw.aliases[tag], CLDR])
    for tag, macro_tag in raw.standards.items():
        language, macro = raw.resolve(tag), raw.resolve(macro_tag)
        if language and macro and is_macrolanguage(macro, raw):
            rows.append(["same", language, "", macro, CLDR])
    for tag, likely in raw.likely.items():
        parts = tag.split("-")
        language = raw.resolve(parts[0]) if len(parts) == 2 and is_country(parts[1]) else None
        if language and language != "und":
            rows.append(["script", parts[1], language, likely.split("-")[1], CLDR])
    return sorted(rows)


def replacement_of(record: Mapping[str, Any]) -> str:
    """Return the codes that a retired language subtag was replaced by, "" where the registry names none."""
    comment = " ".join(record.get("Comments", []))
    return record.get("Preferred-Value") or (comment.removeprefix("see ") if comment.startswith("see ") else "")


# Checking and writing


def require(condition: bool, message: str) -> None:
    """Raise BuildError where a condition does not hold."""
    if not condition:
        raise BuildError(message)


def check_languages(rows: Sequence[Sequence[str]]) -> None:
    """Check languages.csv: one row per URIEL language, sorted, with a name of its own."""
    codes = [row[0] for row in rows]
    require(len(codes) == N_URIEL, f"languages.csv has {len(codes)} rows, expected {N_URIEL}.")
    require(codes == sorted(set(codes)), "languages.csv is not sorted, or repeats a code.")
    require(all(row[2] for row in rows), "languages.csv has a row without a name.")
    require(len({key_of(row[2]) for row in rows}) == N_URIEL, "languages.csv repeats a name.")
    for row in rows:
        require(bool(re.fullmatch("([A-Z][a-z]{3})?", row[3])), f"{row[0]}: script {row[3]!r}.")


def check_spellings(
    rows: Sequence[Sequence[str]],
    languages: Sequence[Sequence[str]],
    alternatives: Mapping[str, Fact],
) -> None:
    """Check spellings.csv: sorted, each spelling once, only codes stand against languages.csv."""
    keys = [key_of(row[0]) for row in rows]
    codes = {row[0] for row in languages}
    names = {key_of(row[2]): row[0] for row in languages}
    require(keys == sorted(set(keys)), "spellings.csv is not sorted, or repeats a spelling.")
    for (spelling, code, source), key in zip(rows, keys, strict=True):
        require(code in codes, f"spellings.csv: {spelling} means the unknown code {code}.")
        require(key not in codes or source == LANG2VEC, f"spellings.csv: {spelling} is a URIEL code.")
        require("," not in spelling, f"spellings.csv: {spelling} has a comma.")
        free = key not in names or key in alternatives
        require(free, f"spellings.csv: {spelling} is the name of {names.get(key)}.")
        require(names.get(key) != code, f"spellings.csv: {spelling} is {code}'s own name.")


def check_sizes(path: Path, codes: set[str]) -> int:
    """Check pretraining_sizes.csv and return its number of rows."""
    rows = read_table(path, SIZE_COLUMNS)
    keys = []
    for row in rows:
        where = f"{path.name}: {row['model']} {row['label']}"
        require(row["model"] in MODELS, f"{where}: unknown model.")
        require(row["iso639_3"] in codes, f"{where}: unknown code {row['iso639_3']!r}.")
        require(bool(re.fullmatch("[A-Z][a-z]{3}", row["script"])), f"{where}: no script.")
        require(bool(row["label"] and row["source"]), f"{where}: no label or source.")
        for column in ("size_gib", "tokens_millions", "share_percent"):
            require(not row[column] or float(row[column]) >= 0, f"{where}: negative {column}.")
        size = float(row["size_gib"] or 0)
        keys.append((row["model"], row["iso639_3"], row["script"], row["label"], size))
    require(keys == sorted(set(keys)), f"{path.name} is not sorted, or repeats a row.")
    return len(rows)


def check_pools(path: Path, codes: set[str]) -> int:
    """Check pools.csv and return its number of rows."""
    rows = read_table(path, POOL_COLUMNS)
    keys = [(row["pool"], row["iso639_3"]) for row in rows]
    require(keys == sorted(set(keys)), f"{path.name} is not sorted, or repeats a row.")
    for row in rows:
        require(row["iso639_3"] in codes, f"{path.name}: unknown code {row['iso639_3']!r}.")
        require(bool(row["source"]), f"{path.name}: {row['pool']} has a row without a source.")
    return len(rows)


def check_descriptions(folder: Path) -> None:
    """Check that every table has a JSON file beside it that describes its columns in order."""
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        described = [column["name"] for column in read_json(path.with_suffix(".json"))["columns"]]
        require(header == described, f"{path.stem}.json describes {described}, not {header}.")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file: UTF-8, line feeds, quotes only where needed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writerow(columns)
        writer.writerows(rows)


def main() -> None:
    """Read the raw folders, write the three built tables, check all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cldr-core", type=Path, required=True)
    parser.add_argument("--cldr-names", type=Path, required=True)
    parser.add_argument("--registry", type=Path, required=True)
    parser.add_argument("--lang2vec", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE, help="default: beside this script")
    args = parser.parse_args()

    raw = read_raw(args.cldr_core, args.cldr_names, args.registry, args.lang2vec)
    curated = read_curated(HERE / "curated.csv")
    check_descriptions(HERE)
    languages = language_rows(raw, curated)
    spellings = spelling_rows(raw, curated, languages)
    subtags = subtag_rows(raw)
    require(len({tuple(row[:3]) for row in subtags}) == len(subtags), "subtags.csv repeats a key.")
    check_languages(languages)
    check_spellings(spellings, languages, alternative_codes(raw))
    codes = {row[0] for row in languages}
    sizes = check_sizes(HERE / "pretraining_sizes.csv", codes)
    pools = check_pools(HERE / "pools.csv", codes)

    args.out.mkdir(parents=True, exist_ok=True)
    write_table(args.out / "languages.csv", LANGUAGE_COLUMNS, languages)
    write_table(args.out / "spellings.csv", SPELLING_COLUMNS, spellings)
    write_table(args.out / "subtags.csv", SUBTAG_COLUMNS, subtags)
    print(f"wrote {len(languages)} languages, {len(spellings)} spellings, {len(subtags)} subtags to {args.out}")
    print(f"checked {sizes} pretraining sizes, {pools} pool rows, {len(curated)} curated rows")


if __name__ == "__main__":
    main()
