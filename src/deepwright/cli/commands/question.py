"""explain, attack, generate, direction: questions to a trained network."""

import contextlib
from pathlib import Path
from typing import Any

import click

from deepwright.cli.commands.training import short
from deepwright.cli.looking import looking_on
from deepwright.cli.options import Shared, Whole, emit, moved_option, personal_option, shared

__all__ = ["COMMANDS"]


def _ask(kind: str, run: str, shared: Shared, source: str | None = None, data: str | None = None,
         show_personal: bool = False, brief: bool = False, **settings: Any) -> None:  # fmt: skip
    """Check, run and store a verb on a run.

    Args:
        brief: the terminal gets what fits on a screen, and is told where the rest is.
    """
    if kind != "generate":
        shared.free(shared.path)
    import deepwright.verbs.kinds  # noqa: F401  the verbs that can be asked
    from deepwright import registries
    from deepwright.doctor import personal_cells
    from deepwright.run import Run
    from deepwright.training.threads import as_trained, computing
    from deepwright.verbs.complete import store

    given = {name: value for name, value in settings.items() if value is not None}
    if shared.seed is not None:
        given["seed"] = shared.seed
    if source is not None:
        given["on"] = source
    loaded = Run.load(run).moved(data)
    verb: Any = _verb(registries.verbs.get(kind), given)
    verb.check(loaded)
    threads = as_trained(loaded.recipe.train.threads, None)
    with personal_cells(show_personal), computing(threads), looking_on(shared.quiet):
        report = verb(loaded)
    kept = source is None and (kind != "generate" or _worth_keeping(loaded, report))
    store(loaded, report, own=kept, out=None if kind == "generate" else shared.path, force=shared.force)
    shared.show(short(report) if brief else report)
    if brief and not (shared.json or shared.quiet):
        emit(f"\nReport: {loaded.folder / 'report.html'}\n")


def _worth_keeping(run: Any, report: Any) -> bool:
    """A walk, or a file that was opened again, shall not take the place of what was measured; a live page shows nothing here."""
    if "page" in report.data:
        return False
    return report.data["measured"] is not None or not any(one.verb == "generate" for one in run.reports())


def _verb(settings: Any, given: dict[str, Any]) -> Any:
    """The verb with its settings.

    Raises:
        RecipeError: a value out of its range, named by its flag.
    """
    from deepwright.draft import configured

    return configured(settings, given, {name: f"-{name}" if len(name) == 1 else f"--{name}" for name in given})


@click.command(short_help="Which columns and pixels mattered.")
@click.argument("run")
@click.argument("source", required=False)
@click.option("--rows", type=Whole(min=2), metavar="N", help="Examples to explain.")
@moved_option
@personal_option
@shared
def explain(run: str, shared: Shared, **settings: Any) -> None:
    """Which columns and pixels mattered, checked against a random order."""
    _ask("explain", run, shared, **settings)


@click.command(short_help="How small a change fools the network.")
@click.argument("run")
@click.argument("source", required=False)
@click.option("--rows", type=Whole(min=2), metavar="N", help="Examples to attack.")
@click.option("--epsilon", type=click.FloatRange(0, 1), metavar="SHARE", help="The size of the change, as a share of each range; several otherwise.")  # fmt: skip
@moved_option
@personal_option
@shared
def attack(run: str, shared: Shared, **settings: Any) -> None:
    """How small a change fools the network, beside random changes of the same size."""
    _ask("attack", run, shared, **settings)


@click.command(short_help="New creations from a network that creates.")
@click.argument("run", required=False)
@click.option("-n", "n", type=Whole(min=1), metavar="N", help="How many.")
@click.option("--at", metavar="NUMBERS", help="These creations of the seed, or stored latents: 3,9,20-25,photo.")
@click.option("--label", multiple=True, metavar="LABEL", help="What shall be created, for runs that learnt labels (COLUMN=LABEL of several columns).")  # fmt: skip
@click.option("--set", "sets", multiple=True, metavar="KNOB=VALUE", help="How the network is sampled; each family has its own knobs.")  # fmt: skip
@click.option("--from", "reopen", metavar="FILE", help="A file made before: the same state again, with what else is given.")  # fmt: skip
@click.option("--interpolate", metavar="A,B", help="A walk between creations: 3,9 or 3,photo,9.")
@click.option("--frames", type=Whole(min=2), metavar="N", help="Pictures of a walk (default 60).")
@click.option("--fps", type=click.FloatRange(0.1, 100), metavar="N", help="Pictures of a walk a second (default 20).")
@click.option("--loop", is_flag=True, default=None, help="The walk leads back to its start.")
@click.option("--mix", metavar="A=W,B=W", help="One creation from several: 3,9 or 3=0.7,9=0.3.")
@click.option("--edit", multiple=True, metavar="NAME=AMOUNT", help="A move along a direction (deepwright direction), or a label of a run that answers: smile=+2, RUN2:label=+2; repeatable.")  # fmt: skip
@click.option("--invert", metavar="PICTURE", help="The creation nearest to a picture of yours; its latent is stored.")
@click.option("--name", metavar="NAME", help="Of the stored latent (default: the picture's).")
@click.option("--like", metavar="FILE", help="The creations nearest to a row (row.json, columns may be missing) or a picture of yours.")  # fmt: skip
@click.option("--apart", type=click.FloatRange(0, 0.9), metavar="SHARE", help="Of rows: leave out this share of the creations, those that come much nearer to one training row than to the next (default: 0.2 or less, the more rows the less, of more than 25,000 none; 0: none); the training data must be at hand. What --at, --like or --mix name is made as it is.")  # fmt: skip
@click.option("--scale", type=click.IntRange(1, 16), metavar="N", help="Pictures N times as wide and high, smoothly enlarged.")  # fmt: skip
@click.option("--judge", metavar="RUN2", help="A run that answers: compare with real examples by its last layer.")
@click.option("--predict", metavar="COLUMN", help="Of rows: what models learn from them, to see what they are worth (default: the last column).")  # fmt: skip
@click.option("--measure", type=click.IntRange(0, 5000), metavar="N", help="Compare so many with real examples (default 2000; 0: none).")  # fmt: skip
@click.option("--no-record", is_flag=True, help="Write files without the record of how they were made.")
@moved_option
@shared
def generate(run: str | None, sets: tuple[str, ...], no_record: bool, shared: Shared, **settings: Any) -> None:
    """New creations from a generative network; the same seed gives the same creations.

    Without --out they go to RUN/creations/001, 002 …; --out names a folder, or one file: .png .webp .gif .mp4 for pictures
    and walks, .html for a texture that grows live, .csv .parquet … for rows. With --from, RUN may be left out: it is looked for in runs/ by what the file says.
    """
    knobs = _knobs(sets)
    if settings["reopen"] is not None:
        from deepwright.verbs.creation.recall import find_run, recalled

        path = Path(settings["reopen"])
        run = str(find_run(recalled(path), path, None if run is None else Path(run)))
    if run is None:
        raise click.UsageError("Missing argument 'RUN'.", click.get_current_context())
    given = {
        "edit": settings.pop("edit") or None,
        "label": settings.pop("label") or None,
        "knobs": knobs or None,
        "record": False if no_record else None,
    }
    _ask("generate", run, shared, out=shared.out, force=shared.force, **given, **settings)


def _knobs(sets: tuple[str, ...]) -> dict[str, Any]:
    """Values by name. Raises RecipeError: no KNOB=VALUE."""
    from deepwright.draft import Draft

    draft = Draft()
    for assignment in sets:
        draft.set(assignment)
    return draft.value


@click.command(short_help="Directions for generate --edit.")
@click.argument("run")
@click.option("--name", metavar="NAME", help="Under which it is stored.")
@click.option("--from", "label", metavar="RUN2:LABEL", help="Along which another run's score for a label rises.")
@click.option("--examples", nargs=2, metavar="A B", help="From examples without to examples with what is meant.")
@click.option("--pca", type=Whole(min=1, max=64), metavar="N", help="N principal components of creations.")
@click.option("--sefa", type=Whole(min=1, max=64), metavar="N", help="N strongest inputs of the first layer.")
@click.option("--samples", type=Whole(min=32, max=20_000), metavar="N", help="Creations to look at (default 1024).")
@shared
def direction(run: str, shared: Shared, **settings: Any) -> None:
    """Find directions to move creations along, and store them in the run for generate --edit NAME=AMOUNT."""
    _ask("direction", run, shared, brief=True, force=shared.force, **settings)


@click.command(short_help="Real or made? You are the judge.")
@click.argument("run")
@click.option(
    "--rounds", type=click.IntRange(4, 500), default=20, show_default=True, metavar="N", help="Cards of a game."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="On this computer (default: one that is free).",
)
@click.option("--no-browser", is_flag=True, help="Only say the address.")
@moved_option
@shared
def play(run: str, rounds: int, port: int, no_browser: bool, data: str | None, shared: Shared) -> None:
    """A page for this computer alone: real examples and creations, one by one; how often you are right goes into the run."""
    import secrets
    import webbrowser

    from deepwright.run import Run
    from deepwright.training.threads import as_trained, computing
    from deepwright.verbs.complete import store
    from deepwright.verbs.play.game import Game, new_game
    from deepwright.verbs.play.hall import Hall
    from deepwright.verbs.play.record import play_report

    loaded = Run.load(run).moved(data)
    kept: list[Any] = []

    def deal() -> Game:
        seed = shared.seed if shared.seed is not None and not kept else secrets.randbelow(2**31)
        with computing(as_trained(loaded.recipe.train.threads, None)):
            return new_game(loaded, rounds, seed)

    def keep(game: Game) -> str:
        kept.append(play_report(loaded, game))
        store(loaded, kept[-1], own=True, out=shared.path, force=shared.force or len(kept) > 1)
        return f"Kept in {loaded.name}: with all games so far, {kept[-1].data['right']} of {kept[-1].data['rounds']} right."

    shared.free(shared.path)
    with Hall(loaded.name, deal, keep, port) as hall:
        click.echo(hall.address, err=shared.json)
        shared.say("Open this address on this computer; stop with Ctrl-C.")
        if not no_browser:
            webbrowser.open(hall.address)
        with contextlib.suppress(KeyboardInterrupt):
            hall.wait()
    if kept:
        shared.show(kept[-1])
    else:
        shared.say("No game was finished, so nothing was kept.")


COMMANDS = (explain, attack, generate, direction, play)
