"""explain, attack, generate: questions to a trained network."""

from typing import Any

import click

from deepwright.cli.options import Shared, Whole, moved_option, personal_option, shared

__all__ = ["COMMANDS"]


def _ask(kind: str, run: str, shared: Shared, source: str | None = None, data: str | None = None,
         show_personal: bool = False, **settings: Any) -> None:  # fmt: skip
    """Check, run and store a verb on a run."""
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
    with personal_cells(show_personal), computing(as_trained(loaded.recipe.train.threads, None)):
        report = verb(loaded)
    store(loaded, report, own=source is None, out=None if kind == "generate" else shared.path, force=shared.force)
    shared.show(report)


def _verb(settings: Any, given: dict[str, Any]) -> Any:
    """The verb with its settings.

    Raises:
        RecipeError: a value out of its range, named by its flag.
    """
    from pydantic import ValidationError

    from deepwright.draft import Draft, describe

    try:
        return settings(**given)
    except ValidationError as error:
        flags = {(name,): f"-{name}" if len(name) == 1 else f"--{name}" for name in given}
        raise describe(error, Draft(given, flags), settings) from error


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
@click.argument("run")
@click.option("-n", "n", type=Whole(min=1), metavar="N", help="How many.")
@moved_option
@shared
def generate(run: str, n: int | None, data: str | None, shared: Shared) -> None:
    """New creations from a generative network; the same seed gives the same creations."""
    _ask("generate", run, shared, data=data, n=n, out=shared.out, force=shared.force)


COMMANDS = (explain, attack, generate)
