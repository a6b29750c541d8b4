"""The end of a tune: winner and default recipe are trained again, the soup is tried, held-out rows judge, all is told."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deepwright.core.errors import DiskError, Interrupted, TrainingError
from deepwright.core.files import write_json, write_text
from deepwright.core.report import Report
from deepwright.page.page import page
from deepwright.preparation import Data
from deepwright.recipe import plain
from deepwright.run import Run, new_folder
from deepwright.training.frozen import frozen_statistics
from deepwright.training.stopping import interrupts
from deepwright.training.threads import computing
from deepwright.verbs.complete import complete
from deepwright.verbs.environment import pick_device
from deepwright.verbs.jobs import bases
from deepwright.verbs.tune.beside import Comparison, compare
from deepwright.verbs.tune.created import created_distance
from deepwright.verbs.tune.plan import reserve
from deepwright.verbs.tune.report import Story, default_values, tune_report
from deepwright.verbs.tune.search import Search, room
from deepwright.verbs.tune.soup import Soup, restated, soup
from deepwright.verbs.tune.study import Record
from deepwright.verbs.tune.trial import rows_of
from deepwright.verbs.validation import answers_and_truth, validation

__all__ = ["Finale", "Tuned"]

LAST_WORDS = 2.0  # seconds for the page after the baselines
LIVES = 3  # of a training whose process dies: each goes on from the last checkpoint
LEAST = 2.0  # seconds for a last training, whatever is left


@dataclass(frozen=True)
class Tuned:
    """What a tune leaves.

    Args:
        run: the winner, as an ordinary run. report: settings, figures, trials. folder: of the tune.
    """

    run: Run
    report: Report
    folder: Path

    @property
    def best(self) -> dict[str, Any]:
        """The winner's settings, by recipe key."""
        return self.report.data["best"]["settings"]

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


class Finale:
    """See above.

    Args:
        search: that is over. data: the opened training data, where they are in memory. out: the folder of runs.
    """

    def __init__(self, search: Search, data: Data | None, out: Path):
        self._search, self._data, self._out = search, data, out
        self._ground, self._folder, self._watch = search.ground, search.folder, search.watch
        self._notes: list[str] = []

    def __call__(self, best: Record) -> Tuned:
        """Raises Interrupted: stopped by the person. TrainingError: the winner cannot be trained again."""
        winner, default = self._places(best)
        self._train([place for place in (winner, default) if place is not None])
        self._watch.tell("comparing with the default recipe")
        with computing(self._search.settings.threads):
            return self._judged(best, winner, default)

    def _judged(self, best: Record, winner: Path, default: Path | None) -> Tuned:
        """Soup, comparison and report of what is trained."""
        run = self._opened(winner)
        base = bases.of(self._ground.base(best.point))
        mixed = self._soup(run, base, best)
        compared = None
        if default is not None:
            compared = compare(run, self._opened(default), base, run.recipe.seed)
        report = self._report(best, run, compared, mixed)
        return self._kept(run, report)

    def _places(self, best: Record) -> tuple[Path, Path | None]:
        """The runs to be trained; none for the default recipe where that is the winner."""
        recipe, default = self._ground.recipe(best.point), self._ground.recipe(None)
        winner = self._folder.record.get("winner")
        if winner is None:
            folder = new_folder(self._out, str(self._folder.record["name"]))
            bases.new_run(self._ground.base(best.point), folder, recipe)
            winner = {"number": best.number, "run": str(folder)}
            self._folder.keep(winner=winner, stage="last", seconds=self._search.clock())
        if recipe == default:
            return Path(winner["run"]), None
        if not (self._folder.default / "recipe.yaml").exists():
            bases.new_run(self._folder.base("0"), self._folder.default, default)
        return Path(winner["run"]), self._folder.default

    def _base_of(self, place: Path) -> Path:
        if place == self._folder.default:
            return self._folder.base("0")
        best = next(
            one for one in self._search.study.records() if one.number == self._folder.record["winner"]["number"]
        )
        return self._ground.base(best.point)

    def _train(self, places: list[Path]) -> None:
        """Train the runs side by side, as far as there are jobs for them."""
        jobs, waiting = self._search.jobs, list(places)
        busy: dict[int, Path] = {}
        lives: dict[Path, int] = dict.fromkeys(places, 0)
        done: dict[Path, float] = dict.fromkeys(places, 0.0)
        with interrupts() as asked:
            while waiting or busy:
                if asked.is_set():
                    self._folder.keep(seconds=self._search.clock())
                    raise Interrupted(
                        "Stopped while the winner was trained; what was saved is kept. "
                        f"Go on with: deepwright resume {self._folder.path}"
                    )
                for place in range(len(jobs)):
                    if waiting and place not in busy:
                        busy[place] = self._order(place, waiting.pop(0), len(waiting))
                word = jobs.next(0.25)
                if word is not None and word[0] in busy:
                    self._heard(*word, busy, waiting, lives, done)
                share = 100 * sum(done.values()) / len(places)
                self._watch.tell(f"training the winner and the default recipe: {share:.0f} %")

    def _order(self, place: int, folder: Path, after: int) -> Path:
        budget = self._search.settings.budget.amount
        left = budget - reserve(budget) - self._search.clock()
        seconds = max(LEAST, left / (1 + after / len(self._search.jobs)))
        base = str(self._base_of(folder))
        self._search.jobs.send(place, do="train", folder=str(folder), base=base, seconds=seconds)
        return folder

    def _heard(
        self, place: int, told: dict[str, Any], busy: dict[int, Path], waiting: list[Path], lives: dict[Path, int],
        done: dict[Path, float],
    ) -> None:  # fmt: skip
        folder = busy[place]
        if told["told"] == "step":
            done[folder] = told["step"] / max(1, told["total"])
            return
        if told["told"] == "disk":
            raise DiskError(told["reason"], room(self._folder.path))
        if told["told"] not in ("trained", "gone", "failed"):
            return
        del busy[place]
        name = "default recipe" if folder == self._folder.default else "winner"
        if told["told"] == "trained":
            done[folder] = 1.0
            if told["state"] == "interrupted":
                self._notes.append(
                    f"The last training of the {name} was cut short, since the time was over. "
                    f"Go on with: deepwright resume {folder}"
                )
            return
        lives[folder] += 1
        if told["told"] == "failed" or lives[folder] >= LIVES:
            raise TrainingError(f"The {name} cannot be trained again: {told['reason']}")
        waiting.append(folder)

    def _opened(self, folder: Path) -> Run:
        run = Run.load(folder)
        run.data = self._data
        return run

    def _soup(self, run: Run, base: bases.Base, best: Record) -> Soup:
        """Try the average of good trials; the run holds the better one afterwards."""
        study, key = self._search.study, self._ground.key(best.point)
        done = [one for one in study.records() if one.state == "done" and one.mine and one.number != best.number]
        others = [
            (one.number, self._folder.trial(one.number) / "weights.safetensors")
            for one in study.in_order(done) if self._ground.key(one.point) == key
        ]  # fmt: skip
        network, device = run.network.to(pick_device()), pick_device()
        rows, train = rows_of(run, "validation"), rows_of(run, "train")
        figure: Callable[[], float | None]
        if run.task is None:
            figure = lambda: created_distance(network, base.packed, rows, run.recipe.seed)  # noqa: E731
        else:
            judge = validation(network, run.task, base.packed, rows, run.recipe.evaluate.metric, device)

            def figure() -> float | None:
                with frozen_statistics(network), torch.inference_mode():
                    value = judge.answer()[judge.primary]
                return value if value == value else None

        mixed = soup(
            network, best.number, others, figure, self._folder.record["better"],
            lambda mean: restated(mean, base.packed, train),
        )  # fmt: skip
        network.to("cpu")
        if mixed.kept:
            run.save_weights(network)
            write_json(run.folder / "soup.json", {"format": 1, **mixed.to_dict()})
            learnt = run.training_task()
            if learnt is not None:
                answer, truth, _ = answers_and_truth(network, learnt, base.packed, rows, device)
                run.task = learnt.finish(answer, truth)
                run.save_task(learnt)
        return mixed

    def _report(self, best: Record, run: Run, compared: Comparison | None, mixed: Soup) -> Report:
        search, record = self._search, self._folder.record
        ranges = self._ground.space.ranges
        records = search.study.records()
        whole = plain(self._ground.recipe(None).model_dump())
        default = next((one for one in records if one.number == 0 and record["starts"] and one.state == "done"), None)
        ended = sum(one.ended for one in records)
        if ended < search.total:
            self._notes.append(f"{ended} of {search.total} trials fitted into the time; give more with --budget.")
        about = {
            "seconds": search.clock(), "budget": str(search.settings.budget), "search": search.settings.search.kind,
            "pruning": search.settings.prune.kind, "jobs": len(search.jobs), "threads": search.settings.threads,
            "steps": search.plan.steps, "trial_budget": str(search.plan.budget), "seed": run.recipe.seed,
        }  # fmt: skip
        return tune_report(
            Story(
                str(self._folder.path), str(run.folder), str(record["primary"]), record["better"], ranges,
                default_values(ranges, whole), records, best, default, search.study.importance(), compared, mixed, about,
                self._notes,
            )
        )  # fmt: skip

    def _kept(self, run: Run, report: Report) -> Tuned:
        """Reports and pages of tune and winner; what only the search needed is let go."""
        self._watch.tell("comparing with baselines")
        run.save_report(report)
        budget = self._search.settings.budget.amount
        left = budget - self._search.clock() - LAST_WORDS
        complete(run, max(1.0, min(left, reserve(budget))))
        write_json(self._folder.path / "reports" / "tune.json", report.to_dict())
        about = {"winner": str(run.folder), "settled": time.strftime("%Y-%m-%d")}
        write_text(self._folder.path / "report.html", page(self._folder.path.name, [report], about))
        for path in self._folder.path.glob("bases/*/packed"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.path.glob("trials/*/weights.safetensors"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self._folder.path / "scratch", ignore_errors=True)
        self._folder.keep(stage="finished", seconds=self._search.clock())
        return Tuned(run, report, self._folder.path)
