"""Places that cannot be written to or read: a sentence, exit code 2, and whatever was there stays."""

import builtins
import errno
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import BUDGET, Cli, flats

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
Break = Callable[[], None]


def broken(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Opening or putting in place any file whose name holds `name` fails."""
    opened, moved = builtins.open, os.replace

    def raised(path: object) -> None:
        if name in Path(str(path)).name:
            raise OSError(number, os.strerror(number), str(path))

    def opening(file, *args, **kwargs):  # type: ignore[no-untyped-def]
        mode = args[0] if args else kwargs.get("mode", "r")
        if isinstance(file, str | Path) and any(sign in mode for sign in "wax+"):
            raised(file)
        return opened(file, *args, **kwargs)

    def moving(source, target):  # type: ignore[no-untyped-def]
        raised(target)
        return moved(source, target)

    monkeypatch.setattr(builtins, "open", opening)
    monkeypatch.setattr("deepwright.core.files.os.replace", moving)


@pytest.mark.parametrize(
    ("name", "number", "told"),
    [
        (
            "recipe.yaml",
            errno.ENOSPC,
            "recipe.yaml: the disk is full. Free some space, or choose another place with --out",
        ),
        ("events.jsonl", errno.ENOSPC, "events.jsonl: the disk is full"),
        ("step-", errno.ENOSPC, "the disk is full"),
        ("weights.safetensors", errno.EDQUOT, "weights.safetensors: your disk quota is used up"),
        ("recipe.yaml", errno.EACCES, "recipe.yaml: there is no permission to write there"),
        ("recipe.yaml", errno.EROFS, "recipe.yaml: the disk is read-only"),
    ],
)
def test_training_on_a_disk_that_fails(
    cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, told: str
) -> None:
    broken(monkeypatch, name, number)
    words = ("train", table, "--target", "y", *BUDGET, "--set", "train.checkpoint_seconds=0.000001")
    cli(*words).refused(told)


def test_a_report_or_answers_on_a_full_disk(
    cli: Cli, here: Path, number_run: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.csv").write_text("old", encoding="utf-8")
    page = (number_run / "report.html").read_bytes()
    broken(monkeypatch, "a.csv", errno.ENOSPC)
    cli("predict", number_run, table, "-o", "a.csv", "--force").refused("Cannot write a.csv: the disk is full")
    broken(monkeypatch, "report.html", errno.ENOSPC)
    cli("report", number_run).refused("report.html: the disk is full")
    assert Path("a.csv").read_text(encoding="utf-8") == "old"
    assert (number_run / "report.html").read_bytes() == page
    assert not list(here.rglob("*.part"))


@pytest.mark.parametrize("error", [FULL, pl.exceptions.ComputeError("parquet: No space left on device (os error 28)")])
def test_a_large_table_on_a_full_disk(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    flats().write_csv("flats.csv")
    monkeypatch.setattr("deepwright.data.sources.csv._IN_MEMORY", 100)

    def full(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("polars.LazyFrame.sink_parquet", full)
    cli("train", "flats.csv", "--target", "y", *BUDGET).refused("The disk is full: to read flats.csv", "TMPDIR")
    assert not Path("runs").exists()


def test_no_permission_to_read(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flats().write_csv("flats.csv")
    opened = builtins.open

    def forbidden(file, *args, **kwargs):  # type: ignore[no-untyped-def]
        if str(file).endswith("flats.csv"):
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return opened(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", forbidden)
    cli("train", "flats.csv", "--target", "y", *BUDGET).refused("There is no permission to read flats.csv.")


def test_a_file_where_a_folder_should_be(cli: Cli, here: Path, number_run: Path, table: Path) -> None:
    Path("file").write_text("", encoding="utf-8")
    cli("train", table, "--target", "y", *BUDGET, "-o", "file").refused(
        "Cannot write file: a part of the path is a file"
    )
    cli("train", table, "--target", "y", *BUDGET, "-o", "file/runs").refused("a part of the path is a file")
    cli("predict", number_run, table, "-o", "file/a.csv").refused("a part of the path is a file")
    cli("report", number_run, "-o", "file/report.html").refused("a part of the path is a file")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_place_where_nothing_can_be_made(cli: Cli, here: Path, number_run: Path, table: Path) -> None:
    cli("train", table, "--target", "y", *BUDGET, "-o", "/proc/runs").refused("Cannot write /proc/runs: ")
    cli("predict", number_run, table, "-o", "/proc/a.csv").refused("Cannot write /proc/a.csv: ")


def test_memory_that_is_not_enough(cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def much(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr("deepwright.preparation.pack", much)
    cli("train", table, "--target", "y", *BUDGET).refused("The memory is not enough.", "--set train.batch")


def test_a_run_is_no_data(cli: Cli, here: Path, number_run: Path) -> None:
    said = cli("train", number_run, "--target", "y")
    said.refused(f"{number_run} is a run, not data.", f"deepwright train {number_run / 'recipe.yaml'}")
