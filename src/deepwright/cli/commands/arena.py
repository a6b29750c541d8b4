"""arena."""

from pathlib import Path
from typing import Any

import click

from deepwright.cli.commands.training import command_line, short
from deepwright.cli.options import Shared, as_json, build_draft, data_options, emit, shared
from deepwright.cli.stopping import will_say
from deepwright.core.errors import Interrupted, RecipeError

__all__ = ["COMMANDS"]


@click.command(short_help="Families that create, side by side on your data.")
@click.argument("source")
@data_options
@click.option("--models", metavar="KINDS", help="Only these families: gan,flow,vae (default: all that suit).")
@click.option("--budget", metavar="TIME", default="10min", help="Of all of them together (default 10min).")
@shared
def arena(source: str, shared: Shared, models: str | None, budget: str, **flags: Any) -> None:
    """Train every family that can create these columns for the same time; compare what they create with real examples.

    --out is the folder of runs: it gets a run a family and the arena's folder with its report.
    """
    draft = build_draft(source, shared, **flags)
    from deepwright.training.budget import Budget

    try:
        whole = Budget.parse(budget)
    except ValueError as error:
        raise RecipeError(f"--budget: {error}.") from error
    from deepwright.cli.progress import Progress
    from deepwright.verbs.arena import arena as work
    from deepwright.verbs.train import Watch

    finished: list[Any] = []

    def stopped() -> str:
        kept = (
            f" The runs that are finished stay: {', '.join(str(run.folder) for run in finished)}." if finished else ""
        )
        return f"Stopped; there is no comparison.{kept}"

    will_say(stopped)
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    with Progress(shared.quiet) as progress:
        watch = Watch(progress.event, progress.tell, progress.run, progress.warn)
        try:
            found = work(draft, whole, names, Path(shared.out or "runs"), watch, command_line(), finished.append)
        except (KeyboardInterrupt, Interrupted) as error:
            raise Interrupted(stopped()) from error
    if shared.json:
        emit(as_json({**found.report.data, "report": str(found.folder / "report.html")}))
        return
    shared.show(short(found.report))
    if not shared.quiet:
        emit(
            f"\nReport: {found.folder / 'report.html'}\nNext:   deepwright generate {found.entrants[0].run.folder} -n 64\n"
        )


COMMANDS = (arena,)
