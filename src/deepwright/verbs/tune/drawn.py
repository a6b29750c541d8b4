"""Drawn: the point that Optuna's sampler chooses, given the trials so far.

To Optuna a paused trial is still running, and its samplers learn nothing from those. So they are shown the trials in a study in
memory where it has been given up: it counts with the figure of the last look, behind all that came further.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deepwright.ranges import Range
from deepwright.verbs.tune.points import Point, suggest

__all__ = ["drawn"]


def drawn(
    sampler: Any, direction: str, trials: Sequence[Any], paused: frozenset[int], ranges: Mapping[str, Range]
) -> Point:
    """Args: trials: Optuna's, all before the one that is drawn. paused: numbers of those that wait, or have waited."""
    import optuna

    study = optuna.create_study(direction=direction, sampler=sampler)
    study.add_trials([_shown(one, one.number in paused) for one in trials])
    trial = study.ask()
    return {name: suggest(trial, name, one) for name, one in ranges.items()}


def _shown(trial: Any, paused: bool) -> Any:
    import optuna

    given_up = paused and not trial.state.is_finished()
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED if given_up else trial.state, value=None if given_up else trial.value,
        params=trial.params, distributions=trial.distributions, intermediate_values=trial.intermediate_values,
    )  # fmt: skip
