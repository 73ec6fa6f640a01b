"""Intents: what is a smart home asked to do? Sentences made of the templates of the package home-assistant-intents.

The templates were written by speakers of each language for Home Assistant. A sentence is one filling of a template
("turn on … in …"): what the user is free to say, as the name of a lamp, stands as …, numbers and values are drawn. So
they say what people ask for in few forms, now and then with a wrong ending, and languages have more forms or fewer.

Nothing leaks from train to test: a template, and a sentence, is in one split. An intent takes part in a language if it
has three templates there and so many sentences; a sentence of two intents is left out.
"""

import hashlib
from collections import defaultdict
from functools import cache
from math import ceil

from mslt_cli.foreign import parse_json
from mslt_cli.hub.packages import PyPackage
from mslt_cli.tasks.task import Rows, Task, language_table
from mslt_cli.tasks.templates import Grammar

PACKAGE = PyPackage("home-assistant-intents", "2026.10.27")
INTENTS = (
    "TurnOn TurnOff GetState LightSet SetPosition ClimateGetTemperature ClimateSetTemperature GetWeather StartTimer "
    "CancelTimer PauseTimer UnpauseTimer IncreaseTimer DecreaseTimer TimerStatus MediaNext MediaPrevious MediaPause "
    "MediaUnpause SetVolume Respond"
)
"""Those that more than half of the languages have, without "Hass" before them."""
FEWEST_TEMPLATES, FEWEST_SENTENCES = 3, 12
"""Of an intent in a language."""
MOST_SENTENCES = {"test": 16, "validation": 8, "train": 48}
"""Of an intent in a language and split, so that no intent outweighs the others."""
ROUNDS = 24
"""Fillings of each template, at most."""
FILES = {"no": "nb"}
"""The package's name of a locale, where other tasks have another."""
ROWS = language_table(
    "afr=430|58|155 ara=922|157|305 ben=297|63|146 bul=816|142|290 cat=905|164|324 ces=809|135|295 cym=395|80|159 "
    "dan=938|154|315 deu=987|165|330 ell=850|145|304 eng=900|157|306 eus=889|136|297 fas=379|64|147 fin=922|155|317 "
    "fra=953|166|318 gle=556|106|178 glg=884|154|304 heb=433|84|177 hin=496|76|168 hrv=838|161|298 hun=822|142|288 "
    "isl=436|83|151 ita=915|158|316 kor=381|73|152 lav=356|86|183 lit=412|70|148 ltz=491|95|164 mal=841|149|300 "
    "nep=795|130|267 nld=931|160|316 nor=905|156|286 pol=889|154|303 por=883|153|275 ron=844|163|323 "
    "rus=876|146|276 slk=910|148|301 slv=919|150|299 spa=949|159|313 srp=770|150|281 swe=840|151|297 "
    "tha=949|158|314 ukr=415|86|168 vie=427|92|186 zho=813|135|274"
)
"""Rows to train on, to validate and to test, which follow from the templates and from what is drawn."""


def split_templates(templates: list[str]) -> dict[str, list[str]]:
    """Split → its templates: in the order of a hash, a fifth for test, a tenth for validation, at least one each."""
    in_order = sorted(set(templates), key=lambda template: hashlib.sha256(template.encode()).digest())
    tested = ceil(len(in_order) / 5)
    checked = tested + ceil(len(in_order) / 10)
    return {"test": in_order[:tested], "validation": in_order[tested:checked], "train": in_order[checked:]}


def fill_templates(grammar: Grammar, templates: list[str], most: int) -> list[str]:
    """So many different sentences, one of each template in turn, for a number of rounds."""
    sentences: dict[str, str] = {}
    for round_ in range(ROUNDS):
        for template in templates:
            if len(sentences) < most:
                sentence = grammar.fill(template, f"{round_} {template}")
                sentences.setdefault(sentence.casefold(), sentence)
    return [sentence for sentence in sentences.values() if any(letter.isalpha() for letter in sentence)]


@cache
def make_sentences(locale: str) -> dict[str, list[tuple[str, str]]]:
    """Split → its sentences with their labels, in a locale."""
    path = f"home_assistant_intents/data/{FILES.get(locale, locale)}.json"
    data = parse_json(PACKAGE.read(path)[path])
    grammar = Grammar(data["expansion_rules"], data["lists"])
    unspaced = data.get("settings", {}).get("ignore_whitespace", False)  # Chinese, whose templates have spaces
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    found: dict[str, list[tuple[str, str]]] = {split: [] for split in MOST_SENTENCES}
    for label in INTENTS.split():
        blocks = data["intents"].get(f"Hass{label}", {"data": []})["data"]
        templates = [template for block in blocks for template in block["sentences"]]
        if len(set(templates)) < FEWEST_TEMPLATES:
            continue
        made = {
            split: fill_templates(grammar, of_split, MOST_SENTENCES[split])
            for split, of_split in split_templates(templates).items()
        }
        if sum(map(len, made.values())) < FEWEST_SENTENCES:
            continue
        for split, texts in made.items():
            for text in texts:
                text = text.replace(" ", "") if unspaced else text
                seen[text.casefold()].add((split, label))
                found[split].append((text, label))
    return {
        split: [(text, label) for text, label in dict.fromkeys(rows) if len(seen[text.casefold()]) == 1]
        for split, rows in found.items()
    }


def build(locale: str, split: str) -> Rows:
    """The sentences of one locale in one split; columns id (label and number), text, label."""
    import polars as pl

    rows = make_sentences(locale)[split]
    frame = pl.DataFrame(rows, ["text", "label"], orient="row")
    number = pl.int_range(1, pl.len() + 1).over("label").cast(pl.String)
    return frame.select(pl.concat_str("label", pl.lit("-"), number).alias("id"), "text", "label")


TASK = Task(
    name="intents",
    kind="sequence-classification",
    summary="which of 21 things is a smart home asked to do?",
    labels=tuple(INTENTS.split()),
    # Those with ten of the intents and more; no is Bokmål, sr Cyrillic.
    languages=language_table(
        "afr=af ara=ar ben=bn bul=bg cat=ca ces=cs cym=cy dan=da deu=de ell=el eng=en eus=eu fas=fa fin=fi fra=fr "
        "gle=ga glg=gl heb=he hin=hi hrv=hr hun=hu isl=is ita=it kor=ko lav=lv lit=lt ltz=lb mal=ml nep=ne nld=nl "
        "nor=no pol=pl por=pt ron=ro rus=ru slk=sk slv=sl spa=es srp=sr swe=sv tha=th ukr=uk vie=vi zho=zh-CN"
    ),
    sources=("ara", "deu", "eng", "fra", "rus", "spa", "zho"),
    # Of the usual targets, Indonesian, Japanese, Swahili and Turkish have six intents or fewer.
    targets=("ell", "eus", "fin", "heb", "hin", "hun", "kor", "mal", "tha", "vie"),
    sizes={
        split: {iso: int(rows[place]) for iso, rows in ROWS.items()}
        for place, split in enumerate(("train", "validation", "test"))
    },
    licence="Apache-2.0",
    citation="The Home Assistant authors, intents, through the package home-assistant-intents",
    build=build,
    packages=(PACKAGE,),
    # A second region or script; fewer than ten of the intents.
    left_out=tuple(language_table("de-CH pt-BR sr-Latn zh-HK zh-TW et gu hy id ja ka kn kw mn ms pa sw ta te tr ur")),
)
