"""What games found, kept in the run: how often people told real from made, with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepwright.core.files import file_hash
from deepwright.core.report import Block, Grid, Headline, Report, Text
from deepwright.core.wording import plural
from deepwright.verbs.play.game import Game, wilson

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["play_report"]


def play_report(run: "Run", game: Game) -> Report:
    """The report of all games with these weights, this one the last; only finished games count.

    A game that is left when it goes badly would otherwise spoil the figure.
    """
    weights = file_hash(run.folder / "weights.safetensors")
    games = [*_before(run, weights), game.to_dict()]
    rounds, right = (sum(one[key] for one in games) for key in ("rounds", "right"))
    low, high = wilson(right, rounds)
    data: dict[str, Any] = {
        "version": 1, "run": run.name, "weights": weights, "games": games, "rounds": rounds, "right": right,
        "accuracy": {"value": right / rounds, "low": low, "high": high},
    }  # fmt: skip
    shown = f"{100 * right / rounds:.0f} %"
    blocks: list[Block] = [
        Headline("told by people", shown, f"{right} of {plural(rounds, 'card')}; 95 % interval {100 * low:.0f} to {100 * high:.0f} %"),
        _said(low, high),
        Grid("Games", ("game", "cards", "right", "made cards told"), _rows(games),
             "Half of the cards are real in the long run; telling nothing gives 50 %. Wilson interval; finished games only."),
    ]  # fmt: skip
    return Report("play", "Real or made?", data, tuple(blocks))


def _before(run: "Run", weights: str) -> list[dict[str, Any]]:
    """Games that were played with the same weights."""
    for report in run.reports():
        if report.verb == "play" and report.data.get("weights") == weights:
            return list(report.data["games"])
    return []


def _said(low: float, high: float) -> Text:
    if low > 0.5:
        return Text("People can tell the creations from real examples.", "warning")
    if high < 0.5:
        return Text(
            "People are wrong more often than chance: creations look more real to them than real examples.", "good"
        )
    wide = "" if high - low < 0.2 else " More games make the interval narrower."
    return Text(
        f"So far people cannot tell the creations from real examples: chance is inside the interval.{wide}", "good"
    )


def _rows(games: Sequence[dict[str, Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(
        (place, g["rounds"], g["right"], f"{g['made_told']} of {g['made']}") for place, g in enumerate(games, 1)
    )
