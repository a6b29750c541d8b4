"""Report: one offline HTML page of all that is known about a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from deepwright.core.files import write_text
from deepwright.core.wording import plural
from deepwright.page.page import page
from deepwright.verbs.learning import learning_report

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["write_report"]

_ORDER = ("evaluate", "explain", "attack", "generate", "tune", "train")


def write_report(run: "Run", path: Path | None = None, rows: bool = True) -> Path:
    """Write report.html (into the run where no path is given).

    Args:
        rows: show the person's own rows and pictures.

    Raises:
        RunError: the run has no weights yet. InputError: the place cannot be written to.
    """
    reports = {report.verb: report for report in run.reports()}
    reports["train"] = learning_report(run)
    ordered = sorted(
        reports.values(),
        key=lambda report: (_ORDER.index(report.verb) if report.verb in _ORDER else len(_ORDER), report.verb),
    )
    environment = run.environment
    about = {"target": ", ".join(run.recipe.target)} if run.recipe.target else {}
    about |= {
        "data": f"{environment['data']['origin']}, {plural(environment['data']['rows'], 'row')}",
        "model": run.recipe.model.kind, "seed": str(run.recipe.seed), "deepwright": environment["deepwright"],
        "torch": str(environment["packages"]["torch"]),
    }  # fmt: skip
    target = path or run.folder / "report.html"
    write_text(target, page(run.name, ordered, about, rows=rows))
    return target
