"""A training stopped by a person: Ctrl-C once or twice, or a request to terminate, at any moment of it."""

import random
import signal
from pathlib import Path

from deepwright.core.errors import RunError
from deepwright.run import Run
from deepwright.training.journal import Journal
from deepwright.verbs.evaluate import Evaluate
from deepwright.verbs.report import write_report
from tests.crash.lives import Reference, aimed, differences, next_words, outcome
from tests.crash.server import Harm, Server

__all__ = ["WAYS", "interrupted", "stopped_in"]

WAYS = {"once": (signal.SIGINT,), "twice": (signal.SIGINT, signal.SIGINT), "terminated": (signal.SIGTERM,)}


def interrupted(
    server: Server, known: Reference, folder: Path, chance: random.Random, way: str
) -> tuple[list[str], list[str]]:
    """Stop a training in a phase that is drawn, see what is said and what can be done with it, and let it go on.

    Returns:
        In which phases it was stopped, and what differs in the end from the uninterrupted training.
    """
    known.write(folder)
    phases: list[str] = []
    while len(phases) < 3 and (words := next_words(folder)) is not None and (not phases or chance.random() < 0.4):
        moment = aimed(known, chance)
        harm = Harm(moment.after, moment.phase, moment.entry, WAYS[way], chance.uniform(0.0, 0.05))
        lived = known.live(server, words, folder, harm)
        if lived.code != 130:
            assert known.fine(lived), f"{' '.join(words)} ended with {lived.code}: {lived.err}"
            if next_words(folder) is None:
                break  # the signal came too late
            continue
        phases.append(lived.phase)
        _check_sentence(folder, lived.err)
        _check_use(folder, sure=way != "twice")
    known.end(server, folder)
    found = outcome(folder)
    if (
        known.outcome["weights"] == "none"
    ):  # given up before any validation: what was kept at the interrupt is not taken away
        found["weights"] = "none"
    return phases, differences(found, known.outcome)


def stopped_in(server: Server, known: Reference, folder: Path, phase: str) -> list[str]:
    """Ctrl-C when a training comes to a phase (on a busy machine a little later); what differs in the end from the
    uninterrupted training."""
    known.write(folder)
    lived = known.live(server, ["train", "recipe.yaml"], folder, Harm(0.0, phase, signals=WAYS["once"]))
    if lived.code == 130:
        _check_sentence(folder, lived.err)
        _check_use(folder, sure=True)
    else:
        assert known.fine(lived), lived.err
    known.end(server, folder)
    return differences(outcome(folder), known.outcome)


def _check_sentence(folder: Path, err: str) -> None:
    """One sentence, the last one, that says what to do next."""
    said = [line for line in err.splitlines() if "Stopped" in line]
    assert len(said) == 1, err
    assert said[0] == err.splitlines()[-1], err
    words = next_words(folder)
    if words is None:
        assert "all was done" in said[0], said
    elif words[0] == "train":
        assert "Begin again with: deepwright " in said[0], said
    else:
        assert f"deepwright resume {words[1]}" in said[0], said


def _check_use(folder: Path, sure: bool) -> None:
    """As soon as a step was followed by an orderly end, or one validation has happened, the run answers; before, a sentence
    says why it does not.

    Args:
        sure: what was learnt since the newest checkpoint must not be lost.
    """
    for path in folder.glob("runs/*/recipe.yaml"):
        run = Run.load(path.parent)
        names = [event["event"] for event in Journal(run.folder).read()]
        reason = _silent(run)
        if reason:
            assert "validated" in reason
            assert f"deepwright resume {run.folder}" in reason
            assert not sure or not {"validated", "stopped"} & set(names), (reason, names)
            continue
        if run.task is not None:
            assert run.predict(folder / "data.parquet").height > 0
            assert Evaluate(baselines=False)(run).data["metrics"]
        assert write_report(run, folder / "page.html").exists()


def _silent(run: Run) -> str:
    """Why a run cannot answer, "" where it can."""
    try:
        run.network  # noqa: B018
    except RunError as error:
        return str(error)
    return ""
