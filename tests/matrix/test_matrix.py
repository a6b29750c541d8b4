"""Every combination is accepted or refused in a sentence; the accepted ones run.

The product is checked in full. Of the accepted cells a covering array runs: every pair of values that can meet does.
All of them run under the marker `long`.
"""

from collections.abc import Iterable
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from deepwright import registries
from deepwright.core.errors import InputError
from deepwright.run import Run
from deepwright.testing.settings import check_sentence
from deepwright.verbs.train import train
from tests.matrix import cells
from tests.matrix.cells import Cell
from tests.matrix.pairwise import covering

PLACES = list(product(cells.INPUTS, cells.TARGETS))


@cache
def accepted() -> list[Cell]:
    return [cell for inputs in cells.INPUTS for cell in cells.every(inputs) if cells.refusal(cell) is None]


@cache
def few() -> list[Cell]:
    """Accepted cells that together hold every pair of values."""
    return covering(accepted())


@pytest.mark.parametrize("inputs", cells.INPUTS)
def test_every_cell_is_accepted_or_refused_in_a_sentence(inputs: str) -> None:
    for cell in cells.every(inputs):
        reason = cells.refusal(cell)  # any other exception ends the test
        if reason is not None:
            check_sentence(reason)


@pytest.mark.slow
def test_every_kind_is_accepted_somewhere() -> None:
    """A new kind joins by being registered, with inputs or targets it takes among those of the matrix."""
    found = accepted()
    for place, names in enumerate(
        (cells.INPUTS, cells.TARGETS, registries.models.kinds, cells.objectives(), cells.verbs())
    ):
        assert {cell[place] for cell in found} == set(names)
    tasks = {cells._prepared("numbers", name, "").task.kind for name in cells.TARGETS if name != "nothing"}  # type: ignore[union-attr]
    assert tasks == {kind().kind for kind in registries.tasks if kind.learns == "target"}, (
        "give the matrix targets of this task"
    )


@pytest.mark.slow
def test_refused_cells_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    trainings = {Cell(*cell[:4], cells.PREDICT) for inputs in cells.INPUTS for cell in cells.every(inputs)}
    refused = sorted(cell for cell in trainings if cell.target != "nothing" and cells.refusal(cell) is not None)
    for cell in covering(refused):
        with pytest.raises(InputError) as error:
            train(cells.draft(cell), cells.table(cell), out=tmp_path / "runs")
        assert str(error.value) == str(cells.refusal(cell)), cell
    assert not (tmp_path / "runs").exists()


def run_all(chosen: Iterable[Cell], folder: Path) -> None:
    """Train each recipe once, ask every verb; all failures are told."""
    runs: dict[Cell, Run] = {}
    failures = []
    for cell in chosen:
        recipe = cell._replace(verb="")
        try:
            if recipe not in runs:
                runs[recipe] = train(cells.draft(cell), cells.table(cell), out=folder / "runs")
                assert runs[recipe].state == "finished"
            cells.ask(cell, runs[recipe], folder / str(len(runs)))
        except Exception as error:
            failures.append(f"{' | '.join(cell)}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


@pytest.mark.slow
@pytest.mark.parametrize(("inputs", "target"), PLACES)
def test_pairs_of_everything_run(inputs: str, target: str, tmp_path: Path) -> None:
    run_all([cell for cell in few() if cell[:2] == (inputs, target)], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("inputs", "target"), PLACES)
def test_everything_runs(inputs: str, target: str, tmp_path: Path) -> None:
    run_all([cell for cell in cells.every(inputs) if cell.target == target and cells.refusal(cell) is None], tmp_path)
