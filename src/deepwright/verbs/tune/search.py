"""The search: asks the study for trials, hands them to the jobs, lets them pause or gives them up, and ends in time."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepwright.core.errors import DeepwrightError, DiskError, InputError, Interrupted, TrainingError
from deepwright.core.seeds import derive
from deepwright.preparation import Prepared
from deepwright.ranges import Choice, name_of
from deepwright.recipe import Recipe, plain
from deepwright.run import Run
from deepwright.training.stopping import interrupts
from deepwright.verbs.jobs import bases
from deepwright.verbs.jobs.jobs import Jobs, Told
from deepwright.verbs.tune.folder import TuneFolder
from deepwright.verbs.tune.plan import SAFETY, Cost, Plan, mean_of, reserve
from deepwright.verbs.tune.points import Point, from_unit, is_ordered, params
from deepwright.verbs.tune.settings import Standing, Tune, TuneWatch
from deepwright.verbs.tune.space import PREPARED, Space
from deepwright.verbs.tune.study import OVER, Asked, Record, Study

__all__ = ["Ground", "Search", "costs", "room"]

GRACE = 2.0  # seconds for a trial to stop when the time is over
PRESSING = 1.5  # times the longest trial: with less left and no trial at its end, the best paused one goes on at once
HASTE = 0.12  # of a trial's time: with less left, none is begun
SHOWN = 0.3  # seconds between two words about how far it is
KEPT = 8  # trials whose weights are kept for the soup
SAMPLES = 3  # points of the space beside the default recipe whose cost is measured
SPARING = 0.02  # of the budget: where measuring the default recipe took more, nothing else is measured


@dataclass
class Ground:
    """What points of the space become recipes on: the data as they are prepared for a point.

    Args:
        prepare: prepares anew, for points that need it; what it prepared is written as a base.
    """

    folder: TuneFolder
    space: Space
    prepare: Callable[[Point], Prepared]
    environment: Mapping[str, Any]
    _runs: dict[str, Run] = field(default_factory=dict)

    def base(self, point: Point) -> Path:
        """The folder of a point's base.

        Raises:
            RecipeError, DataError: the data cannot be prepared so.
        """
        key = self.key(point)
        folder = self.folder.base(key)
        if not (folder / bases.ROWS / "packed.json").exists():
            prepared = self.prepare(point)
            if (prepared.parts != self.run("0").parts).any():
                raise TrainingError(
                    "These settings change which rows are used, so its figures could not be compared with the others'."
                )
            bases.lay(folder, prepared, self.environment)
        return folder

    def key(self, point: Point) -> str:
        if not self.space.prepares:
            return "0"
        chosen = [name_of(path) for path in self.space.paths if path[0] in PREPARED]
        return f"{derive(*(word for name in chosen for word in (name, point[name]))):016x}"

    def run(self, key: str) -> Run:
        if key not in self._runs:
            self._runs[key] = Run.load(self.folder.base(key))
        return self._runs[key]

    def recipe(self, point: Point | None) -> Recipe:
        """The complete recipe of a point (its base is there); None for the default recipe."""
        run = self.run("0" if point is None else self.key(point))
        heads = {} if run.task is None else run.task.heads
        rows = int((run.parts == 0).sum())
        values = {} if point is None else self.space.values(point)
        return self.space.recipe(values, run.recipe, run.features, heads, rows)


def costs(jobs: Jobs, ground: Ground, seed: int, budget: float) -> list[Cost]:
    """What the default recipe costs with all jobs at work, then some points of the space.

    Raises:
        TrainingError: the default recipe cannot be trained.
    """
    began = time.monotonic()
    default = ground.recipe(None)
    found, reason = _measured(jobs, ground, [default] * len(jobs), "0")
    if not found:
        raise TrainingError(f"The default recipe cannot be trained: {reason}")
    mean = mean_of(found)
    if time.monotonic() - began > SPARING * budget or ground.space.prepares:
        return [mean]
    ranges = ground.space.ranges
    recipes = []
    for k in range(max(SAMPLES, len(jobs))):
        point: Point = {}
        for name, one in ranges.items():
            chance = derive(seed, "cost", k, name)
            if isinstance(one, Choice) and not is_ordered(one):
                point[name] = params(one)[chance % len(one.values)]
            else:
                point[name] = from_unit(one, chance % 10_000 / 9_999)
        try:
            recipes.append(ground.recipe(point))
        except DeepwrightError:
            continue  # a combination that is refused costs nothing
    return [mean, *_measured(jobs, ground, recipes, "0")[0]]


def _measured(jobs: Jobs, ground: Ground, recipes: list[Recipe], key: str) -> tuple[list[Cost], str]:
    """Costs of those that could be measured, and why another could not."""
    waiting, busy, found, reason = list(recipes), set(), [], ""
    for place in range(len(jobs)):
        _order_cost(jobs, ground, place, waiting, busy, key)
    while busy:
        word = jobs.next(3600.0)
        assert word is not None
        place, told = word
        busy.discard(place)
        if told["told"] == "cost":
            found.append(Cost(told["step"], told["look"], told["build"], told["precision"]))
        else:
            reason = told["reason"]
        _order_cost(jobs, ground, place, waiting, busy, key)
    return found, reason


def _order_cost(jobs: Jobs, ground: Ground, place: int, waiting: list[Recipe], busy: set[int], key: str) -> None:
    if waiting:
        base, scratch = ground.folder.base(key), ground.folder.path / "scratch"
        recipe = plain(waiting.pop().model_dump())
        jobs.send(place, do="cost", base=str(base), folder=str(scratch), recipe=recipe)
        busy.add(place)


def room(folder: Path) -> str:
    """What to do about a disk that takes no more."""
    return f"Finished trials are kept; once there is room to write, go on with: deepwright resume {folder}"


class Search:
    """See above.

    Args:
        clock: seconds of the budget that are used up.
    """

    def __init__(
        self, settings: Tune, ground: Ground, study: Study, plan: Plan, jobs: Jobs, watch: TuneWatch,
        clock: Callable[[], float],
    ):  # fmt: skip
        self.settings, self.ground, self.study, self.plan = settings, ground, study, plan
        self.jobs, self.watch, self.clock = jobs, watch, clock
        self.folder = ground.folder
        self.running: dict[int, Asked] = {}
        most = settings.search.most(ground.space.ranges)
        self.total = settings.trials if most is None else min(settings.trials, most)
        self.waits = settings.prune.kind != "none"
        self.rungs = settings.prune.rungs(plan.looks)
        self.study_best = study.best()
        self._stopping: float | None = None
        self._told: dict[int, float] = {}  # share of its steps
        self._looked: dict[int, int] = {}  # newest look
        self._shown = 0.0

    def run(self) -> Record:
        """The best trial.

        Raises:
            Interrupted: the person stopped it; finished trials are kept. TrainingError: no trial came to an end.
        """
        waiting = self.study.left_over()
        with interrupts() as asked:
            while True:
                if asked.is_set():
                    raise Interrupted(self._interrupted())
                late = self.clock() >= self.until()
                if not late:
                    self._assign(waiting)
                if not self.running:
                    break
                if late:
                    self._stop()
                word = self.jobs.next(0.25)
                if word is not None:
                    self._heard(*word)
                self._show()
        for one in self.study.paused():
            self._give_up(one)
        self.folder.drop_checkpoints()
        best = self.study.best()
        if best is None:
            raise self._nothing()
        return best

    def until(self) -> float:
        """Seconds of the budget after which no trial runs any more."""
        best = self.study_best
        own = self.plan.longest if best is None else float(best.facts.get("seconds", self.plan.seconds))
        default = self.plan.seconds
        last = max(own, default) if len(self.jobs) > 1 else own + default
        budget = self.settings.budget.amount
        return budget - reserve(budget) - SAFETY * last

    def _assign(self, waiting: list[Asked]) -> None:
        """Give every idle job a trial, as long as there are trials and time."""
        for place in range(len(self.jobs)):
            while place not in self.running:
                asked = waiting.pop(0) if waiting else self._chosen()
                if asked is None:
                    return
                self._begin(place, asked)

    def _chosen(self) -> Asked | None:
        """The trial that a job with nothing to do should take: all come to the first rung before the best of them go on.

        Where there is not time for that, those that are there go on when what they still take is what is left.
        """
        left, begun = self.until() - self.clock(), len(self.study.records())
        if left < HASTE * self.plan.seconds:
            return None
        if self.study_best is None and left < PRESSING * self.plan.longest and (asked := self.study.rise(last=True)):
            return asked
        climb = self.rungs.climb(begun + 1, self.plan.looks) * self.plan.seconds / len(self.jobs)
        if begun < self.total and left >= SAFETY * climb:
            return self.study.ask()
        if (asked := self.study.rise()) is not None:
            return asked
        if begun < self.total:
            return self.study.ask()
        return None if self.running else self.study.rise(last=True)

    def _begin(self, place: int, asked: Asked) -> None:
        same = self.study.same(asked)
        if same is not None:  # a training gives the same figure each time
            reason = f"the same settings as trial {same.number}"
            self.study.finish(asked, "done", same.value, reason, same.facts)
            return
        try:
            base = self.ground.base(asked.point)
            recipe = self.ground.recipe(asked.point)
        except DeepwrightError as error:
            self.study.finish(asked, "failed", reason=str(error))
            return
        folder = self.folder.trial(asked.number)
        self.running[place] = asked
        self.jobs.send(
            place, do="trial", base=str(base), folder=str(folder), recipe=plain(recipe.model_dump()), waits=self.waits
        )

    def _heard(self, place: int, told: Told) -> None:
        asked = self.running.get(place)
        if asked is None:
            return
        if told["told"] == "look":
            answer = self.study.look(asked, told["look"], told["best"])
            self._looked[asked.number] = told["look"]
            self._told[asked.number] = told["step"] / max(1, told["total"])
            if self.waits:
                self.jobs.send(place, answer="stop" if self._stopping is not None else answer)
            return
        if told["told"] == "disk":
            raise DiskError(told["reason"], room(self.folder.path))
        del self.running[place]
        if told["told"] == "ended" and told["state"] == "paused":
            self.study.pause(asked, self._looked[asked.number], told["facts"])
            for one in self.study.hopeless(self.total):
                self._give_up(one)
        elif told["told"] == "ended" and told["state"] != "stopped":
            reason = _why_pruned(self._share(asked)) if told["state"] == "pruned" else told["reason"]
            self.study.finish(asked, told["state"], told["value"], reason, told["facts"])
        elif told["told"] == "ended":
            self.study.finish(asked, "failed", reason=self._over(asked), facts=told["facts"])
        else:
            self.study.finish(asked, "failed", reason=told["reason"])
        self._ended()

    def _give_up(self, paused: Asked) -> None:
        """End a trial that waits."""
        share = max(paused.known, default=0) / self.plan.looks
        self.study.finish(paused, "pruned", reason=_why_pruned(share))
        self.folder.drop_checkpoints(paused.number)

    def _over(self, asked: Asked) -> str:
        return f"{OVER} after {100 * self._share(asked):.0f} % of its steps."

    def _share(self, asked: Asked) -> float:
        return self._told.get(asked.number, 0.0)

    def _ended(self) -> None:
        """After each trial: remember the time, keep the weights of the best only."""
        self.study_best = self.study.best()
        self.folder.keep(seconds=self.clock())
        done = [one for one in self.study.records() if one.state == "done" and one.mine]
        kept = {one.number for one in self.study.in_order(done)[:KEPT]}
        for path in (self.folder.path / "trials").glob("*/weights.safetensors"):
            if int(path.parent.name) not in kept and int(path.parent.name) not in {
                a.number for a in self.running.values()
            }:
                path.unlink(missing_ok=True)

    def _stop(self) -> None:
        """Ask running trials to stop; end the processes of those that do not listen."""
        now = time.monotonic()
        if self._stopping is None:
            self._stopping = now
            for place in self.running:
                self.jobs.send(place, stop=True)
        elif now - self._stopping > GRACE:
            for place, asked in list(self.running.items()):
                self.jobs.kill(place)
                self.study.finish(asked, "failed", reason=self._over(asked))
                del self.running[place]
            self._ended()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown > SHOWN:
            self._shown = now
            self.watch.standing(self.standing())

    def standing(self) -> Standing:
        """How far it is."""
        records = self.study.records()
        count = Counter(one.state for one in records)
        best = self.study_best
        ended = sum(one.ended for one in records)
        partly = sum(max(one.looks, default=0) / self.plan.looks for one in records if not one.ended)
        by_trials = (ended + partly) / max(1, self.total)
        used = self.clock() / max(self.until(), 1e-9)
        return Standing(
            "trials", count["done"], count["pruned"], count["failed"], count["running"], count["paused"], self.total,
            min(1.0, max(by_trials, used)), str(self.folder.record["primary"]),
            None if best is None or best.value is None else (best.value, best.number),
            self._left(ended + partly),
        )  # fmt: skip

    def _left(self, ended: float) -> float:
        """Seconds to the end of everything: by the pace of the trials so far, never beyond the budget."""
        budget = self.settings.budget.amount
        left = max(0.0, budget - self.clock())
        if ended < 1:
            return left
        trials = (self.clock() - self._from) / ended * max(0.0, self.total - ended)
        return min(left, trials + (budget - self.until()))

    @property
    def _from(self) -> float:
        return float(self.folder.record.get("search_from", 0.0))

    def _interrupted(self) -> str:
        records = self.study.records()
        ended = sum(one.ended for one in records)
        best = self.study.best()
        so_far = (
            "" if best is None or best.value is None else f" The best so far is trial {best.number} ({best.value:.4g})."
        )
        self.folder.keep(seconds=self.clock())
        return (
            f"Stopped after {ended} of {self.total} trials; they are kept.{so_far} "
            f"Go on with: deepwright resume {self.folder.path}"
        )

    def _nothing(self) -> DeepwrightError:
        records = self.study.records()
        failed = [one.reason for one in records if one.state == "failed" and not one.over]
        shutil.rmtree(self.folder.path / "scratch", ignore_errors=True)
        if failed and len(failed) == len(records):
            reason, times = Counter(failed).most_common(1)[0]
            return TrainingError(f"All {len(failed)} trials failed; {times} of them so: {reason}")
        return InputError(
            f"No trial came to its end in the time of {self.settings.budget}. Give more with --budget, or ask for fewer "
            "with --trials, so that each gets less of it."
        )


def _why_pruned(share: float) -> str:
    return f"given up after {100 * share:.0f} % of its steps: others were better by then"
