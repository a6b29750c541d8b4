"""evaluate, predict, report."""

from pathlib import Path

import click

from deepwright.cli.options import Shared, shared

__all__ = ["COMMANDS"]


@click.command()
@click.argument("run")
@click.argument("source", required=False)
@click.option("--data", metavar="PATH", help="Where the training data is now, if it moved.")
@click.option("--no-baselines", is_flag=True, help="Do not train the baselines again.")
@shared
def evaluate(run: str, source: str | None, data: str | None, no_baselines: bool, shared: Shared) -> None:
    """Figures with 95 % intervals beside baselines, on the stored test rows or on new data."""
    from deepwright.run import Run
    from deepwright.verbs.complete import store
    from deepwright.verbs.evaluate import Evaluate

    loaded = Run.load(run).moved(data)
    report = Evaluate(on=source, baselines=not no_baselines)(loaded)
    store(loaded, report, own=source is None, out=shared.out, force=shared.force)
    shared.show(report)


@click.command()
@click.argument("run")
@click.argument("source")
@click.option("--with-inputs", is_flag=True, help="Repeat the inputs beside the answers.")
@click.option(
    "--csv",
    "form",
    type=click.Choice(["plain", "excel"]),
    default="plain",
    help="excel: BOM, semicolons, decimal commas.",
)
@shared
def predict(run: str, source: str, with_inputs: bool, form: str, shared: Shared) -> None:
    """Answers for new rows, one row an example, in their order."""
    from deepwright.run import Run, refuse_existing
    from deepwright.verbs.files import write_frame
    from deepwright.verbs.predict import predict as work

    target = None if shared.out is None else Path(shared.out)
    if target is not None:
        refuse_existing(target, shared.force)
    frame = work(Run.load(run), source, with_inputs)
    if shared.json:
        click.echo(frame.write_json())
    if target is not None:
        write_frame(frame, target, form)
        shared.say(f"{frame.height} answers in {target}.")
    elif not shared.json:
        click.echo(frame.write_csv() if form == "plain" else write_frame(frame, None, form), nl=False)


@click.command()
@click.argument("run")
@click.option("--no-rows", is_flag=True, help="Leave out raw rows and pictures.")
@shared
def report(run: str, no_rows: bool, shared: Shared) -> None:
    """Write the report again: one offline HTML page."""
    from deepwright.run import Run, refuse_existing
    from deepwright.verbs.report import write_report

    target = None if shared.out is None else Path(shared.out)
    if target is not None and target.is_dir():
        target = target / "report.html"
    if target is not None:
        refuse_existing(target, shared.force)
    path = write_report(Run.load(run), target, rows=not no_rows)
    click.echo(f'{{"report": "{path}"}}' if shared.json else str(path))


COMMANDS = (evaluate, predict, report)
