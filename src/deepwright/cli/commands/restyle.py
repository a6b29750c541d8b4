"""restyle."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepwright.cli.options import Shared, shared

if TYPE_CHECKING:
    from deepwright.core.report import Report

__all__ = ["COMMANDS"]


@click.command(short_help="Pictures in the style of another.")
@click.argument("contents", nargs=-1, required=True, metavar="CONTENT…")
@click.option("--style", metavar="PICTURE", help="Whose colours, strokes and textures are taken over.")
@click.option("--with", "run", metavar="RUN", help="A run that has learnt a style (train PHOTOS --style PICTURE): one pass, seconds.")  # fmt: skip
@click.option(
    "--features",
    metavar="RUN|FILE",
    help="Your run that answers from pictures, or a file of weights (EfficientNet-Lite0): what such a network sees is matched too.",
)
@click.option("--set", "sets", multiple=True, metavar="KNOB=VALUE", help="size (longer side in pixels); with --style also strength (above 0, to 1), method (nearest or sliced), patch, coarsest, steps, filters, rate.")  # fmt: skip
@click.option("--report", "page", metavar="FILE", help="Also a page with the pictures, the results and the figures.")
@click.option("--no-record", is_flag=True, help="Write files without the record of how they were made.")
@shared
def restyle(contents: tuple[str, ...], page: str | None, shared: Shared, **flags: Any) -> None:
    """The picture CONTENT in the style of another, by matching small patches; no trained network is needed.

    With --with a run that has learnt a style does it in one pass, to several pictures and folders of them as well.

    Without --out it goes to CONTENT-as-STYLE.png here; --out names a .png or .webp file, or a folder for several. The same seed
    gives the same bytes.
    """
    if (flags["style"] is None) == (flags["run"] is None):
        raise click.UsageError("give either --style PICTURE or --with RUN")
    shared.free(None if page is None else Path(page))
    from deepwright.cli.progress import Progress
    from deepwright.verbs.restyle.restyle import write_page

    with Progress(shared.quiet) as progress:
        report = _work(contents, shared, progress.part, **flags)
    if page is not None:
        write_page(report, Path(page))
    shared.show(report)


def _work(
    contents: tuple[str, ...], shared: Shared, told: Any, style: str | None, run: str | None, features: str | None,
    sets: tuple[str, ...], no_record: bool,
) -> "Report":  # fmt: skip
    """See `restyle`."""
    from deepwright.draft import Draft, configured
    from deepwright.verbs.restyle.one_pass import Pass, PassKnobs, restyle_with
    from deepwright.verbs.restyle.restyle import Wish
    from deepwright.verbs.restyle.restyle import restyle as work
    from deepwright.verbs.restyle.settings import Knobs

    draft = Draft()
    for assignment in sets:
        draft.set(assignment)
    places = {str(path[0]): place for path, place in draft.places.items()}
    paths, seed = tuple(map(Path, contents)), shared.seed or 0
    if run is not None:
        if features is not None:
            raise click.UsageError("--features belongs to --style; a run has learnt already what it matches")
        knobs = configured(PassKnobs, draft.value, places)
        return restyle_with(Pass(paths, Path(run), shared.path, knobs, seed, not no_record, shared.force), told)
    if len(paths) > 1 or paths[0].is_dir():
        what = "these are several pictures" if len(paths) > 1 else f"{paths[0]} is a folder"
        raise click.UsageError(
            f"{what}; --style restyles one picture. For more, learn the style once: train PHOTOS --style PICTURE"
        )
    assert style is not None
    seen = None if features is None else Path(features)
    chosen = configured(Knobs, draft.value, places)
    return work(Wish(paths[0], Path(style), shared.path, chosen, seed, not no_record, shared.force, seen), told)


COMMANDS = (restyle,)
