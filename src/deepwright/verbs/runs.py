"""Runs: what lies in a folder of runs."""

from pathlib import Path

from deepwright.core.errors import InputError, RunError
from deepwright.core.files import read_json
from deepwright.core.report import Grid, Report, Text
from deepwright.core.wording import interval
from deepwright.run import Run
from deepwright.verbs.arena.folder import ArenaFolder
from deepwright.verbs.figures import named
from deepwright.verbs.tune.folder import TuneFolder

__all__ = ["runs"]


def runs(folder: Path) -> Report:
    """Each run with its target, model, state and figure, tunes and arenas among them; damaged ones are listed as such.

    Raises:
        RunError: there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"There is no folder {folder}. Runs are written to 'runs' unless --out says otherwise.")
    rows, data = [], []
    for path in sorted(folder.iterdir(), key=_order):
        if not (path / "recipe.yaml").exists() and not TuneFolder.at(path) and not ArenaFolder.at(path):
            continue
        try:
            if TuneFolder.at(path):
                row = _tune(path)
            elif ArenaFolder.at(path):
                row = _arena(path)
            else:
                run = Run.load(path)
                row = (path.name, ", ".join(run.recipe.target) or "–", run.recipe.model.kind, run.state, _figure(path))
        except InputError as error:
            row = (path.name, "–", "–", "damaged", str(error))
        rows.append(row)
        data.append(dict(zip(("run", "target", "model", "state", "figure"), row, strict=True)))
    if not rows:
        return Report("runs", "Runs", {"version": 1, "runs": []}, (Text(f"There are no runs in {folder}."),))
    grid = Grid(f"Runs in {folder}", ("run", "target", "model", "state", "figure"), tuple(rows))
    return Report("runs", "Runs", {"version": 1, "runs": data}, (grid,))


def _tune(path: Path) -> tuple[str, str, str, str, str]:
    """A tune among the runs: what was searched, how far it is, and where its winner lies."""
    record = TuneFolder.load(path).record
    target = record["draft"].get("target") or []
    state = "finished" if record["stage"] == "finished" else "unfinished"
    winner = record.get("winner")
    told = "–" if winner is None else f"winner: {Path(winner['run']).name}"
    return path.name, ", ".join([target] if isinstance(target, str) else target) or "–", "tune", state, told


def _arena(path: Path) -> tuple[str, str, str, str, str]:
    """An arena among the runs: how far it is, and who took part."""
    record = ArenaFolder.load(path)
    state = "finished" if record.record["stage"] == "finished" else "unfinished"
    return (
        path.name,
        "–",
        "arena",
        state,
        ", ".join(f"{one.kind}: {Path(one.run).name or one.state}" for one in record.entrants),
    )


def _order(path: Path) -> tuple[str, int]:
    """cars-2 before cars-10."""
    stem, _, last = path.name.rpartition("-")
    return (stem, int(last)) if last.isdecimal() else (path.name, 0)


def _figure(folder: Path) -> str:
    path = folder / "reports" / "evaluate.json"
    if not path.exists():
        return "–"
    try:
        data = read_json(path)["data"]
        name = data["primary"]
        return f"{named(name)} {interval(**data['metrics'][name])} on {data['split']}"
    except (OSError, ValueError, LookupError, TypeError):
        return f"{path.name} cannot be read"
