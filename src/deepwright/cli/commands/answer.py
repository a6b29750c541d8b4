"""evaluate, predict, report."""

from typing import Any

import click

from deepwright.cli.looking import looking_on
from deepwright.cli.options import Shared, as_json, emit, moved_option, personal_option, same_threads_option, shared

__all__ = ["COMMANDS"]


@click.command(short_help="Figures with intervals, beside baselines.")
@click.argument("run")
@click.argument("source", required=False)
@moved_option
@click.option("--no-baselines", is_flag=True, help="Do not train the baselines again.")
@same_threads_option
@personal_option
@shared
def evaluate(run: str, source: str | None, data: str | None, no_baselines: bool, threads: Any, show_personal: bool, shared: Shared) -> None:  # fmt: skip
    """Figures with 95 % intervals beside baselines, on the stored test rows or on new data."""
    shared.free(shared.path)
    from deepwright.doctor import personal_cells
    from deepwright.run import Run
    from deepwright.training.threads import as_trained, computing
    from deepwright.verbs.complete import store
    from deepwright.verbs.evaluate import Evaluate

    loaded = Run.load(run).moved(data)
    count = as_trained(loaded.recipe.train.threads, threads)
    with personal_cells(show_personal), computing(count), looking_on(shared.quiet):
        report = Evaluate(on=source, baselines=not no_baselines)(loaded)
    store(loaded, report, own=source is None, out=shared.path, force=shared.force)
    shared.show(report)


@click.command(short_help="Answers for new rows.")
@click.argument("run")
@click.argument("source")
@click.option("--with-inputs", is_flag=True, help="The inputs before the answers (with --id: as the examples hold them).")  # fmt: skip
@click.option("--csv", "form", type=click.Choice(["plain", "excel"]), default="plain", help="excel: BOM, semicolons, decimal commas.")  # fmt: skip
@same_threads_option
@shared
def predict(run: str, source: str, with_inputs: bool, form: str, threads: Any, shared: Shared) -> None:
    """Answers for new rows, one row an example, in the order of first appearance.

    The columns are TARGET_predicted and, for classes, TARGET_probability_LABEL; with an id it comes first. Without
    --out the answers go to standard output as CSV.
    """
    from deepwright.verbs.files import as_csv, check_place, write_frame

    if shared.path is not None:
        check_place(shared.path, form)
        shared.free(shared.path)
    from deepwright.run import Run
    from deepwright.training.threads import as_trained, computing
    from deepwright.verbs.predict import predict as work

    loaded = Run.load(run)
    with computing(as_trained(loaded.recipe.train.threads, threads)), looking_on(shared.quiet):
        frame = work(loaded, source, with_inputs, lambda text: shared.say(f"Warning: {text}"))
    if shared.path is not None:
        write_frame(frame, shared.path, form)
        shared.say(f"{frame.height} {'answer' if frame.height == 1 else 'answers'} in {shared.path}.")
    if shared.json:
        emit(as_json(_rows(frame)))
    elif shared.path is None:
        emit(as_csv(frame, form))


def _rows(frame: Any) -> list[dict[str, Any]]:
    """One object a row; bytes and pixels are left out."""
    import polars as pl

    kept = [name for name, kind in frame.schema.items() if kind != pl.Binary and not isinstance(kind, pl.Array)]
    return frame.select(kept).to_dicts()


@click.command(short_help="Write the report page again.")
@click.argument("run")
@click.option("--no-rows", is_flag=True, help="Leave out raw rows and pictures.")
@shared
def report(run: str, no_rows: bool, shared: Shared) -> None:
    """Write the report again: one offline HTML page. With --out FOLDER or FILE: there."""
    target = shared.path
    if target is not None and target.is_dir():
        target = target / "report.html"
    shared.free(target)
    from deepwright.run import Run
    from deepwright.verbs.report import write_report

    path = write_report(Run.load(run), target, rows=not no_rows)
    emit(as_json({"version": 1, "report": str(path)}) if shared.json else f"{path}\n")


COMMANDS = (evaluate, predict, report)
