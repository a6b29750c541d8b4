"""Run: the folder that training leaves behind and every verb takes. Readable without this library; nothing in it is executed.

recipe.yaml features.json task.json split.safetensors weights.safetensors checkpoints/ events.jsonl reports/*.json
report.html environment.json; of a branch start.safetensors
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from deepwright import registries
from deepwright.answering import answer_batches, rows_at_once
from deepwright.contracts import Answer, Finding, FittedFeature, FittedTask, Network
from deepwright.core.errors import RunError
from deepwright.core.files import read_json, write_json, write_text
from deepwright.core.registry import Registry
from deepwright.core.report import Report
from deepwright.core.sealed import write_sealed
from deepwright.data.decimals import with_sign
from deepwright.data.examples import Examples
from deepwright.data.pack import Packed, pack
from deepwright.data.room import at_once
from deepwright.data.sameness import check_same
from deepwright.data.sources import open_source
from deepwright.data.split import PARTS
from deepwright.data.table import Table, digests, pieces, require_columns
from deepwright.draft import Draft, configured
from deepwright.fields import Batch
from deepwright.preparation import Data, Prepared, open_data
from deepwright.recipe import Recipe
from deepwright.run_folder import FORMAT, known_format, new_folder, no_run, read_stored, whole
from deepwright.training.checkpoint import best_so_far
from deepwright.training.journal import parse
from deepwright.training.tensor_files import read_tensors, write_tensors

__all__ = ["FORMAT", "Run", "new_folder"]

START = "start.safetensors"


@dataclass
class Run:
    """A trained (or half trained) network with all that belongs to it.

    Args:
        folder: where it lies. data: the opened training data, when it is still in memory.
        reopened: hash and step of the weights at work where they are kept ones, from before it was trained further.
    """

    folder: Path
    recipe: Recipe
    features: Mapping[str, FittedFeature]
    task: FittedTask | None
    examples: Examples | None = None
    findings: tuple[Finding, ...] = ()
    data: Data | None = field(default=None, repr=False)
    reopened: tuple[str, int | None] | None = field(default=None, repr=False)

    @classmethod
    def create(
        cls, folder: Path, prepared: Prepared, environment: Mapping[str, Any], start: Mapping[str, torch.Tensor] | None = None
    ) -> "Run":  # fmt: skip
        """Write everything but the weights; the recipe comes last, for a folder without one is no run.

        Args:
            start: the weights to begin with, of a branch.
        """
        run = cls(folder, prepared.recipe, prepared.features, prepared.task, prepared.data.examples,
                  tuple(prepared.findings), prepared.data)  # fmt: skip
        stored = {name: {"kind": feature.kind, "state": feature.to_state()} for name, feature in run.features.items()}
        examples = None if run.examples is None else run.examples.model_dump()
        write_sealed(folder / "features.json", {"format": FORMAT, "features": stored, "examples": examples})
        run.save_task()
        write_tensors(folder / "split.safetensors", {"parts": torch.from_numpy(prepared.parts)})
        write_json(folder / "findings.json", [vars(finding) for finding in run.findings])
        write_sealed(folder / "environment.json", {"format": FORMAT, **environment})
        if start is not None:
            write_tensors(folder / START, start)
        run.save_recipe()
        return run

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """A run from its folder.

        Raises:
            RunError: no run, a damaged one, or one of a newer format.
        """
        folder = Path(folder)
        if not (folder / "recipe.yaml").exists():
            raise RunError(no_run(folder))
        with whole(folder / "recipe.yaml", "Take the folder from a copy."):
            draft = Draft.read(folder / "recipe.yaml")
            known_format(folder, draft.value)
            lost = [name for name in Recipe.model_fields if name not in draft.value]
            if lost:  # a run's recipe is complete; what is left out would silently be something else
                raise ValueError(f"it is cut short, '{lost[0]}' is not in it")
            recipe = Recipe.from_draft(draft)
        with whole(folder / "features.json"):
            stored = read_stored(folder / "features.json")
            features = {name: _fitted(registries.features, one) for name, one in stored["features"].items()}
            examples = None if stored["examples"] is None else Examples.model_validate(stored["examples"])
        with whole(folder / "task.json"):
            task = read_stored(folder / "task.json")
            fitted = None if task is None else _fitted(registries.tasks, task)
        with whole(folder / "findings.json"):
            told = read_json(folder / "findings.json")
            findings = tuple(Finding(**{**one, "values": tuple(one["values"])}) for one in told)
        return cls(folder, recipe, features, fitted, examples, findings)

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def parts(self) -> np.ndarray:
        """(rows,) int8: 0 train, 1 validation, 2 test, -1 not used."""
        with whole(self.folder / "split.safetensors"):
            return read_tensors(self.folder / "split.safetensors")[0]["parts"].numpy()

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, machine and the data's hashes at the time of training."""
        with whole(self.folder / "environment.json"):
            stored = read_stored(self.folder / "environment.json")
            return {**stored, "data": {**stored["data"], "files": dict(stored["data"]["files"])}}

    @cached_property
    def start(self) -> Mapping[str, torch.Tensor] | None:
        """The weights that training begins with, where it is a branch of another run."""
        path = self.folder / START
        if not path.exists():
            return None
        with whole(path):
            return read_tensors(path)[0]

    @cached_property
    def network(self) -> Network:
        """The trained network, in evaluation mode; of a training that is not at its end, the best so far.

        Raises:
            RunError: training has not come far enough to leave weights, or they fit another network.
        """
        network, tensors = self.fresh_network(), self._weights()
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise RunError(
                f"The weights of {self.folder} do not fit the network of its recipe: recipe.yaml was changed by hand, or "
                f"another version made the run. Train again: deepwright train {self.folder}/recipe.yaml"
            ) from error
        return network.eval()

    def _weights(self) -> Mapping[str, torch.Tensor]:
        path = self.folder / "weights.safetensors"
        if self.state == "unfinished":  # what lies there may be of an earlier interrupt
            best = best_so_far(self.folder, self.task is not None)
            if best:
                return best
        if not path.exists():
            raise RunError(
                f"The run {self.folder} has no weights yet: no checkpoint holds a network that was validated. "
                f"Go on with: deepwright resume {self.folder}"
            )
        with whole(path):
            return read_tensors(path)[0]

    @property
    def remark(self) -> str | None:
        """What has to be known of its answers where training has not come to its end."""
        events = self.events()
        if not events or self.state_after(events) == "finished":
            return None
        of = f" of {events[-1]['total']}" if "total" in events[-1] else ""
        return (
            f"Training has not come to its end (step {events[-1]['step']}{of}): this is the best network so far. "
            f"Go on with: deepwright resume {self.folder}"
        )

    def fresh_network(self) -> Network:
        """A network with start weights of the recipe's model."""
        heads = {} if self.task is None else self.task.heads
        model: Any = self.recipe.model
        rows = int((self.parts == PARTS["train"]).sum())
        return model.build(self.features, heads, rows, self.recipe.conditions)

    @property
    def created(self) -> dict[str, FittedFeature]:
        """The columns that a run which creates makes."""
        return {name: one for name, one in self.features.items() if name not in self.recipe.conditions}

    def save_environment(self, **more: Any) -> None:
        """Add to what environment.json holds."""
        self.__dict__["environment"] = {**self.environment, **more}
        write_sealed(self.folder / "environment.json", self.environment)

    def save_weights(self, network: Network) -> None:
        write_tensors(self.folder / "weights.safetensors", network.state_dict())
        self.__dict__["network"] = network.eval()

    def save_recipe(self) -> None:
        write_text(self.folder / "recipe.yaml", self.recipe.yaml())

    def save_task(self, learnt: FittedTask | None = None) -> None:
        """Write the task.

        Args:
            learnt: the task as it was while the network learnt, when validation answers taught it more since.
        """
        stored: dict[str, Any] | None = None
        if self.task is not None:
            stored = {"format": FORMAT, "kind": self.task.kind, "state": self.task.to_state()}
            if learnt is not None and learnt != self.task:
                stored["learnt"] = learnt.to_state()
        write_sealed(self.folder / "task.json", stored)

    def training_task(self) -> FittedTask | None:
        """The task as it is while the network learns: a training that goes on must not see what came after it."""
        with whole(self.folder / "task.json"):
            stored = read_stored(self.folder / "task.json")
            if stored is None:
                return None
            return _fitted(registries.tasks, {"kind": stored["kind"], "state": stored.get("learnt", stored["state"])})

    def save_report(self, report: Report) -> Path:
        path = self.folder / "reports" / f"{report.verb}.json"
        write_json(path, report.to_dict())
        return path

    def reports(self) -> list[Report]:
        """All stored reports, the order of their making."""
        paths = sorted((self.folder / "reports").glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        found = []
        for path in paths:
            with whole(path, "Delete that file; the verb writes it anew."):
                found.append(Report.from_dict(read_json(path)))
        return found

    def events(self) -> list[dict[str, Any]]:
        """What training told; a last line cut short by a crash is left out."""
        path = self.folder / "events.jsonl"
        if not path.exists():
            return []
        with whole(path, f"Mend it with: deepwright resume {self.folder}"):
            events, harmed = parse(path.read_text(encoding="utf-8"))
            if harmed:
                raise ValueError("a line holds no event")
        return events

    @property
    def state(self) -> str:
        """ "finished", "interrupted" or "unfinished" (or training right now)."""
        return self.state_after(self.events())

    def state_after(self, events: Sequence[Mapping[str, Any]]) -> str:
        """The state that these events tell of."""
        stopped = [event for event in events if event["event"] in ("stopped", "kept")][-2:]
        whole = [event["event"] for event in stopped] == ["stopped", "kept"]
        if not whole or not (self.folder / "weights.safetensors").exists():
            return "unfinished"
        return "interrupted" if stopped[0]["reason"] == "interrupted" else "finished"

    def moved(self, source: Any) -> "Run":
        """The run with its training data from another place (a path, a frame); unchanged where None.

        Raises:
            RunError: it has another number of rows, or other targets.
        """
        if source is None:
            return self
        data = open_data(self.recipe, source, examples=self.examples)[0]
        check_same(data.table, len(self.parts), self.task, self.environment["data"].get("targets"))
        return replace(self, data=data)

    def training_data(self) -> Data:
        """The data this run was trained on.

        Raises:
            RunError: it moved or changed since.
        """
        if self.data is not None:
            return self.data
        if self.recipe.data.source is None:
            raise RunError(
                "The data this run was trained on was handed over in memory and is gone. "
                "Hand it over again, give it as a file with --data, or give data to evaluate on."
            )
        known = self.environment["data"]["files"]
        for path in known:
            if not Path(path).exists():
                raise RunError(
                    f"The data this run was trained on is gone: {path}. Give its new place with --data, or data to evaluate on."
                )
        self.data = open_data(self.recipe, examples=self.examples)[0]
        changed = [path for path, digest in digests(self.data.table).items() if known.get(path) != digest]
        if changed or self.data.table.height != len(self.parts):
            where = changed[0] if changed else self.data.table.origin
            self.data = None
            raise RunError(
                f"The data this run was trained on has changed: {where}. Give the old one with --data, or data to evaluate on."
            )
        return self.data

    def open(self, source: Any) -> Table:
        """New data, one row an example.

        Raises:
            DataError: an input column is missing.
        """
        table = with_sign(open_source(source)[1], getattr(self.recipe.data.source, "decimal", "."))
        if self.examples is not None:
            table = self.examples.apply(table)
        require_columns(table, list(self.features), "an input of this run")
        return table

    def pack(self, table: Table, rows: np.ndarray | None = None) -> Packed:
        """Encoded examples of a table (of some of its rows)."""
        targets = () if self.task is None else self.task.targets
        wanted = [*self.features, *(name for name in targets if name in table.columns)]
        if rows is not None:
            return pack(iter([table.take(rows, wanted)]), len(rows), self.features, self.task, targets)
        return pack(table.chunks(wanted, at_once(len(wanted))), table.height, self.features, self.task, targets)

    def batches(self, table: Table) -> Iterator[tuple[pl.DataFrame, Batch]]:
        """Raw and encoded rows of a table, piece by piece: memory holds one piece."""
        targets = () if self.task is None else self.task.targets
        for _, chunk in pieces(table, np.arange(table.height)):
            packed = pack(iter([chunk]), chunk.height, self.features, self.task, targets)
            batch = packed.take(torch.arange(chunk.height))
            size = rows_at_once(batch.inputs)
            for start in range(0, chunk.height, size):
                yield chunk.slice(start, size), batch[slice(start, start + size)]

    def answer(self, batches: Batch | Iterator[Batch]) -> Answer:
        """The task's answers to encoded examples."""
        assert self.task is not None
        return answer_batches(self.network, self.task, [batches] if isinstance(batches, Batch) else batches)

    def predict(self, source: Any, with_inputs: bool = False) -> Any:
        """Answers for new rows, one row an example: a frame (pandas for a pandas frame, otherwise polars)."""
        from deepwright.verbs.predict import predict

        frame = predict(self, source, with_inputs)
        return frame.to_pandas() if type(source).__module__.split(".")[0] == "pandas" else frame

    def evaluate(self, source: Any = None) -> Report:
        """Figures with intervals and baselines, on the stored test rows or on new data."""
        from deepwright.verbs.evaluate import Evaluate

        return Evaluate(on=source)(self)

    def explain(self, **settings: Any) -> Report:
        """What moved the answers, beside a random order as a control; settings as in `IntegratedGradients`."""
        from deepwright.verbs.explain import IntegratedGradients

        return configured(IntegratedGradients, settings)(self)

    def attack(self, **settings: Any) -> Report:
        """How little must change to mislead the network, beside random changes; settings as in `PGD`."""
        from deepwright.verbs.attack import PGD

        return configured(PGD, settings)(self)

    def generate(self, out: str | Path | None = None, **settings: Any) -> Report:
        """New examples, written with the record of how they were made; settings as in `Generate`: n, seed, reopen …"""
        from deepwright.verbs.generate import Generate

        return configured(Generate, settings if out is None else {"out": Path(out), **settings})(self)

    def reproduce(self, data: Any = None, **settings: Any) -> Report:
        """Whether the run comes out the same when it is trained again, bit for bit; see `deepwright.reproduce`."""
        from deepwright.verbs.reproduce.reproduce import reproduce

        return reproduce(self, data, **settings)

    def report(self, out: str | Path | None = None, rows: bool = True) -> Path:
        """Write report.html (or `out`) and say where it is; `rows`: with raw rows and pictures."""
        from deepwright.verbs.report import write_report

        return write_report(self, None if out is None else Path(out), rows)

    def _repr_html_(self) -> str:
        """How good it is, for a notebook; else what was asked of it last."""
        reports = {report.verb: report for report in self.reports()}
        shown = reports.get("evaluate") or next(reversed(reports.values()), None)
        return f"<p>{html.escape(repr(self))}</p>" if shown is None else shown._repr_html_()


def _fitted(registry: Registry, stored: Mapping[str, Any]) -> Any:
    """A fitted feature or task from its stored kind and state."""
    settings: Any = registry.get(stored["kind"])
    return settings.fitted.from_state(stored["state"])
