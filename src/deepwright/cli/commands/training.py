"""train, resume, reproduce."""

import contextlib
import gc
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from deepwright.cli.options import (
    Shared,
    Whole,
    as_json,
    build_draft,
    data_options,
    emit,
    given_size,
    memory_option,
    moved_option,
    readable,
    shared,
    take_flags,
    threads_option,
)  # fmt: skip
from deepwright.cli.stopping import will_say
from deepwright.core.addresses import hidden
from deepwright.core.errors import Interrupted, Refused

__all__ = ["COMMANDS", "command_line", "short"]


@click.command(short_help="Make a network from a table, pictures, or a recipe.")
@click.argument("source")
@data_options
@click.option("--model", metavar="KIND", help="mlp, cnn, fusion …; chosen by the inputs otherwise.")
@click.option("--style", metavar="PICTURE", help="Learn to give pictures the style of this one in one pass (model stylist).")  # fmt: skip
@click.option("--budget", metavar="AMOUNT", help="60s, 5min, 20epochs, 2000steps (default 5min).")
@click.option("--metric", metavar="NAME", help="The figure that decides.")
@click.option("--track", metavar="KIND", multiple=True, help="Also tell tensorboard, mlflow or wandb how it goes (repeatable).")  # fmt: skip
@threads_option
@memory_option
@click.option("--branch", type=Whole(min=1), metavar="STEP", help="SOURCE is a run: begin with its weights after STEP steps.")  # fmt: skip
@click.option("--data", metavar="PATH", help="With --branch: where the run's training data is now, if it moved.")
@shared
def train(source: str, branch: int | None, data: str | None, shared: Shared, **flags: Any) -> None:
    """Train a network on a table, a folder of pictures, or a recipe; evaluate it and write a report.

    --out is the folder of runs: the new one in it gets the next number.

    With --branch a run is gone on with otherwise, in a new run: `train runs/cats-1 --branch 512 --set train.batch=32`. The steps
    are those of its time-lapse and of its checkpoints; --set changes how it learns, not what, nor its network.
    """
    will_say(_begin_again)
    if branch is not None:
        if flags["style"] is not None:
            raise click.UsageError("--style cannot be given with --branch: a branch keeps the style of its run")
        _branch(Path(source), branch, data, shared, flags)
        return
    if data is not None:
        raise click.UsageError("--data belongs to --branch; what is to be learnt from is named first: train DATA")
    draft = build_draft(source, shared, **flags)
    draft.settle_budget()
    _say_budget(draft, shared)
    from deepwright.verbs.train import train as work

    out = Path(shared.out or "runs")
    _work(
        shared,
        lambda watch, then: work(draft, out=out, watch=watch, began=0.0, command=command_line(), then=then),
        _begin_again(),
    )


def _branch(folder: Path, step: int, data: str | None, shared: Shared, flags: dict[str, Any]) -> None:
    """See `train`."""
    from deepwright.draft import Draft
    from deepwright.run import Run
    from deepwright.verbs.branch import branch as work

    run = Run.load(folder)
    draft = Draft.read(folder / "recipe.yaml")
    take_flags(draft, shared, **flags)
    draft.settle_budget()
    _say_budget(draft, shared)
    _work(
        shared,
        lambda watch, then: work(run, step, draft, data, shared.path, watch, 0.0, command_line(), then),
        _begin_again(),
    )


@click.command(short_help="Go on with an interrupted training, tune or arena.")
@click.argument("run")
@moved_option
@threads_option
@memory_option
@click.option("--storage", metavar="URL", help="Of a tune, where its address has a password: no record keeps that.")
@shared
def resume(run: str, shared: Shared, **flags: Any) -> None:
    """Go on with an interrupted training, bit for bit (unless --threads changes the number of threads).

    Or with an interrupted tune: finished trials are kept, the others go on. Or with an interrupted arena.
    """
    if shared.seed is not None:
        raise click.UsageError("--seed cannot be given here: a run goes on with its own seed")
    again = f"Stopped; what was saved is kept. Go on with: deepwright resume {run}"
    will_say(lambda: again)
    from deepwright.verbs.arena.folder import ArenaFolder
    from deepwright.verbs.tune.folder import TuneFolder

    for kind, command in ((TuneFolder, "tuning"), (ArenaFolder, "arena")):
        if kind.at(Path(run)):
            import_module(f"deepwright.cli.commands.{command}").go_on(Path(run), flags, shared)
            return
    from deepwright.verbs.train import resume as work

    if flags["storage"] is not None:
        raise Refused("Only a tune has a storage; leave --storage out.")
    data, threads, limit = flags["data"], flags["threads"], given_size(flags["memory"])
    _work(
        shared,
        lambda watch, then: work(
            Path(run), source=data, watch=watch, command=command_line(), then=then, threads=threads, memory=limit
        ),
        again,
    )


def _say_budget(draft: Any, shared: Shared) -> None:
    """The budget, before anything else; what is none is left to the recipe's own sentence."""
    from deepwright.training.budget import Budget

    amount = draft.get("train", "budget") or _usual_budget(draft)
    with contextlib.suppress(ValueError):
        Budget.parse(amount)
        shared.say(f"Budget: {amount} (--budget).")


def _usual_budget(draft: Any) -> str:
    """The budget where none is given; what creates takes longer."""
    named = {}
    for part in ("model", "task"):
        kind = draft.get(part, "kind") if isinstance(draft.get(part), dict) else draft.get(part)
        if isinstance(kind, str):
            named[part] = kind
    if not named:
        return "5min"
    import deepwright.models
    import deepwright.tasks  # noqa: F401
    from deepwright import registries

    for part, kind in named.items():
        registry: Any = registries.models if part == "model" else registries.tasks
        if kind in registry and (budget := getattr(registry.get(kind), "budget", None)) is not None:
            return budget
    return "5min"


def command_line() -> str:
    """What was typed, as it can be typed again; passwords in addresses (--storage) are left out, since runs are passed on."""
    return hidden(shlex.join(["deepwright", *readable(sys.argv[1:])]))


def _begin_again() -> str:
    return f"Stopped before training began; nothing was kept. Begin again with: {command_line()}"


def _work(shared: Shared, work: Any, again: str) -> None:
    """Train with progress, then evaluate, report and say what to do next.

    Args:
        again: what is said when it is stopped before there is a run.
    """
    from deepwright.cli.progress import Progress
    from deepwright.contracts import Restyles
    from deepwright.verbs.complete import complete
    from deepwright.verbs.train import Watch

    gc.freeze()  # what imports made lasts: looking through it took 0.2 s each time that memory was given back
    follower = int(os.environ.get("RANK", "0")) > 0  # of several processes the first one speaks
    known: list[Any] = []
    made: list[Any] = []

    def told(run: Any) -> None:
        known.append(run)
        progress.run(run)

    def then(run: Any) -> None:
        progress.tell("comparing with baselines")
        made.extend(complete(run))

    will_say(lambda: _how_to_go_on(known, again))
    with Progress(shared.quiet or follower) as progress:
        try:
            run = work(Watch(progress.event, progress.tell, told, progress.warn), then)
        except KeyboardInterrupt as error:
            raise Interrupted(_how_to_go_on(known, again)) from error
    if follower:
        return
    report, page = made
    if shared.json:
        from deepwright.verbs.learning import remembered

        memory = remembered(run.events())
        emit(as_json({**report.data, "memory": memory, "folder": str(run.folder), "report": str(page)}))
        return
    shared.show(short(report))
    if not shared.quiet:
        emit(f"\nRun:    {run.folder}\nReport: {page}\n")
        if run.task is not None:
            emit(f"Next:   deepwright predict {run.folder} NEW_DATA -o answers.csv\n")
        elif isinstance(run.network, Restyles):
            emit(f"Next:   deepwright restyle PHOTO --with {run.folder} -o out.png\n")
        else:
            emit(f"Next:   deepwright generate {run.folder} -n 64\n")


def _how_to_go_on(known: list[Any], again: str) -> str:
    """What is left after an interrupt outside the steps of training, or after a second one."""
    if not known or not (known[0].folder / "recipe.yaml").exists():
        return again
    run = known[0]
    events = run.events()
    if events and events[-1]["event"] == "completed":
        return f"Stopped, but all was done: {run.folder / 'report.html'}"
    if run.state_after(events) == "finished":
        return f"Stopped after training; the network is kept. Its figures and report: deepwright resume {run.folder}"
    return f"Stopped; what was saved is kept. Go on with: deepwright resume {run.folder}"


def short(report: Any) -> Any:
    """What fits on a screen: headlines, sentences and the first table; the page has the rest."""
    from dataclasses import replace

    from deepwright.core.report import Grid, Headline, Text

    first = next((block for block in report.blocks if isinstance(block, Grid)), None)
    kept = tuple(block for block in report.blocks if isinstance(block, Headline | Text) or block is first)
    return replace(report, blocks=kept)


@click.command(short_help="Train a run again and compare every byte.")
@click.argument("run")
@click.option("--data", metavar="PATH", help="Where the training data is now, if it moved.")
@click.option("--test", metavar="FILE", help="Where the test data is now, if it moved.")
@shared
def reproduce(run: str, data: str | None, test: str | None, shared: Shared) -> int:
    """Train a run again from its record, into a new run, and say whether it comes out the same, bit for bit.

    The recorded plan is followed, whatever the clock says. Otherwise the first difference is named: data, versions, hardware,
    a figure at a step, weights. Exit code 0 when all is the same, 2 when not. --out is the folder of runs.
    """
    if shared.seed is not None:
        raise click.UsageError("--seed cannot be given here: a run is done again with its own seed")
    from deepwright.cli.progress import Progress
    from deepwright.run import Run
    from deepwright.verbs.reproduce.reproduce import reproduce as work
    from deepwright.verbs.train import Watch

    with Progress(shared.quiet) as progress:
        watch = Watch(progress.event, progress.tell, progress.run, progress.warn)
        report = work(Run.load(run), data, test, shared.path, watch, command_line())
    shared.show(report)
    equal = report.data["equal"]
    if not equal and (shared.json or shared.quiet):
        click.echo(report.data["sentence"], err=True)
    if not (shared.json or shared.quiet) and report.data["folder"] is not None:
        emit(f"\nRun:    {report.data['folder']}\n")
    return 0 if equal else 2


COMMANDS = (train, resume, reproduce)
