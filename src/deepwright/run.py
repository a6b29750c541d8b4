"""Run: the folder that training leaves behind and every verb takes. Readable without this library; nothing in it is executed.

recipe.yaml features.json task.json split.safetensors weights.safetensors checkpoints/ events.jsonl reports/*.json
report.html environment.json
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deepwright import registries
from deepwright.answering import answer_batches, rows_at_once
from deepwright.contracts import Answer, Finding, FittedFeature, FittedTask, Network
from deepwright.core.errors import InputError, RunError, did_you_mean
from deepwright.core.files import place_errors, read_json, write_atomic, write_json, write_text
from deepwright.core.registry import Registry
from deepwright.core.report import Report
from deepwright.data.examples import Examples
from deepwright.data.pack import Packed, pack
from deepwright.data.sources import open_source
from deepwright.data.split import PARTS
from deepwright.data.table import Table, digests, pieces, require_columns
from deepwright.draft import Draft
from deepwright.fields import Batch
from deepwright.preparation import Data, Prepared, open_data
from deepwright.recipe import Recipe

__all__ = ["FORMAT", "Run", "new_folder"]

FORMAT = 1


def new_folder(out: Path, name: str) -> Path:
    """A new numbered folder `out/name-1`, `name-2` …; none is ever reused.

    Raises:
        InputError: no permission, disk full.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    with place_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        taken = [path.name for path in out.iterdir()]
        number = 1 + max((int(m[1]) for t in taken if (m := re.fullmatch(rf"{re.escape(stem)}-(\d+)", t))), default=0)
        while True:
            folder = out / f"{stem}-{number}"
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1


@dataclass
class Run:
    """A trained (or half trained) network with all that belongs to it.

    Args:
        folder: where it lies. data: the opened training data, when it is still in memory.
    """

    folder: Path
    recipe: Recipe
    features: Mapping[str, FittedFeature]
    task: FittedTask | None
    examples: Examples | None = None
    findings: tuple[Finding, ...] = ()
    data: Data | None = field(default=None, repr=False)

    @classmethod
    def create(cls, folder: Path, prepared: Prepared, environment: Mapping[str, Any]) -> "Run":
        """Write everything but the weights."""
        run = cls(folder, prepared.recipe, prepared.features, prepared.task, prepared.data.examples,
                  tuple(prepared.findings), prepared.data)  # fmt: skip
        run.save_recipe()
        stored = {name: {"kind": feature.kind, "state": feature.to_state()} for name, feature in run.features.items()}
        examples = None if run.examples is None else run.examples.model_dump()
        write_json(folder / "features.json", {"format": FORMAT, "features": stored, "examples": examples})
        run.save_task()
        parts = {"parts": torch.from_numpy(prepared.parts)}
        write_atomic(folder / "split.safetensors", lambda part: save_file(parts, part))
        write_json(folder / "findings.json", [vars(finding) for finding in run.findings])
        write_json(folder / "environment.json", {"format": FORMAT, **environment})
        return run

    @classmethod
    def load(cls, folder: str | Path) -> "Run":
        """A run from its folder.

        Raises:
            RunError: no run, a damaged one, or one of a newer format.
        """
        folder = Path(folder)
        if not (folder / "recipe.yaml").exists():
            raise RunError(_no_run(folder))
        with _whole(folder / "recipe.yaml", "Take the folder from a copy."):
            draft = Draft.read(folder / "recipe.yaml")
            _known_format(folder, draft.value)
            lost = [name for name in Recipe.model_fields if name not in draft.value]
            if lost:  # a run's recipe is complete; what is left out would silently be something else
                raise ValueError(f"it is cut short, '{lost[0]}' is not in it")
            recipe = Recipe.from_draft(draft)
        with _whole(folder / "features.json"):
            stored = _known_format(folder, read_json(folder / "features.json"))
            features = {name: _fitted(registries.features, one) for name, one in stored["features"].items()}
            examples = None if stored["examples"] is None else Examples.model_validate(stored["examples"])
        with _whole(folder / "task.json"):
            task = read_json(folder / "task.json")
            fitted = None if task is None else _fitted(registries.tasks, _known_format(folder, task))
        with _whole(folder / "findings.json"):
            told = read_json(folder / "findings.json")
            findings = tuple(Finding(**{**one, "values": tuple(one["values"])}) for one in told)
        return cls(folder, recipe, features, fitted, examples, findings)

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def parts(self) -> np.ndarray:
        """(rows,) int8: 0 train, 1 validation, 2 test, -1 not used."""
        with _whole(self.folder / "split.safetensors"):
            return load_file(self.folder / "split.safetensors")["parts"].numpy()

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, machine and the data's hashes at the time of training."""
        with _whole(self.folder / "environment.json"):
            stored = _known_format(self.folder, read_json(self.folder / "environment.json"))
            return {**stored, "data": {**stored["data"], "files": dict(stored["data"]["files"])}}

    @cached_property
    def network(self) -> Network:
        """The trained network, in evaluation mode.

        Raises:
            RunError: training has not come far enough to leave weights.
        """
        path = self.folder / "weights.safetensors"
        if not path.exists():
            raise RunError(f"The run {self.folder} has no weights yet. Go on with: deepwright resume {self.folder}")
        network = self.fresh_network()
        with _whole(path):
            network.load_state_dict(load_file(path))
        return network.eval()

    def fresh_network(self) -> Network:
        """A network with start weights of the recipe's model."""
        heads = {} if self.task is None else self.task.heads
        model: Any = self.recipe.model
        return model.build(self.features, heads, int((self.parts == PARTS["train"]).sum()))

    def save_weights(self, network: Network) -> None:
        state = {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in network.state_dict().items()
        }
        write_atomic(self.folder / "weights.safetensors", lambda part: save_file(state, part))
        self.__dict__["network"] = network.eval()

    def save_recipe(self) -> None:
        write_text(self.folder / "recipe.yaml", self.recipe.yaml())

    def save_task(self) -> None:
        stored = (
            None if self.task is None else {"format": FORMAT, "kind": self.task.kind, "state": self.task.to_state()}
        )
        write_json(self.folder / "task.json", stored)

    def save_report(self, report: Report) -> Path:
        path = self.folder / "reports" / f"{report.verb}.json"
        write_json(path, report.to_dict())
        return path

    def reports(self) -> list[Report]:
        """All stored reports, the order of their making."""
        paths = sorted((self.folder / "reports").glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        found = []
        for path in paths:
            with _whole(path, "Delete that file; the verb writes it anew."):
                found.append(Report.from_dict(read_json(path)))
        return found

    def events(self) -> list[dict[str, Any]]:
        """What training told; a last line cut short by a crash is left out."""
        path = self.folder / "events.jsonl"
        if not path.exists():
            return []
        with _whole(path):
            lines = path.read_text(encoding="utf-8").split("\n")
            events = [json.loads(line) for line in lines[:-1]]
            if not all("event" in event and "step" in event for event in events):
                raise ValueError("a line without an event")
        return events

    @property
    def state(self) -> str:
        """ "finished", "interrupted" or "unfinished" (or training right now)."""
        stopped = [event for event in self.events() if event["event"] == "stopped"]
        if not stopped or not (self.folder / "weights.safetensors").exists():
            return "unfinished"
        return "interrupted" if stopped[-1]["reason"] == "interrupted" else "finished"

    def moved(self, source: Any) -> "Run":
        """The run with its training data from another place (a path, a frame); unchanged where None.

        Raises:
            RunError: it has another number of rows.
        """
        if source is None:
            return self
        data = open_data(self.recipe, source, examples=self.examples)[0]
        if data.table.height != len(self.parts):
            raise RunError(
                f"{data.table.origin} has {data.table.height} rows, but this run was trained on {len(self.parts)}. "
                "Give the data it was trained on, or evaluate on new data."
            )
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
        changed = [path for path, digest in digests(self.data.table).items() if known.get(path, digest) != digest]
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
        table = open_source(source)[1]
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
        return pack(table.chunks(wanted), table.height, self.features, self.task, targets)

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

        return IntegratedGradients(**settings)(self)

    def attack(self, **settings: Any) -> Report:
        """How little must change to mislead the network, beside random changes; settings as in `PGD`."""
        from deepwright.verbs.attack import PGD

        return PGD(**settings)(self)

    def generate(self, n: int = 16, seed: int = 0, out: str | Path | None = None, **settings: Any) -> Report:
        """New examples, written to the folder `out` with the record of how they were made; settings as in `Generate`."""
        from deepwright.verbs.generate import Generate

        return Generate(n=n, seed=seed, out=None if out is None else Path(out), **settings)(self)

    def report(self) -> Path:
        """Write report.html and say where it is."""
        from deepwright.verbs.report import write_report

        return write_report(self)

    def _repr_html_(self) -> str:
        reports = self.reports()
        return reports[-1]._repr_html_() if reports else f"<p>{self!r}</p>"


_AGAIN = "Take the folder from a copy, or train again: deepwright train {run}/recipe.yaml"


@contextmanager
def _whole(path: Path, help: str = "") -> Iterator[None]:
    """Turn a file of a run that is missing, cut short or changed by hand into a sentence.

    Raises:
        RunError: which file, and what to do.
    """
    run = path.parent.parent if path.parent.name == "reports" else path.parent
    try:
        yield
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"The run {run} is damaged: {path.name} is missing. {help or _AGAIN.format(run=run)}") from error
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        SafetensorError,
        InputError,
    ) as error:
        why = (str(error).splitlines() or [""])[0][:200].rstrip(".")
        if isinstance(error, LookupError | TypeError | AttributeError):
            why = "it holds something else than it should"
        kind = "" if isinstance(error, InputError) else f"{path.name} cannot be read: "
        raise RunError(f"The run {run} is damaged: {kind}{why}. {help or _AGAIN.format(run=run)}") from error


def _known_format(folder: Path, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises RunError: it was written by a newer version."""
    number = stored.get("format", FORMAT)
    if isinstance(number, int) and number > FORMAT:
        raise RunError(
            f"The run {folder} was written by a newer version (format {number}; this one knows {FORMAT}). "
            "Update with: pip install --upgrade deepwright"
        )
    return stored


def _fitted(registry: Registry, stored: Mapping[str, Any]) -> Any:
    """A fitted feature or task from its stored kind and state."""
    settings: Any = registry.get(stored["kind"])
    return settings.fitted.from_state(stored["state"])


def _no_run(folder: Path) -> str:
    if not folder.exists():
        near = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        hint = did_you_mean(folder.name, near) if near else "Train one with: deepwright train DATA"
        return f"There is no run {folder}. {hint}"
    inner = sorted(path.name for path in folder.iterdir() if (path / "recipe.yaml").exists()) if folder.is_dir() else []
    if inner:
        return f"{folder} is a folder of runs, not a run. Name one of them: {', '.join(inner[:10])}."
    return f"{folder} is no run: it has no recipe.yaml."
