"""tune."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deepwright.cli.commands.training import command_line, short
from deepwright.cli.options import Shared, Whole, as_json, build_draft, data_options, emit, memory_option, shared
from deepwright.cli.stopping import will_say
from deepwright.core.errors import Interrupted, RecipeError, Refused

__all__ = ["COMMANDS", "go_on"]


@click.command(short_help="Better settings, by many short trainings.")
@click.argument("source")
@data_options
@click.option("--model", metavar="KIND", help="mlp, cnn, fusion …; chosen by the inputs otherwise.")
@click.option("--metric", metavar="NAME", help="The figure that decides (default: the loss).")
@click.option("--space", "spaces", multiple=True, metavar="KEY=SPACE|FILE", help="What to try: train.optimizer.lr=log:1e-4..1e-1, model.depth=int:1..6, train.batch=32,64, or a YAML file of spaces; repeatable.")  # fmt: skip
@click.option("--trials", type=Whole(min=1), help="Trials at most (default 50).")
@click.option("--budget", metavar="TIME", help="Of everything, the report included (default 20min).")
@click.option("--jobs", type=Whole(min=1), help="Trainings at a time (default: one a core).")
@click.option("--threads", type=Whole(min=1), help="Threads of each job (default 1).")
@memory_option
@click.option("--search", metavar="KIND", help="tpe, random, grid, cmaes (default tpe).")
@click.option("--prune", metavar="KIND", help="halving, hyperband, median, none (default halving).")
@click.option("--storage", metavar="URL", help="Optuna storage that several machines share.")
@shared
def tune(source: str, shared: Shared, spaces: tuple[str, ...], trials: int | None, budget: str | None, jobs: int | None,
         threads: int | None, search: str | None, prune: str | None, storage: str | None, **flags: Any) -> None:  # fmt: skip
    """Find better settings: many short trainings side by side, the best one trained again and compared.

    Spaces stand in the recipe where a value would, or come from --space, one by one or in a file; without any, the model
    offers its own.
    --out is the folder of runs: it gets the tune's folder and the winner's run.
    """
    draft = build_draft(source, shared, **flags)
    for one in spaces:
        _take_space(draft, one)
    from deepwright.verbs.tune.plan import division
    from deepwright.verbs.tune.settings import settled

    given = {"trials": trials, "budget": budget, "jobs": jobs, "threads": threads, "search": search, "prune": prune,
             "storage": storage}  # fmt: skip
    known = {name: value for name, value in given.items() if value is not None}
    settings = settled(known, {name: f"--{name}" for name in known})
    shared.say(f"Budget: {settings.budget} in all (--budget): {division(settings.budget.amount)}.")
    from deepwright.verbs.tune.tune import tune as work

    out = Path(shared.out or "runs")
    _work(shared, lambda watch: work(draft, settings, out=out, watch=watch, began=0.0, command=command_line()))


def _take_space(draft: Any, given: str) -> None:
    """One --space: a key with its space, or a file of them.

    Raises:
        RecipeError: it is neither.
    """
    from deepwright.ranges import assign, assign_file

    path = Path(given)
    if path.suffix.lower() not in (".yaml", ".yml") or "=" in given:
        assign(draft, given)
        return
    if not path.is_file():
        raise RecipeError(f"--space {given}: there is no such file.")
    from deepwright.recipe import Recipe

    assign_file(draft, path, Recipe)


def go_on(folder: Path, flags: Mapping[str, Any], shared: Shared) -> None:
    """Resume a tune."""
    if flags["memory"] is not None:
        raise Refused("A tune keeps the memory it began with; leave --memory out.")
    from deepwright.verbs.tune.tune import resume_tune

    data, threads, storage = flags["data"], flags["threads"], flags["storage"]
    _work(shared, lambda watch: resume_tune(folder, data, watch, command_line(), threads, storage))


def _work(shared: Shared, work: Any) -> None:
    """Tune with progress, then report and say what to do next."""
    from deepwright.cli.progress import Progress
    from deepwright.verbs.tune.folder import TuneFolder
    from deepwright.verbs.tune.settings import TuneWatch

    folders: list[Path] = []

    def how_to_go_on() -> str:
        if folders and TuneFolder.at(folders[0]):
            return f"Stopped; finished trials are kept. Go on with: deepwright resume {folders[0]}"
        return "Stopped before the first trial; nothing was lost."

    will_say(how_to_go_on)
    with Progress(shared.quiet) as progress:
        try:
            tuned = work(TuneWatch(progress.tell, progress.line, progress.findings, progress.standing, folders.append))
        except KeyboardInterrupt as error:
            raise Interrupted(how_to_go_on()) from error
    if shared.json:
        emit(as_json(tuned.report.data))
        return
    shared.show(short(tuned.report))
    if not shared.quiet:
        emit(f"\nRun:    {tuned.run.folder}\nTune:   {tuned.folder}\nReport: {tuned.folder / 'report.html'}\n")
        if tuned.run.task is not None:
            emit(f"Next:   deepwright predict {tuned.run.folder} NEW_DATA -o answers.csv\n")


COMMANDS = (tune,)
