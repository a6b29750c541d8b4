"""inspect, runs, kinds, recipe."""

from pathlib import Path
from typing import Any

import click

from deepwright.cli.options import Shared, as_json, build_draft, data_options, emit, personal_option, shared

__all__ = ["COMMANDS"]


@click.command(short_help="What the data is and what is wrong with it.")
@click.argument("source")
@data_options
@click.option("--model", metavar="KIND", help="The model that would be trained.")
@click.option("--overfit", is_flag=True, help="Also try whether 8 rows can be learnt by heart; takes up to 10 s.")
@personal_option
@shared
def inspect(source: str, overfit: bool, show_personal: bool, shared: Shared, **flags: Any) -> None:
    """What the data is and what is wrong with it. Leaves nothing behind."""
    from deepwright.doctor import personal_cells
    from deepwright.verbs.inspect import inspect as work

    with personal_cells(show_personal):
        shared.tell(lambda: work(build_draft(source, shared, **flags), overfit=overfit))


@click.command(short_help="The runs in a folder, and how good they are.")
@click.argument("folder", default="runs")
@shared
def runs(folder: str, shared: Shared) -> None:
    """The runs in a folder: what they learnt, how far they are, how good they are."""
    from deepwright.verbs.runs import runs as work

    shared.tell(lambda: work(Path(folder)))


@click.command()
@shared
def kinds(shared: Shared) -> None:
    """Everything a recipe can name."""
    from deepwright.verbs.kinds import kinds as work

    shared.tell(work)


@click.command(short_help="A commented recipe, and the schema of all.")
@click.option("--schema", is_flag=True, help="Only the JSON schema.")
@click.option("--example", is_flag=True, help="Only the commented example.")
@shared
def recipe(schema: bool, example: bool, shared: Shared) -> None:
    """The JSON schema of recipes, and a commented example.

    With --out FILE: the example in FILE (the schema where FILE ends in .json). With --json: the schema alone.
    """
    from deepwright.recipe import EXAMPLE, Recipe

    described = as_json(Recipe.model_json_schema())
    if shared.path is not None:
        from deepwright.core.files import write_text

        shared.free(shared.path)
        write_text(shared.path, described if schema or shared.path.suffix.lower() == ".json" else EXAMPLE)
        shared.say(f"Written to {shared.path}.")
    elif shared.json or schema != example:
        emit(EXAMPLE if example and not shared.json else described)
    else:
        emit(f"{described}\n{EXAMPLE}")


COMMANDS = (inspect, runs, kinds, recipe)
