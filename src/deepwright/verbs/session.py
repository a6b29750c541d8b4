"""One life of a training: builds the trainer, writes events, leaves the run complete. Shared by train and resume."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from deepwright.contracts import BoundObjective, Network
from deepwright.core.clock import process_seconds
from deepwright.core.errors import Interrupted, TrainingError
from deepwright.core.memory import give_back
from deepwright.core.seeds import derive
from deepwright.data.feed import Feed
from deepwright.data.pack import Packed
from deepwright.draw import Draw
from deepwright.run import Run
from deepwright.run_folder import fitting
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.determinism import Determinism, deterministic
from deepwright.training.distributed import Ranks
from deepwright.training.events import Estimated, Event, Kept, Planned, Resumed, Stopped, finite
from deepwright.training.journal import Journal
from deepwright.training.loop import Trainer
from deepwright.training.pace import Pace, Segment
from deepwright.training.recorded import Recorded
from deepwright.training.step import native_half
from deepwright.training.stopping import interrupts
from deepwright.training.threads import computing
from deepwright.verbs.creation.watch import Watch as CreationWatch
from deepwright.verbs.manifest import note_training
from deepwright.verbs.planning import decide, precisions_of, too_short
from deepwright.verbs.probe import SECONDS, Probed, probe
from deepwright.verbs.sizing import sized
from deepwright.verbs.thread_choice import Wish, threads_of
from deepwright.verbs.validation import answers_and_truth, self_judged, validation

__all__ = ["Session", "Watch"]

Changes = tuple[tuple[int, int], ...]  # of threads: step, number

MANY = 100.0  # epochs: what is probed is the full cost of a step


@dataclass
class Watch:
    """Who looks on: `event` gets the loop's events, `tell` what is being done, `run` the run as soon as it has a folder,
    `warn` what goes wrong meanwhile."""

    event: Callable[[Event], None] = lambda event: None
    tell: Callable[[str], None] = lambda text: None
    run: Callable[[Run], None] = lambda run: None
    warn: Callable[[str], None] = lambda text: None


class Session:
    """A run with its encoded examples, about to be trained.

    Args:
        ranks: this process among those that train together; only the first one writes.
        followed: how a run went that is done again: then neither clock nor probe decides anything.
    """

    def __init__(
        self, run: Run, packed: Packed, device: torch.device, watch: Watch, ranks: Ranks, followed: Recorded | None = None
    ):  # fmt: skip
        self.run, self.packed, self.device, self.watch, self.ranks = run, packed, device, watch, ranks
        self.settings, self.followed = run.recipe.train, followed
        self.prepared = _rows(run)
        self.journal, self.promise = Journal(run.folder), Determinism(device.type)
        self.estimated: Estimated | None = None  # of the memory, told with the plan

    def start(self, began: float) -> Run:
        """From the first step."""
        with self._promised():
            self.watch.tell("building the network")
            network = self._fresh()
            pace = self._pace(lambda: process_seconds() - began)
            with computing(None):
                network, choices = self._plan(network, pace)
                return self._train(self._trainer(network, pace, choices))

    def follow(self) -> Run:
        """From the first step, the way that `followed` tells."""
        assert self.followed is not None
        planned, began = self.followed.planned, process_seconds()
        with self._promised():
            self.watch.tell("building the network")
            network = self._fresh()
            pace = self._pace(lambda: process_seconds() - began, self.followed.segments)
            pace.closed, pace.ends = True, self.followed.ends
            self._tell(Planned(0, planned["total"], pace.clock(), planned["step_seconds"], planned["choices"]))
            return self._as_planned(network, pace, planned, self.followed.changes)

    @contextmanager
    def _promised(self) -> Iterator[None]:
        """Deterministic kernels where there are any; otherwise it is said at once, or as soon as one is met."""
        if self.promise.why_not:
            self.watch.warn(self.promise.why_not)
        with deterministic(self.device) as self.promise:
            yield

    def _fresh(self, warm: bool = True) -> Network:
        """A network of the recipe, on its device, with start values from the seed and (warm) the training rows.

        A branch has the weights of the run it comes from instead. By one thread, so that they are the same in every life.
        """
        with computing(1):
            torch.manual_seed(derive(self.run.recipe.seed, "weights"))
            network = self.run.fresh_network()
            if warm:
                self._warm(network)
            if warm and self.run.start is not None:
                network.load_state_dict(self.run.start)
        return network.to(self.device)

    def go_on(self, wish: Wish = None) -> Run:
        """From the newest whole checkpoint; where there is none, from the first step with what was decided then.

        Args:
            wish: another number of threads from here on.
        """
        with self._promised():
            return self._gone_on(wish)

    def _gone_on(self, wish: Wish) -> Run:
        self.run.task = self.run.training_task()
        events = self.journal.read()
        checkpoints = self._checkpoints()
        checkpoint = checkpoints.latest(len(events))
        broken = tuple(checkpoints.broken)
        if checkpoint is None:
            return self._from_the_plan(events, broken, wish)
        replans, changes = self._cut(events, checkpoint.values["lines"])
        offset = float(checkpoint.values["pace"]["seconds"]) - process_seconds()
        network = self._fresh(warm=False)
        pace = self._pace(lambda: process_seconds() + offset, replans)
        trainer = self._trainer(network, pace, checkpoint.values["choices"])
        with fitting(self.run.folder):
            trainer.resume(checkpoint)
        self._tell(Resumed(checkpoint.step, pace.total, pace.clock(), broken))
        if self.estimated is not None:
            self._tell(replace(self.estimated, step=checkpoint.step))
        return self._train(trainer, checkpoint.values["threads"], changes, wish)

    def _from_the_plan(self, events: Sequence[Mapping[str, Any]], broken: tuple[str, ...], wish: Wish) -> Run:
        """From the first step, as planned then: measuring again would choose otherwise."""
        lines = next((line for line, event in enumerate(events, 1) if event["event"] == "planned"), 0)
        replans, changes = self._cut(events, lines)
        if not lines:
            if broken:
                self._tell(Resumed(0, 0, process_seconds(), broken))
            return self.start(process_seconds())
        planned = events[lines - 1]
        offset = planned["seconds"] - process_seconds()
        network = self._fresh()
        pace = self._pace(lambda: process_seconds() + offset, replans)
        self._tell(Resumed(0, planned["total"], pace.clock(), broken))
        return self._as_planned(network, pace, planned, changes, wish)

    def _as_planned(
        self, network: Network, pace: Pace, planned: Mapping[str, Any], changes: Changes, wish: Wish = None
    ) -> Run:
        """From the first step, with what an event of a plan tells."""
        pace.segments = [Segment(0, 0.0, planned["total"])]
        pace.start(0)
        self._settle(planned["choices"])
        return self._train(self._trainer(network, pace, planned["choices"]), None, changes, wish)

    def _checkpoints(self) -> Checkpoints:
        """Those of the run; each one makes sure first that the events before it are on the disk."""

        def before() -> Mapping[str, Any]:
            self.journal.sync()
            return {"lines": self.journal.lines}

        return Checkpoints(self.run.folder / "checkpoints", before=before)

    def cost(self, numbers: Sequence[int] | None = None, seconds: float = SECONDS, judge: bool = True) -> Probed:
        """What a step (and a validation) costs, on copies, with one of so many threads, else the recipe's; nothing is written."""
        network, counts = self._fresh(), numbers or (self.settings.threads or 1,)
        precisions = precisions_of(self.settings, self._half(network))
        with computing(None):
            return probe(lambda wanted: self._copy(network, wanted), precisions, counts, seconds, judge=judge)

    def alone(self) -> Trainer:
        """A trainer that shares nothing with the real one, in float32, which takes the most memory."""
        return self._copy(self._fresh(), "float32")

    def _half(self, network: Network) -> bool:
        """Whether bfloat16 may be tried."""
        return network.half and native_half(self.device.type)

    def _pace(self, clock: Callable[[], float], recorded: tuple[Segment, ...] = ()) -> Pace:
        rows = len(self.prepared["train"])
        per_epoch = rows / max(1, min(self.settings.batch or 1, rows))
        most = None if self.settings.longest is None else max(1, round(self.settings.longest * per_epoch))
        return Pace(self.settings.budget, per_epoch, clock, most=most, recorded=recorded)

    def _warm(self, network: Network) -> None:
        """Data-dependent start values, from training rows."""
        task, rows = self.run.task, self.prepared["train"]
        targets = self.packed.targets(rows[: min(len(rows), 50_000)])
        bias: Mapping[str, Any] = {} if task is None else task.bias(targets)
        order = Draw(self.run.recipe.seed).at("warm").permutation(len(rows))
        network.warm(lambda: self.packed.batches(rows[order], self.packed.at_most(2048)), bias)

    def _trainer(self, network: Network, pace: Pace, choices: Mapping[str, Any], alone: bool = False) -> Trainer:
        """A trainer of a network.

        Args:
            choices: what was decided at the start. alone: for the probe, which neither writes nor waits for other ranks.
        """
        recipe, task = self.run.recipe, self.run.task
        settings = self.settings.model_copy(update={"precision": choices["precision"]})
        planned: Any = recipe.objective.planned(choices["epochs"])
        objective: BoundObjective = planned.bind(task, self.run.features, network)
        feed = Feed(self.packed, self.prepared["train"], settings.batch or 1, derive(recipe.seed, "feed"),
                    order=objective.order, mates=objective.mates,
                    rank=self.ranks.rank, ranks=self.ranks.count, device=self.device)  # fmt: skip
        rows = self._judged(choices)
        judged = self_judged(network, objective, self.packed, rows, self.device, settings.answer_batch)
        if task is not None:
            judged = validation(network, task, self.packed, rows, recipe.evaluate.metric, self.device,
                                choices["precision"], settings.answer_batch)  # fmt: skip
        checkpoints = None if alone else self._checkpoints()
        ranks = Ranks() if alone else self.ranks
        watcher = None if alone or task is not None else self._watcher()
        return Trainer(
            network, objective, feed, settings, pace, judged, checkpoints, ranks, dict(choices), watcher=watcher
        )

    def _watcher(self) -> CreationWatch:
        """Over a network that creates; the first rank keeps what is drawn."""
        run = self.run
        folder = None if self.ranks.rank else run.folder
        return CreationWatch(
            run.created, self.packed, self.prepared["train"], self.prepared["validation"], run.recipe.seed, folder
        )

    def _judged(self, choices: Mapping[str, Any]) -> torch.Tensor:
        """The validation rows that are asked: all, or a fixed part where the budget affords no more."""
        rows = self.prepared["validation"]
        wanted = int(choices.get("validation_rows", len(rows)))
        if wanted >= len(rows):
            return rows
        chosen = Draw(self.run.recipe.seed).at("judged").permutation(len(rows))[:wanted]
        return rows[chosen.sort().values]

    def _plan(self, network: Network, pace: Pace) -> tuple[Network, dict[str, Any]]:
        """Turn the budget into steps, choose the network's size, threads and precision, and record it all."""
        self.watch.tell("measuring the pace")
        at_hand = [network]

        def resized(epochs: float) -> bool:
            if not self._resize(epochs):
                return False
            at_hand[0] = self._fresh()
            return True

        rows = len(self.prepared["validation"])
        copies = lambda precision: self._copy(at_hand[0], precision)  # noqa: E731
        choices, planned = decide(self.settings, self._half(network), rows, pace, self.ranks, copies, resized)
        give_back(self.packed.bytes)  # copies refer to themselves in circles
        if self.estimated is not None:
            self._tell(self.estimated)
        self._tell(planned)
        if (little := too_short(pace)) is not None:
            self.watch.warn(little)
        if self.ranks.rank == 0:
            self.journal.sync()  # else a power cut could leave the recipe that follows from the plan without the plan
        self._settle(choices)
        return at_hand[0], choices

    def _settle(self, choices: Mapping[str, Any]) -> None:
        """Write what was chosen into the recipe: then the same recipe file gives the same bytes."""
        chosen = {name: choices[name] for name in ("threads", "precision")}
        train = self.run.recipe.train.model_copy(update=chosen)
        if train != self.run.recipe.train:
            self.run.recipe = self.run.recipe.model_copy(update={"train": train})
            if self.ranks.rank == 0:
                self.run.save_recipe()

    def _resize(self, epochs: float) -> bool:
        """Write the size that suits the budget into the recipe; whether it is another than was probed."""
        if self.run.start is not None:
            return False
        recipe = sized(self.run.recipe, self.run.features, len(self.prepared["train"]), epochs)
        if recipe == self.run.recipe:
            return False
        before = sum(p.numel() for p in self.run.fresh_network().parameters())
        self.run.recipe, self.settings = recipe, recipe.train
        after = sum(p.numel() for p in self.run.fresh_network().parameters())
        if self.ranks.rank == 0:
            self.run.save_recipe()
        if after != before:
            kind = "smaller" if after < before else "larger"
            self.watch.tell(f"the budget affords {epochs:.1f} epochs of the usual network: a {kind} one learns more")
        return after != before

    def _copy(self, network: Network, precision: str) -> Trainer:
        pace = Pace(self.settings.budget, 1.0, lambda: 0.0)
        pace.segments = [Segment(0, 0.0, 1_000_000)]
        return self._trainer(copy.deepcopy(network), pace, {"precision": precision, "epochs": MANY}, alone=True)

    def _tell(self, event: Event) -> None:
        if self.ranks.rank:
            return
        self.journal.append(event)
        self.watch.event(event)

    def _cut(self, events: Sequence[Mapping[str, Any]], lines: int) -> tuple[tuple[Segment, ...], Changes]:
        """Keep the first lines of the journal. Re-plans and changes of threads among the rest will be followed again."""
        self.ranks.agree(0.0)  # all have read it
        if self.ranks.rank == 0:
            self.journal.keep(events[:lines])
        later = events[lines:]
        plans = (Segment(e["step"], e["fraction"], e["total"]) for e in later if e["event"] == "replanned")
        return tuple(plans), tuple((e["step"], e["threads"]) for e in later if e["event"] == "rethreaded")

    def _train(self, trainer: Trainer, count: int | None = None, changes: Changes = (), wish: Wish = None) -> Run:
        """All steps, and the weights to keep. For the number of threads see `threads_of`."""
        with computing(None):
            copy = lambda: self._copy(trainer.network, trainer.choices["precision"])  # noqa: E731
            folder = self.run.folder
            closed = self.followed is not None
            trainer.threads = threads_of(
                trainer, copy, self._tell, self.watch.warn, folder, count, changes, wish, closed
            )
            return self._trained(trainer)

    def _trained(self, trainer: Trainer) -> Run:
        reason, followed = "budget", self.followed
        with interrupts() as asked:  # until what was learnt is kept; a second one does not wait for that
            try:
                for event in finite(trainer.run()):
                    self._tell(event)
                    if isinstance(event, Stopped):
                        reason = event.reason
            except TrainingError as error:
                told = self._given_up(trainer, error)
                if followed is None or followed.reason != "diverged":
                    raise told from error
                return self.run
            self._finish(trainer)
        if reason == "interrupted" and (followed is None or (trainer.step, reason) != (followed.step, followed.reason)):
            raise Interrupted(
                f"Stopped at step {trainer.step} of {trainer.pace.total}; nothing is lost. Go on with: deepwright resume {self.run.folder}"
            )
        if asked.is_set():
            raise Interrupted(
                f"Stopped after the last step; the network is kept. Its figures and report: deepwright resume {self.run.folder}"
            )
        return self.run

    def _given_up(self, trainer: Trainer, error: TrainingError) -> TrainingError:
        """Keep the best weights where validation has found any, and say so."""
        if trainer.best is None:
            return error
        trainer.keep_best()
        self._finish(trainer)
        return TrainingError(
            f"{error} The best network so far is kept. Its figures: deepwright evaluate {self.run.folder}"
        )

    def _finish(self, trainer: Trainer) -> None:
        """Weights to keep, and what only validation answers can teach the task."""
        trainer.objective.finish(
            trainer.network,
            lambda: trainer.feed.packed.batches(self.prepared["train"], 1024),
            Draw(self.run.recipe.seed).of("finish"),
        )
        if self.ranks.rank == 0:
            self.run.save_weights(trainer.network)
        self.run.__dict__["network"] = trainer.network.eval()
        if self.run.task is not None:
            learnt = self.run.task
            rows, at_once = self._judged(trainer.choices), self.settings.answer_batch
            answer, truth, _ = answers_and_truth(trainer.network, learnt, self.packed, rows, self.device, at_once)
            self.run.task = learnt.finish(answer, truth)
            if self.ranks.rank == 0:
                self.run.save_task(learnt)
        if self.ranks.rank == 0:
            if self.promise.operations:
                self.watch.warn(self.promise.why_not)
            note_training(self.run, self.journal.read(), self.promise, self.device.type)
        self._tell(Kept(trainer.step, trainer.pace.clock()))


def _rows(run: Run) -> dict[str, torch.Tensor]:
    parts = torch.from_numpy(run.parts)
    return {name: (parts == code).nonzero()[:, 0] for name, code in (("train", 0), ("validation", 1), ("test", 2))}
