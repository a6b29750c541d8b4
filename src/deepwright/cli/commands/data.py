"""inspect, runs, kinds, recipe."""

import json
from pathlib import Path
from typing import Any

import click

from deepwright.cli.options import Shared, build_draft, data_options, shared

__all__ = ["COMMANDS"]


@click.command()
@click.argument("source")
@data_options
@shared
def inspect(source: str, shared: Shared, **flags: Any) -> None:
    """What the data is and what is wrong with it. Trains nothing."""
    from deepwright.verbs.inspect import inspect as work

    shared.show(work(build_draft(source, shared, **flags)))


@click.command()
@click.argument("folder", default="runs")
@shared
def runs(folder: str, shared: Shared) -> None:
    """The runs in a folder: what they learnt, how far they are, how good they are."""
    from deepwright.verbs.runs import runs as work

    shared.show(work(Path(folder)))


@click.command()
@shared
def kinds(shared: Shared) -> None:
    """Everything a recipe can name."""
    from deepwright.verbs.kinds import kinds as work

    shared.show(work())


@click.command()
@click.option("--schema", is_flag=True, help="Only the JSON schema.")
@click.option("--example", is_flag=True, help="Only the commented example.")
@shared
def recipe(schema: bool, example: bool, shared: Shared) -> None:
    """The JSON schema of recipes, and a commented example."""
    from deepwright.recipe import EXAMPLE, Recipe

    if not schema or example:
        click.echo(EXAMPLE, nl=not example, err=shared.json)
    if not example or schema:
        click.echo(json.dumps(Recipe.model_json_schema(), indent=1))


COMMANDS = (inspect, runs, kinds, recipe)
