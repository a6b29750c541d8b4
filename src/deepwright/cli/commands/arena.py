"""arena."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from deepwright.cli.commands.training import command_line, short
from deepwright.cli.options import Shared, Whole, as_json, build_draft, data_options, emit, memory_option, shared
from deepwright.cli.stopping import will_say
from deepwright.core.errors import Interrupted, RecipeError, Refused

__all__ = ["COMMANDS", "go_on"]


@click.command(short_help="Families that create, side by side on your data.")
@click.argument("source")
@data_options
@click.option("--models", metavar="KINDS", help="Only these families: gan,flow,vae (default: all that suit).")
@click.option("--budget", metavar="TIME", default="10min", help="Of all of them together, the report included (default 10min).")  # fmt: skip
@click.option("--jobs", type=Whole(min=1), help="Trainings at a time (default: one a processor).")
@memory_option
@shared
def arena(source: str, shared: Shared, models: str | None, budget: str, jobs: int | None, **flags: Any) -> None:
    """Train every family that can create these columns for the same processor time; compare what they create with real examples.

    Each family is trained in a process of its own with one thread, as many at a time as there are processors. --out is the
    folder of runs: it gets a run a family and the arena's folder with its report.
    """
    draft = build_draft(source, shared, **flags)
    from deepwright.training.budget import Budget

    try:
        whole = Budget.parse(budget)
    except ValueError as error:
        raise RecipeError(f"--budget: {error}.") from error
    shared.say(f"Budget: {whole} in all (--budget).")
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    from deepwright.verbs.arena.arena import arena as work

    out = Path(shared.out or "runs")
    _work(shared, lambda watch: work(draft, whole, names, jobs, out, watch, 0.0, command_line()))


def go_on(folder: Path, flags: Mapping[str, Any], shared: Shared) -> None:
    """Resume an arena."""
    if (flag := next((name for name, value in flags.items() if value is not None), None)) is not None:
        raise Refused(f"An arena goes on as it began; leave --{flag} out.")
    from deepwright.verbs.arena.arena import resume_arena

    _work(shared, lambda watch: resume_arena(folder, watch, command_line()))


def _work(shared: Shared, work: Any) -> None:
    """Train and compare with progress, then report and say what to do next."""
    from deepwright.cli.progress import Progress
    from deepwright.verbs.arena.folder import ArenaFolder
    from deepwright.verbs.arena.watching import ArenaWatch

    folders: list[Path] = []

    def how_to_go_on() -> str:
        if folders and ArenaFolder.at(folders[0]):
            return f"Stopped; what was saved is kept. Go on with: deepwright resume {folders[0]}"
        return f"Stopped before training began; nothing was kept. Begin again with: {command_line()}"

    will_say(how_to_go_on)
    with Progress(shared.quiet) as progress:
        watch = ArenaWatch(
            progress.tell, progress.line, progress.warn, progress.findings, progress.families, folders.append
        )
        try:
            found = work(watch)
        except KeyboardInterrupt as error:
            raise Interrupted(how_to_go_on()) from error
    page = found.folder / "report.html"
    if shared.json:
        emit(as_json({**found.report.data, "report": str(page)}))
        return
    shared.show(short(found.report))
    if not shared.quiet:
        emit(f"\nReport: {page}\n")
        if found.best is not None:
            emit(f"Next:   deepwright generate {found.best} -n 64\n")


COMMANDS = (arena,)
