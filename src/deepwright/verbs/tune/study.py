"""The study: trials in Optuna's storage, asked for one by one and told how they ended.

Trial `number` is drawn from (seed, number, trials before it); a trial that was running when its process was killed keeps its
number and its settings and goes on, or is run again. So nothing that is finished is lost or repeated.

A trial that waits at a rung is "running" in the storage, with two numbers beside it: the rung at which it paused last, and the
rung from which it went on last. Where the first is higher, it is paused.
"""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deepwright.core.addresses import hidden
from deepwright.core.errors import DiskError, Refused, RunError
from deepwright.core.seeds import derive
from deepwright.ranges import Range
from deepwright.verbs.tune.drawn import drawn
from deepwright.verbs.tune.points import Point, State, Tried, suggest
from deepwright.verbs.tune.prunings import Pruning
from deepwright.verbs.tune.rungs import Climber
from deepwright.verbs.tune.searches import Proposal, Search

__all__ = ["ENOUGH", "OVER", "Asked", "Record", "Study", "local_storage"]

OVER = "The time was over"  # how the reason begins where a trial was stopped for that
ENOUGH = 8  # finished trials that can tell what mattered
PAUSED, RISEN = "paused", "risen"  # beside a trial: the rung at which it waits, the one from which it went on
WAIT = 30.0  # seconds for the plan of whoever made a shared study
_REFUSALS = {  # what SQLite says when the disk refuses
    "database or disk is full": "the disk is full", "readonly database": "the disk is read-only",
    "disk I/O error": "the disk reported a fault",
}  # fmt: skip
Verdict = Literal["go on", "pause", "give up"]
STATES: Mapping[str, State] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class Record:
    """What is known of a trial.

    Args:
        value: its best validation figure. looks: look → best figure so far. reason: why it failed or was given up.
        facts: figures, steps and seconds, as the trial told them. mine: it was run from this folder.
        rung: at which it waits, where it is paused.
    """

    number: int
    state: State
    value: float | None
    point: Point
    looks: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    mine: bool = True
    rung: int = 0

    @property
    def ended(self) -> bool:
        return self.state not in ("running", "paused")

    @property
    def over(self) -> bool:
        """Whether it was stopped because the time of the tune was over."""
        return self.reason.startswith(OVER)


@dataclass
class Asked:
    """A trial to be run. `known`: the looks it came past in an earlier life. `risen`: the rung from which it goes on."""

    number: int
    point: Point
    handle: Any
    known: frozenset[int] = frozenset()
    risen: int = 0


def local_storage(folder: Path) -> str:
    """The URL of the storage in a folder: SQLite, which a kill at any instant leaves whole."""
    return f"sqlite:///{(folder / 'trials.db').resolve().as_posix()}"


@contextmanager
def _quiet(url: str) -> Iterator[None]:
    """Optuna's logs and its warnings about what is experimental, silenced; a storage that is lost as a sentence."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            _check_disk(url, error)
            raise RunError(f"The storage {hidden(url)} cannot be reached: {_why(error)}.") from error


def _check_disk(url: str, error: BaseException) -> None:
    """Raises DiskError: it is a file that SQLite could not write."""
    words = next((words for sign, words in _REFUSALS.items() if sign in _why(error)), None)
    if url.startswith("sqlite:") and words is not None:
        raise DiskError(f"Cannot write {url.partition('///')[2]}: {words}") from error


def _why(error: BaseException) -> str:
    inner = getattr(error, "orig", None) or error.__cause__ or error
    return (str(getattr(inner, "orig", None) or inner).strip().splitlines() or ["no reason is given"])[0].rstrip(".")


class Study:
    """The trials of one tune.

    Args:
        url: Optuna's storage. name: of the study in it. owner: this folder among all that share the storage.
        better: "lower" or "higher" figures.
        plan: what everyone who shares the storage has to agree on; the first one's counts (`self.plan`).
        shared: others may be making the same study right now.

    `start`: the default recipe's point, where it lies in the ranges and is to be the first.

    Raises:
        Refused: the storage cannot be opened. DiskError, here and in all that writes: the disk is full or not writable.
    """

    def __init__(
        self, url: str, name: str, owner: str, better: Literal["lower", "higher"], ranges: Mapping[str, Range],
        search: Search, pruning: Pruning, seed: int, plan: Mapping[str, Any], shared: bool = False,
    ):  # fmt: skip
        self._owner, self._ranges, self._search, self._seed = owner, ranges, search, seed
        self.start: Point | None = None
        self._sign = 1.0 if better == "lower" else -1.0
        self._url = url
        self._storage = _storage(url)
        with _quiet(url):
            self._study = self._made(name, "minimize" if better == "lower" else "maximize", plan, shared)
            self.plan: dict[str, Any] = self._study.user_attrs["plan"]
            self._looks = int(self.plan["looks"])
            self._study.pruner = pruning.pruner(self._looks)
            self._rungs = pruning.rungs(self._looks)

    def _made(self, name: str, direction: str, plan: Mapping[str, Any], shared: bool) -> Any:
        """The study, by whoever comes first; the others wait for the plan that goes with it."""
        import optuna

        try:
            study = optuna.create_study(storage=self._storage, study_name=name, direction=direction)
        except optuna.exceptions.DuplicatedStudyError:
            study = optuna.load_study(storage=self._storage, study_name=name)
            until = time.monotonic() + WAIT * shared
            while "plan" not in study.user_attrs and time.monotonic() < until:
                time.sleep(0.1)
        if "plan" not in study.user_attrs:
            study.set_user_attr("plan", dict(plan))
        return study

    def ask(self) -> Asked:
        """The next trial, its settings chosen."""
        with _quiet(self._url):
            trial = self._study.ask()
            trial.set_user_attr("owner", self._owner)
            return self._settled(trial)

    def left_over(self) -> list[Asked]:
        """Trials that a process of this folder was running when it was killed, to go on or to be run again."""
        return [self._taken_up(one.number) for one in self.records() if one.state == "running" and one.mine]

    def _taken_up(self, number: int) -> Asked:
        """A trial of an earlier life."""
        import optuna

        with _quiet(self._url):
            trial = self._study.get_trials(deepcopy=False)[number]
            asked = self._settled(optuna.trial.Trial(self._study, trial._trial_id))
            asked.known, asked.risen = frozenset(trial.intermediate_values), trial.user_attrs.get(RISEN, 0)
            return asked

    def _settled(self, trial: Any) -> Asked:
        """The trial with a value for each range; those it has already are kept."""
        if len(trial.params) < len(self._ranges):
            proposal = self._proposal(trial.number)
            if proposal is not None and proposal.note is not None:
                trial.set_user_attr("note", list(proposal.note))
            self._study.sampler = _fixed(self._drawn(trial.number) if proposal is None else proposal.point)
            for name, one in self._ranges.items():
                suggest(trial, name, one)
        return Asked(trial.number, {name: trial.params[name] for name in self._ranges}, trial)

    def _drawn(self, number: int) -> Point:
        before = [one for one in self._study.get_trials(deepcopy=False) if one.number < number]
        paused = frozenset(one.number for one in before if one.user_attrs.get(PAUSED))
        sampler = self._search.sampler(derive(self._seed, "trial", number))
        return drawn(sampler, self._study.direction.name.lower(), before, paused, self._ranges)

    def _proposal(self, number: int) -> Proposal | None:
        if number == 0 and self.start is not None and self._search.starts_anywhere:
            return Proposal(self.start)
        tried = [self._tried(one) for one in self._study.get_trials(deepcopy=False) if one.number < number]
        return self._search.propose(self._ranges, number, tried, self._seed, self.start)

    def _tried(self, trial: Any) -> Tried:
        """What a search may know of a trial. Of those that pause that is their figure at the first rung, which never changes."""
        one, note = self._record(trial), trial.user_attrs.get("note")
        cost = None if one.value is None else self._sign * one.value
        state = one.state
        if self._rungs.looks:
            first = self._climber(one).cost(self._rungs.looks[0])
            state, cost = (state, cost) if first is None else ("pruned", first)
        return Tried(one.number, state, cost, one.point, None if note is None else tuple(note))

    def look(self, asked: Asked, look: int, value: float) -> Verdict:
        """Take the best figure so far at a look (1, 2, …); what the trial should do."""
        new = look not in asked.known
        with _quiet(self._url):
            if new:
                asked.handle.report(value, look)
            if look >= self._looks:
                return "go on"
            if self._rungs.at(look) > asked.risen:
                return "pause"
            return "give up" if new and asked.handle.should_prune() else "go on"

    def pause(self, asked: Asked, look: int, facts: Mapping[str, Any]) -> None:
        """Keep that a trial waits, since its newest look, from where it can go on."""
        with _quiet(self._url):
            asked.handle.set_user_attr("facts", dict(facts))
            asked.handle.set_user_attr(PAUSED, self._rungs.at(look))

    def rise(self, last: bool = False) -> Asked | None:
        """The paused trial that goes on from its rung, if there is one.

        Args:
            last: no trial will be asked for any more, and none is running here.
        """
        climbers = [self._climber(one) for one in self.records() if one.state != "failed"]
        found = self._rungs.last_up(climbers) if last else self._rungs.next_up(climbers)
        if found is None:
            return None
        asked = self._taken_up(found.number)
        with _quiet(self._url):
            asked.handle.set_user_attr(RISEN, found.paused)
        asked.risen = found.paused
        return asked

    def hopeless(self, total: int) -> list[Asked]:
        """Paused trials that will not go on, whatever others of so many come to."""
        climbers = [self._climber(one) for one in self.records() if one.state != "failed"]
        return [self._taken_up(one.number) for one in self._rungs.hopeless(climbers, total)]

    def paused(self) -> list[Asked]:
        """All of this folder that wait."""
        return [self._taken_up(one.number) for one in self.records() if one.state == "paused" and one.mine]

    def _climber(self, one: Record) -> Climber:
        costs = {look: self._sign * value for look, value in one.looks.items()}
        return Climber(one.number, costs, one.rung, one.mine)

    def finish(
        self, asked: Asked, state: Literal["done", "pruned", "failed"], value: float | None = None, reason: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Keep how a trial ended."""
        import optuna

        states = optuna.trial.TrialState
        with _quiet(self._url):
            for name, one in (("reason", reason), ("facts", dict(facts or {}))):
                if one:
                    asked.handle.set_user_attr(name, one)
            told = {"done": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[state]
            self._study.tell(asked.handle, value if state == "done" else None, state=told)

    def records(self) -> list[Record]:
        """All trials, in the order of their numbers."""
        with _quiet(self._url):
            return [self._record(one) for one in self._study.get_trials(deepcopy=False)]

    def _record(self, trial: Any) -> Record:
        own, looks = trial.user_attrs, dict(trial.intermediate_values)
        state, rung = STATES.get(trial.state.name, "running"), 0
        if state == "running" and own.get(PAUSED, 0) > own.get(RISEN, 0):
            state, rung = "paused", own[PAUSED]
        value = trial.value if state in ("done", "pruned") else looks[max(looks)] if state == "paused" else None
        return Record(
            trial.number, state, value, dict(trial.params), looks, own.get("reason", ""), own.get("facts", {}),
            own.get("owner", self._owner) == self._owner, rung,
        )  # fmt: skip

    def same(self, asked: Asked) -> Record | None:
        """A trial with the same settings that was trained to its end."""
        return next((one for one in self.records() if one.state == "done" and one.point == asked.point), None)

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """Those with a figure, best first; of equals the earlier."""
        known = [one for one in records if one.value is not None]
        return sorted(known, key=lambda one: self._sign * (one.value or 0.0))

    def best(self) -> Record | None:
        """The finished trial with the best figure."""
        return next(iter(self.in_order([one for one in self.records() if one.state == "done"])), None)

    def importance(self) -> dict[str, float]:
        """Each setting's share in how good trials were (PED-ANOVA: Watanabe et al. 2023, arXiv 2304.10255); {} for few."""
        import optuna

        done = [one for one in self.records() if one.state == "done"]
        if len(done) < ENOUGH or len(self._ranges) < 2:
            return {}
        with _quiet(self._url):
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=max(0.1, 3 / len(done)))
            found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: float(value) for name, value in found.items()}

    def close(self) -> None:
        """Let go of the storage's files."""
        self._storage.remove_session()
        self._storage.engine.dispose()


def _storage(url: str) -> Any:
    """Raises Refused: it cannot be opened. DiskError: the disk is full or not writable."""
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    expected = "Expected an address such as sqlite:///trials.db or postgresql://name@machine/database"
    try:
        return optuna.storages.RDBStorage(url)
    except ImportError as error:
        name = error.name or getattr(error.__cause__, "name", None)
        package = "a package" if name is None else f"the package '{name}'"
        raise Refused(
            f"The storage {hidden(url)} needs {package} that talks to its database, which is not installed."
        ) from error
    except (SQLAlchemyError, ValueError, RuntimeError, optuna.exceptions.OptunaError) as error:
        _check_disk(url, error)
        raise Refused(f"The storage {hidden(url)} cannot be opened: {_why(error)}. {expected}.") from error


def _fixed(point: Point) -> Any:
    """A sampler that gives these values."""
    import optuna

    class Fixed(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
            return {}

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return point[param_name]

    return Fixed()
