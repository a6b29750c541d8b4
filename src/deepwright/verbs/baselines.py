"""Baselines beside every network: a constant, a linear model, histogram gradient boosting on flat columns.

The estimators run in a child process with a time limit of their own; arrays travel through files, never as objects.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import Answer, FittedFeature, FittedTask
from deepwright.core.files import read_json
from deepwright.core.memory import resident
from deepwright.core.seeds import derive
from deepwright.core.size import Size
from deepwright.data.table import Table, pieces
from deepwright.fields import Fields

__all__ = ["MOST_ROWS", "Baselines", "baselines"]

MOST_ROWS = 50_000
STEPS = (MOST_ROWS, 20_000, 10_000, 5_000, 2_000, 1_000)  # rows, where memory is short
CHILD = 300_000_000  # bytes that their process takes before it learns
A_CELL = 48  # bytes for each cell learnt from: the copies that estimators make
NAMES = ("linear", "boosting")
LARGEST = 1e30  # estimators refuse what is infinite in float32


@dataclass
class Baselines:
    """Answers of each baseline to the test rows, and what could not be done, in words."""

    answers: dict[str, Answer] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak: int = 0  # bytes of memory that their process took


def write_flat(path: Path, features: Mapping[str, FittedFeature], table: Table, rows: np.ndarray) -> None:
    """Every feature's cheap columns side by side, (n, D) float32 in a .npy file; memory holds one piece."""
    with open(path, "wb") as file:
        for _, frame in pieces(table, rows, list(features)):
            columns = [
                feature.baseline_columns(frame[name]).cast(pl.Float32).to_numpy() for name, feature in features.items()
            ]
            block = np.clip(np.concatenate(columns, 1), -LARGEST, LARGEST)
            if not file.tell():
                shape = (len(rows), block.shape[1])
                header = {"descr": np.lib.format.dtype_to_descr(block.dtype), "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(block).data)


def baselines(
    features: Mapping[str, FittedFeature], task: FittedTask, train: tuple[Table, np.ndarray], test: tuple[Table, np.ndarray],
    test_targets: Fields, seconds: float, seed: int = 0, memory: Size | None = None,
) -> Baselines:  # fmt: skip
    """Learn on training rows (at most 50,000), answer the test rows.

    Args:
        train, test: tables and the rows to use. seconds: the allowance.
        memory: that this process and theirs may take together; they learn from fewer rows then.
    """
    began = time.monotonic()
    result = Baselines({"constant": task.constant(test_targets)})
    table, rows = train
    most = _affordable(memory, features, table)
    if not most:
        result.notes.append(f"Only the constant baseline: --memory {memory} leaves no room for the others.")
        return result
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(derive(seed, "baselines")).permutation(rows)[:most])
        result.notes.append(f"Baselines learnt from {most} of {len(train[1])} training rows.")
    targets = task.encode(table.take(rows, task.targets))
    kind, known = task.table(targets)
    here = torch.ones(len(rows), dtype=torch.bool)
    for target in targets.values():
        here &= here if target.present is None else target.present
    with tempfile.TemporaryDirectory(prefix="deepwright-") as scratch:
        place = Path(scratch)
        write_flat(place / "train.npy", features, table, rows[here.numpy()])
        write_flat(place / "test.npy", features, *test)
        np.savez(
            place / "in.npz",
            known=known[here].numpy(),
            labels=np.array(kind == "labels"),
            classes=np.array([_classes(task, known)]),
        )
        left = seconds - (time.monotonic() - began)
        failures = _run(place, left)
        if (place / "peak.json").exists():
            result.peak = int(read_json(place / "peak.json"))
        for name in NAMES:
            path = place / f"{name}.npy"
            if path.exists():
                result.answers[name] = task.from_table(torch.from_numpy(np.load(path, allow_pickle=False)))
            elif name in failures:
                result.notes.append(f"The baseline '{name}' failed: {failures[name]}.")
            else:
                result.notes.append(f"The baseline '{name}' did not finish within its {seconds:.0f} s.")
    result.seconds = time.monotonic() - began
    return result


def _affordable(memory: Size | None, features: Mapping[str, FittedFeature], table: Table) -> int:
    """Training rows that the baselines may learn from; 0 where there is no room for their process."""
    if memory is None:
        return MOST_ROWS
    left = memory.bytes - resident() - CHILD
    first = next(table.chunks(list(features), 8))
    width = sum(feature.baseline_columns(first[name]).width for name, feature in features.items())
    return next((rows for rows in STEPS if rows * width * A_CELL <= left), 0)


def _classes(task: FittedTask, known: Tensor) -> int:
    return max(2, *task.heads.values()) if known.shape[1] == 1 else 2


def _run(place: Path, seconds: float) -> dict[str, str]:
    """The child writes one file a baseline; past its time it is ended. Gives why those failed that did."""
    command = [sys.executable, "-m", "deepwright.verbs.estimators", str(place), *NAMES]
    with _lifeline() as line:
        child = subprocess.Popen(
            command, stdin=line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        try:
            _, errors = child.communicate(timeout=max(1.0, seconds))
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return {}
        except BaseException:
            child.kill()
            child.communicate()
            raise
    if not child.returncode:
        return {}
    told = dict(line.split(": ", 1) for line in errors.splitlines() if line.partition(": ")[0] in NAMES)
    last = (errors.strip().splitlines() or [f"its process ended with code {child.returncode}"])[-1]
    return {name: told.get(name, last).rstrip(".") for name in NAMES}


@contextmanager
def _lifeline() -> Iterator[IO[bytes]]:
    """What a child reads as its standard input: it is closed however this process ends, and the child ends with it."""
    theirs, ours = os.pipe()
    with open(theirs, "rb", buffering=0) as reader, open(ours, "wb", buffering=0):
        yield reader
