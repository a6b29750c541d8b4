"""What follows every training: figures beside baselines, and the report page."""

from pathlib import Path
from typing import TYPE_CHECKING

from deepwright.core.files import refuse_existing, write_json
from deepwright.core.memory import peak
from deepwright.core.report import Report
from deepwright.training.events import Completed, Peaked
from deepwright.training.journal import Journal
from deepwright.training.threads import computing
from deepwright.verbs.evaluate import Evaluate
from deepwright.verbs.learning import learning_report
from deepwright.verbs.manifest import note_figures
from deepwright.verbs.report import write_report

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["complete", "store"]


def complete(run: "Run", seconds: float | None = None) -> tuple[Report, Path]:
    """Evaluate on the test rows (where there is a target), store it, write report.html, note that all is done.

    Args:
        seconds: the baselines may take; None for what suits the run's budget.
    """
    judge = Evaluate() if seconds is None else Evaluate(seconds=seconds)
    with computing(run.recipe.train.threads):
        report = learning_report(run) if run.task is None else judge(run)
    run.save_report(report)
    note_figures(run, report)
    journal = Journal(run.folder)
    step = journal.read()[-1]["step"]
    journal.append(Peaked(step, peak(), judge.child_peak))
    page = write_report(run)
    journal.append(Completed(step))
    journal.sync()
    return report, page


def store(run: "Run", report: Report, own: bool, out: Path | None, force: bool) -> None:
    """Keep a report: in the run and its page when it is about the run's own data; as JSON at `out` when asked for.

    Raises:
        OutputExists: `out` is there already.
    """
    if out is not None:
        refuse_existing(out, force)
        write_json(out, report.to_dict())
    if own:
        run.save_report(report)
        write_report(run)
