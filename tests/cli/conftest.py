"""The command line in process, and runs to ask."""

import contextlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.cli.main import run

Cli = Callable[..., "Said"]
BUDGET = ("--budget", "15steps")


@dataclass(frozen=True)
class Said:
    """What a command gave: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> str:
        """The sentence of a refusal: exit code 2, no traceback, nothing on standard output; `words` are in it."""
        assert self.code == 2, (self.code, self.err)
        assert "Traceback" not in self.err
        assert "something went wrong" not in self.err
        assert self.out == ""
        (sentence,) = [line for line in ("\n" + self.err).split("\nError: ")[1:]] or [""]
        for word in words:
            assert word in sentence, (word, sentence)
        return sentence


def invoke(*words: object) -> Said:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stop:
        run([str(word) for word in words])
    return Said(int(stop.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def cli() -> Cli:
    return invoke


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flats(rows: int = 120) -> pl.DataFrame:
    """Columns `größe` (number), `lage` (label), `y` (number) and `teuer` (label) that follow from them."""
    chance = np.random.default_rng(0)
    size, place = chance.integers(20, 150, rows), chance.integers(0, 3, rows)
    price = size * (10 + place) + chance.normal(0, 20, rows)
    names = np.array(["Stadt", "Land", "Küste"])[place]
    return pl.DataFrame({"größe": size, "lage": names, "y": price, "teuer": np.where(price > 900, "ja", "nein")})


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "flats.csv"
    flats().write_csv(path)
    return path


@pytest.fixture(scope="session")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs: "number" (target y), "label" (target teuer), "id" (target y, three rows an example)."""
    out = tmp_path_factory.mktemp("runs")
    long = pl.concat([flats().with_row_index("flat").with_columns(visit=pl.lit(k)) for k in range(3)])
    long = long.with_columns(offer=pl.col("y") * 0.9 + pl.col("visit")).sort("visit", "flat", descending=[False, True])
    long.write_csv(table.with_name("long.csv"))
    for name, source, words in (
        ("number", table, ("--target", "y", "--ignore", "teuer")),
        ("label", table, ("--target", "teuer", "--ignore", "y")),
        ("id", table.with_name("long.csv"), ("--target", "y", "--ignore", "teuer", "--id", "flat")),
    ):
        said = invoke("train", source, *words, *BUDGET, "--quiet", "-o", out / name)
        assert (said.code, said.out, said.err) == (0, "", "")
    return {name: next((out / name).iterdir()) for name in ("number", "label", "id")}


@pytest.fixture
def number_run(trained: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the run with the target y, to be harmed."""
    return Path(shutil.copytree(trained["number"], tmp_path / "runs" / "flats-1"))
