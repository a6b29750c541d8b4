"""explain, attack, generate: questions to a trained network."""

from typing import Any

import click

from deepwright.cli.options import Shared, shared

__all__ = ["COMMANDS"]


def _ask(kind: str, run: str, source: str | None, data: str | None, shared: Shared, **settings: Any) -> None:
    """Check, run and store a verb on a run."""
    import deepwright.verbs.kinds  # noqa: F401  the verbs that can be asked
    from deepwright import registries
    from deepwright.run import Run
    from deepwright.verbs.complete import store

    given = {name: value for name, value in settings.items() if value is not None}
    if shared.seed is not None:
        given["seed"] = shared.seed
    if source is not None:
        given["on"] = source
    verb: Any = registries.verbs.get(kind)(**given)
    loaded = Run.load(run).moved(data)
    verb.check(loaded)
    report = verb(loaded)
    store(loaded, report, own=source is None, out=None if kind == "generate" else shared.out, force=shared.force)
    shared.show(report)


@click.command()
@click.argument("run")
@click.argument("source", required=False)
@click.option("--rows", type=click.IntRange(min=1), help="Examples to explain.")
@click.option("--data", metavar="PATH", help="Where the training data is now, if it moved.")
@shared
def explain(run: str, source: str | None, rows: int | None, data: str | None, shared: Shared) -> None:
    """Which columns and pixels mattered, checked against a random order."""
    _ask("explain", run, source, data, shared, rows=rows)


@click.command()
@click.argument("run")
@click.argument("source", required=False)
@click.option("--rows", type=click.IntRange(min=1), help="Examples to attack.")
@click.option("--epsilon", type=float, help="The size of the change; several sizes are tried otherwise.")
@click.option("--data", metavar="PATH", help="Where the training data is now, if it moved.")
@shared
def attack(
    run: str, source: str | None, rows: int | None, epsilon: float | None, data: str | None, shared: Shared
) -> None:
    """How small a change fools the network, beside random changes of the same size."""
    _ask("attack", run, source, data, shared, rows=rows, epsilon=epsilon)


@click.command()
@click.argument("run")
@click.option("-n", "n", type=click.IntRange(min=1), help="How many.")
@shared
def generate(run: str, n: int | None, shared: Shared) -> None:
    """New creations from a generative network; the same seed gives the same creations."""
    _ask("generate", run, None, None, shared, n=n, out=shared.out, force=shared.force)


COMMANDS = (explain, attack, generate)
