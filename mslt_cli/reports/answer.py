"""The answer: which sources to take, what to expect of them, how sure that is, and what to train next to be surer."""

from collections.abc import Sequence
from math import isnan

from mslt_cli.errors import MissingFactsError, MsltError
from mslt_cli.foretelling.next_runs import CHANCE
from mslt_cli.foretelling.observations import TooFewRunsError
from mslt_cli.reports.cells import Cell, Column, Passage, ReportTable, plural
from mslt_cli.reports.foretold_views import SERIES
from mslt_cli.reports.gathering import Request
from mslt_cli.reports.grid import Grid
from mslt_cli.reports.material import Material
from mslt_cli.reports.weighed_choices import CRITERION, WITHIN, Option, WeighedChoices, pool_of
from mslt_cli.store.results import Published

BEGINNING = 8
"""Runs of a design that begins from nothing or too little; of more languages, one more than they are."""
NO_RUNS = (
    "There are no runs of your own, so nothing is known of your task and model but what criteria say before any "
    "training: `mslt select` ranks by them. `mslt train --task cldr --model e5-small --design {n}` trains {n} "
    "combinations that together tell most of all others, and `mslt report answer` then has an answer. `mslt report "
    "answer --source shipped` has one of the runs that come with mslt."
)
UNEQUAL = (
    "None of these runs can be compared here: combinations are compared by trainings whose sources have equal shares. "
    "`mslt select --by runs` weighs unequal ones as well."
)
ABOUT = (
    "score: foretold by the model of all runs, with the 90 % interval of the true score, which has no luck of seeds in "
    "it; points behind the first: likewise; P(best): the chance to be the best of its size; measured: the mean over "
    "runs, with their luck. All of it is about these targets; whether differences would hold on others, `best` asks, "
    "and can say so of fewer."
)
MOST_NAMED = 3
"""Combinations that tie, which are named."""


def answer_question(material: Material) -> ReportTable:
    """For each grid a paragraph that can be quoted, what to train next, and the options that were compared."""
    columns = [SERIES, Column("choice", label=True), Column("languages"), Column("score", right=True)]
    columns += [Column("behind", right=True, header="points behind the first")]
    columns += [Column("p_best", right=True, header="P(best)"), Column("measured", right=True)]
    table = ReportTable("answer", "Which languages to train on", columns)
    for grid in material.grids:
        try:
            choices = _weigh(material, grid)
            table.prose.append(Passage(grid.label, _say_answer(choices)))
            table.rows += [_option_row(grid, option) for option in (choices.best, *choices.others)]
            table.what_if += (choices.what_if(),)
        except TooFewRunsError as error:
            command = grid.command(_design(grid, material.request))
            too_little = f"{grid.label}: there is too little to say which sources to take. {error}"
            table.prose.append(Passage(grid.label, (too_little, f"Train first: `{command}`.")))
        except MsltError as error:  # of one grid of several
            table.prose.append(Passage(grid.label, (f"{grid.label}: {error}",)))
    if not material.grids:
        why = UNEQUAL if material.runs else NO_RUNS.format(n=BEGINNING)
        table.prose.append(Passage("No answer yet", (*_say_published(material.printed(1)), why)))
    if table.rows:
        table.notes.append(ABOUT)
    return table


def _weigh(material: Material, grid: Grid) -> WeighedChoices:
    """Raises: MissingFactsError: the pool has no such combination; and as `Material.score_model`."""
    pool = pool_of(material, grid)
    choices = WeighedChoices(material, grid, material.score_model(grid, pool))
    if not choices.total:
        raise MissingFactsError(
            f"Of {plural(len(pool), 'language')} ({grid.named(pool)}) no combinations of {choices.k} can be made. "
            "Choose another -k, or more languages by --pool."
        )
    return choices


def _option_row(grid: Grid, option: Option) -> dict[str, Cell]:
    source = "foretold by the model of all runs"
    row = {name: Cell(None, "–") for name in ("languages", "behind", "p_best", "measured")}
    row |= {"series": grid.name_cell, "choice": Cell(option.name, option.name)}
    if option.combinations:
        named = [grid.named(combination) for combination in option.combinations]
        row["languages"] = Cell(named[0], _or(named), "", "", {"tied": len(named)})
    interval = dict(zip(("low", "high"), option.ends, strict=True))
    row["score"] = Cell(option.mean, f"{option.mean:.2f} ±{option.half:.2f}", "computed", source, interval)
    if option.low or option.high:  # not the first
        text = f"{option.behind:+.1f} [{option.low:+.1f}, {option.high:+.1f}]"
        row["behind"] = Cell(option.behind, text, "computed", source, {"low": option.low, "high": option.high})
    if option.p_best is not None:
        row["p_best"] = Cell(option.p_best, _percent(option.p_best), "computed", source)
    if len(option.combinations) == 1 and (trained := grid.trained.get(option.combinations[0])) is not None:
        row["measured"] = grid.cell(trained, option.name, f" ({plural(len(trained.runs), 'run')})")
    return row


def _say_answer(choices: WeighedChoices) -> tuple[str, ...]:
    """The paragraph to quote, what it rests on, and what to train next."""
    answer = " ".join([_say_best(choices), _say_others(choices), _say_chance(choices)])
    return answer, _say_grounds(choices), _say_next(choices)


def _say_best(choices: WeighedChoices) -> str:
    grid, best, about, k = choices.grid, choices.best, choices.grid.about, choices.k
    budgets = sorted({run.examples or 0 for one in grid.trained.values() for run in one.runs})
    names = _and([choices.material.name.get(code, code) for code in best.combinations[0]])
    which, over = "which language" if k == 1 else f"which {k} languages", grid.named(grid.targets)
    better = [option.name for option in choices.others if option.combinations and round(option.behind, 1) < 0]
    though = f", though {better[0]} is foretold to do better" if better else ""
    guess = f"{which} to take. The best guess is {names}{though}."
    lead = {
        "one is better": f"take {names}{though}.",
        "alike": f"it hardly matters {guess}",
        "too few runs": f"{plural(choices.grounds.runs, 'run')} can't tell {guess}",
    }[choices.verdict]
    low, high = best.ends
    unseen = _and([choices.material.name.get(code, code) for code in choices.untrained])
    relatives = f" No run has {unseen}: what relatives do is foretold of it." if unseen else ""
    return (
        f"To train {about.model} for {grid.label.rpartition(', ')[0]} on {' or '.join(f'{n:,}' for n in budgets)} "
        f"examples, {lead} Expect {best.mean:.1f} % {about.metric}, the mean over "
        f"{plural(len(grid.targets), 'language')} not trained on ({over}); 90 % interval {low:.1f} to {high:.1f}."
        f"{relatives}"
    )


def _say_chance(choices: WeighedChoices) -> str:
    decision, n, total = choices.decision, choices.n, choices.total
    among = f"all {total:,} combinations" if n == total else f"{n:,} of the {total:,} combinations"
    if total == 1:
        return f"There is no other combination of {choices.k} to choose."
    best, better = _percent(choices.best.p_best or 0), _percent(decision.p_better)
    return (
        f"The chance that it is the best of {among} of {choices.k} is {best}; that another is more than {WITHIN:.0f} "
        f"point better, {better}."
    )


def _say_others(choices: WeighedChoices) -> str:
    parts, grid = [], choices.grid
    for option in choices.others:
        if option.combinations == choices.best.combinations:
            parts.append(f"{option.name} chooses the same")
            continue
        what = f"what {option.name} chooses" if option.name == CRITERION else option.name
        what = what if option.combinations else "one taken at random"
        named = f" ({_or([grid.named(x) for x in option.combinations])})" if option.name == CRITERION else ""
        costs, low, high = (
            f"{round(points, 1) + 0.0:.1f}".replace("-", "−") for points in (option.behind, option.low, option.high)
        )
        parts.append(f"{what}{named} {costs} ({low} to {high})")
    return f"Instead of it, in points lost, with 90 % intervals: {'; '.join(parts)}."


def _say_grounds(choices: WeighedChoices) -> str:
    grounds, signal = choices.grounds, choices.grounds.signal
    of = f"of {grounds.size}" if grounds.size is not None else "of all sizes"
    order = (
        ""
        if isnan(grounds.rho)
        else f" and in an order that agrees with the measured one by ρ = {grounds.rho:.2f}".replace("-", "−")
    )
    said = (
        f"This rests on {plural(grounds.runs, 'run')}: from the runs of the others, each of {grounds.combinations} "
        f"trained combinations {of} is foretold with an error of {grounds.rmse:.1f} points{order}"
    )
    if abs(choices.luck) >= WITHIN:
        less, luck = ("less", "unlucky") if choices.luck < 0 else ("more", "lucky")
        said += f". They measured {abs(choices.luck):.1f} points {less} than is expected of them, on average: by the "
        said += f"combinations that have further seeds, theirs were {luck} ones"
    if not signal.knows_noise:
        return f"{said}; how much of their differences is luck is not known, for none of these has two seeds."
    share, low, high = (f"{100 * value:.0f}" for value in signal[:3])
    return f"{said}; {share} % of the variance between them is no luck (95 % interval {low} to {high} %)."


def _say_next(choices: WeighedChoices) -> str:
    if choices.decision.p_better < CHANCE and choices.total > 1:
        return "Further runs would hardly change this."
    (languages, seed), grid = choices.next_run(), choices.grid
    named = grid.named(languages)
    if grid.about.origin == "own":
        command = grid.command({"--sources": named, "--seed": str(seed)})
        return f"To be surer, train next what tells most: `{command}`."
    begin = grid.command(_design(grid, choices.material.request))
    return (
        f"What would tell most next is {named} with seed {seed}. But these runs come with mslt, and yours are counted "
        f"by themselves. To begin some: `{begin}`."
    )


def _design(grid: Grid, request: Request) -> dict[str, str]:
    """The options of a design that begins from little."""
    pool = request.pool or grid.pool(request.k)[0]
    runs = max(BEGINNING, len(pool) + 1)
    return {"--design": str(runs), "--pool": grid.named(pool), "-k": str(request.k)}


def _say_published(printed: Sequence[Published]) -> list[str]:
    """What the paper says of each of its tasks."""
    cells = {(row.task, row.method): row for row in printed}
    parts = []
    for task in dict.fromkeys(row.task for row in printed):
        own, best = cells.get((task, CRITERION)), cells.get((task, "max"))
        if own and best and own.score_percent and best.score_percent:
            parts.append(
                f"{task} {own.score_percent:.2f} (rank {own.rank} of {own.out_of}; best {best.score_percent:.2f})"
            )
    paper = "In the paper (Lim et al. 2024, Table 1)"
    return [f"{paper}, the most diverse combination of 3 by {CRITERION} scores: {'; '.join(parts)}."] if parts else []


def _percent(chance: float) -> str:
    return f"{100 * chance:.0f} %"


def _and(names: Sequence[str]) -> str:
    """ "Arabic, English and Chinese"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _or(names: Sequence[str]) -> str:
    """ "ar,de,zh or de,en,zh"."""
    more = f" or {len(names) - MOST_NAMED} more that tie" if len(names) > MOST_NAMED else ""
    return " or ".join(names[:MOST_NAMED]) + more
