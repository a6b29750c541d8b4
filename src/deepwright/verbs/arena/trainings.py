"""The trainings of an arena: as many at a time as there are jobs, then what they create is compared the same way."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deepwright.core.errors import DiskError, Interrupted
from deepwright.core.wording import listed
from deepwright.training.stopping import interrupts
from deepwright.verbs.arena.folder import ArenaFolder, Entrant
from deepwright.verbs.arena.watching import ArenaWatch, Standing
from deepwright.verbs.jobs.jobs import Jobs, Told

__all__ = ["Trainings", "again", "reserve"]

SHOWN = 0.3  # seconds between two words about how far it is
FIRST, MORE = 256, (2000, 1000, 500)  # creations of each family that are compared first, and then where there is time
GROWTH = 1.5  # what is measured takes so many times as long, as a power of the number of creations
SHARE, LEAST, LAST_WORDS = 0.1, 5.0, 1.0  # of a budget for comparing; seconds a family at least; for the report
PATIENCE = 20.0  # seconds for trainings to keep what is there when they are stopped


def reserve(budget: float, rounds: int) -> float:
    """Seconds of a budget that are kept for comparing and the report.

    Args:
        rounds: families that one job trains, one after the other.
    """
    return max(SHARE * budget, LEAST * rounds + LAST_WORDS)


def again(folder: Path) -> str:
    """How to go on."""
    return f"Go on with: deepwright resume {folder}"


class Trainings:
    """See above.

    Args:
        clock: seconds of the budget that are used up. command: what the person typed, for the locks of runs.
    """

    def __init__(self, folder: ArenaFolder, jobs: Jobs, watch: ArenaWatch, clock: Callable[[], float], command: str):
        self._folder, self._jobs, self._watch, self._clock = folder, jobs, watch, clock
        self._command = command
        self._far: dict[str, tuple[float, float | None]] = {}
        self._shown = 0.0

    def train(self) -> None:
        """Until every family is trained or has failed.

        Raises:
            Interrupted: stopped by the person. DiskError: the disk takes no more.
        """
        waiting = [one for one in self._folder.entrants if one.state == "waiting"]
        with interrupts() as asked:
            for place, entrant, told in self._worked(waiting, self._order, asked.is_set, PATIENCE):
                self._heard(place, entrant, told)
                self._show()
            if asked.is_set():
                raise Interrupted(self._interrupted())

    def _worked(
        self,
        waiting: Sequence[Entrant],
        order: Callable[[int, Entrant], None],
        asked: Callable[[], bool],
        patience: float,
    ) -> Iterator[tuple[int, Entrant, Told]]:
        """Give every idle job work, as long as there is any.

        Args:
            asked: whether to stop. patience: seconds that those at work then have to keep what is there.

        Yields:
            Each word that is heard, with its job and entrant; the last one of an entrant is any but "step" and "warning".
        """
        left, busy, stopped = list(waiting), dict[int, Entrant](), 0.0
        while busy or (left and not asked()):
            if asked() and not stopped:
                stopped = time.monotonic()
                self._watch.tell("stopping")
                for place in busy:
                    self._jobs.send(place, stop=True)
            if stopped and time.monotonic() - stopped >= patience:
                return
            for place in range(len(self._jobs)):
                if left and place not in busy and not stopped:
                    busy[place] = left.pop(0)
                    order(place, busy[place])
            word = self._jobs.next(0.1)
            if word is None or word[0] not in busy:
                continue
            place, told = word
            entrant = busy[place]
            if told["told"] == "disk":
                raise DiskError(told["reason"], f"What was saved is kept; {again(self._folder.path)}")
            if told["told"] not in ("step", "warning"):
                del busy[place]
            yield place, entrant, told

    def _order(self, place: int, entrant: Entrant) -> None:
        self._far[entrant.kind] = (0.0, None)
        self._jobs.send(place, do="train", base=str(self._folder.base), folder=entrant.run, command=self._command)

    def _heard(self, place: int, entrant: Entrant, told: Told) -> None:
        kind = entrant.kind
        if told["told"] == "step":
            self._far[kind] = (told["step"] / max(1, told["total"]), told["left"])
            return
        if told["told"] == "warning":
            self._watch.warn(f"{kind}, of its own training: {told['text']}")
            return
        self._far[kind] = (1.0, 0.0)
        now = next(one for one in self._folder.entrants if one.kind == kind)
        self._folder.keep(seconds=self._clock())
        if told["told"] == "trained":
            state = "waiting" if told["state"] == "interrupted" else "trained"
            taken = {"seconds": now.seconds + told["seconds"], "processor": now.processor + told["processor"]}
            self._folder.change(kind, state=state, **taken)
            if state == "trained":
                self._watch.line(
                    f"{kind}: trained in {taken['seconds']:.0f} s, {taken['processor']:.0f} s of processor time: {entrant.run}"
                )
            return
        self._lost(entrant, told["reason"])

    def compare(self) -> None:
        """Measure what the trained families create beside real examples: a few first, then as many as there is time for.

        Raises: as `train`.
        """
        self._compared(FIRST)
        if (more := self._affordable()) is not None:
            self._compared(more)

    def _compared(self, most: int) -> None:
        waiting = [one for one in self._folder.entrants if one.state == "trained"]
        base = str(self._folder.base)

        def order(place: int, entrant: Entrant) -> None:
            self._jobs.send(place, do="compare", base=base, folder=entrant.run, most=most, command=self._command)

        what, done = f"comparing {most} creations of each with real examples", 0
        self._watch.tell(what)
        with interrupts() as asked:
            for _, entrant, told in self._worked(waiting, order, asked.is_set, 0.0):
                done += told["told"] != "warning"
                self._watch.tell(f"{what}: {done} of {len(waiting)} done")
                if told["told"] == "compared":
                    self._folder.change(entrant.kind, compared=told["found"])
                elif told["told"] in ("failed", "gone"):
                    self._lost(entrant, told["reason"])
            if asked.is_set():
                raise Interrupted(self._interrupted())

    def _affordable(self) -> int | None:
        """How many more creations of each can be compared in the time that is left; None: no more."""
        known = [one.compared for one in self._folder.entrants if one.compared is not None]
        if not known or all(one["all"] for one in known):
            return None
        left, rounds = (
            self._folder.record["amount"] - self._clock() - LAST_WORDS,
            math.ceil(len(known) / len(self._jobs)),
        )
        for most in MORE:
            times = most / FIRST
            each = (times * one["seconds"]["making"] + times**GROWTH * (one["seconds"]["all"] - one["seconds"]["making"]) for one in known)  # fmt: skip
            if rounds * max(each) <= left:
                return most
        return None

    def _lost(self, entrant: Entrant, reason: str) -> None:
        self._folder.change(entrant.kind, state="failed", reason=reason, compared=None)
        self._watch.warn(f"{entrant.kind} takes no further part: {reason}")

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown > SHOWN:
            self._shown = now
            running = {name: one for name, one in self._far.items() if one[0] < 1.0}
            share = sum(done for done, _ in self._far.values()) / len(self._folder.entrants)
            self._watch.standing(Standing(running, share, max(0.0, self._folder.record["amount"] - self._clock())))

    def _interrupted(self) -> str:
        self._folder.keep(seconds=self._clock())
        done = [one.kind for one in self._folder.entrants if one.state == "trained"]
        waiting = [one.kind for one in self._folder.entrants if one.state == "waiting"]
        words = [f"{listed(done)} {'is' if len(done) == 1 else 'are'} trained"] if done else []
        words += (
            [f"{listed(waiting)} {'goes on where it is' if len(waiting) == 1 else 'go on where they are'}"]
            if waiting
            else []
        )
        return f"Stopped; nothing is lost: {'; '.join(words)}. {again(self._folder.path)}"
