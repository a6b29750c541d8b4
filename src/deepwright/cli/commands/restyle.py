"""restyle."""

from pathlib import Path

import click

from deepwright.cli.options import Shared, shared

__all__ = ["COMMANDS"]


@click.command(short_help="A picture in the style of another.")
@click.argument("content")
@click.option("--style", required=True, metavar="PICTURE", help="Whose colours, strokes and textures are taken over.")
@click.option(
    "--features", metavar="RUN", help="Your run that answers from pictures: what its network sees is matched too."
)
@click.option("--set", "sets", multiple=True, metavar="KNOB=VALUE", help="size (longer side in pixels), steps, strength (above 0, to 1), patch, coarsest, filters, rate.")  # fmt: skip
@click.option("--report", "page", metavar="FILE", help="Also a page with both pictures, the result and the figures.")
@click.option("--no-record", is_flag=True, help="Write the file without the record of how it was made.")
@shared
def restyle(
    content: str,
    style: str,
    features: str | None,
    sets: tuple[str, ...],
    page: str | None,
    no_record: bool,
    shared: Shared,
) -> None:
    """The picture CONTENT in the style of another, by matching small patches; no trained network is needed.

    Without --out it goes to CONTENT-as-STYLE.png here; --out names a .png or .webp file. The same seed gives the same bytes.
    """
    shared.free(None if page is None else Path(page))
    from deepwright.cli.progress import Progress
    from deepwright.draft import Draft
    from deepwright.verbs.restyle.restyle import Wish, write_page
    from deepwright.verbs.restyle.restyle import restyle as work
    from deepwright.verbs.restyle.settings import knobs_of

    draft = Draft()
    for assignment in sets:
        draft.set(assignment)
    knobs = knobs_of(draft.value, {str(path[0]): place for path, place in draft.places.items()})
    run = None if features is None else Path(features)
    wish = Wish(Path(content), Path(style), shared.path, knobs, shared.seed or 0, not no_record, shared.force, run)
    with Progress(shared.quiet) as progress:
        report = work(wish, progress.part)
    if page is not None:
        write_page(report, Path(page))
    shared.show(report)


COMMANDS = (restyle,)
