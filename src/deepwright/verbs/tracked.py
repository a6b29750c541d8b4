"""A training beside its trackers: whoever watches is told first, then the trackers that the recipe names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deepwright.run import Run
from deepwright.tracking import Tracking, report_figures
from deepwright.training.distributed import Ranks
from deepwright.training.events import Event
from deepwright.verbs.session import Watch

__all__ = ["tell_completed", "tracked"]


@contextmanager
def tracked(run: Run, watch: Watch, ranks: Ranks) -> Iterator[tuple[Watch, Tracking]]:
    """The watch that also tells the trackers, and these; of several processes the first one tells."""
    trackers = run.recipe.track if ranks.rank == 0 else ()
    tracking = Tracking(run.folder, trackers, lambda: run.recipe.model_dump(mode="json"), watch.warn)

    def event(event: Event) -> None:
        watch.event(event)
        tracking.event(event)

    with tracking.running():
        yield replace(watch, event=event), tracking


def tell_completed(run: Run, tracking: Tracking) -> None:
    """Figures and the page, once both are in the run."""
    stored = {report.verb: report for report in run.reports()}
    last, page = stored.get("evaluate") or stored.get("train"), run.folder / "report.html"
    if last is not None and page.exists():
        tracking.close("finished", report_figures(last.data), page)
