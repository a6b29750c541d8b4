"""Runs that are missing, harmed, newer, unfinished or without their data."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deepwright.core.errors import RunError
from deepwright.run import Run
from tests.cli.conftest import BUDGET, Cli, flats

FILES = ["recipe.yaml", "features.json", "task.json", "findings.json", "split.safetensors", "weights.safetensors",
         "environment.json", "events.jsonl", "reports/evaluate.json"]  # fmt: skip
HARMS = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "other JSON": lambda path: path.write_text("[1, 2]\n"),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", FILES)
def test_a_harmed_file_is_named_in_a_sentence(
    cli: Cli, here: Path, number_run: Path, table: Path, name: str, harm: str
) -> None:
    HARMS[harm](number_run / name)
    said = {
        "predict": cli("predict", number_run, table),
        "report": cli("report", number_run),
        "runs": cli("runs", "runs"),
    }
    for verb, one in said.items():
        assert one.code in (0, 2), (verb, one.err)
        assert "Traceback" not in one.err
    assert said["runs"].code == 0
    if name not in ("events.jsonl",) or harm not in ("emptied", "cut"):  # a log cut short is what a crash leaves
        needed = [one for one in said.values() if one.code == 2]
        if name in (
            "split.safetensors",
            "weights.safetensors",
            "reports/evaluate.json",
            "environment.json",
            "events.jsonl",
        ):
            assert needed, "some verb needs this file"
        else:
            assert said["predict"].code == 2
            assert "damaged" in said["runs"].out
        for one in needed:
            assert Path(name).name in one.err
            assert "damaged" in one.err


@pytest.mark.parametrize(
    "name", ["features.json", "task.json", "findings.json", "split.safetensors", "environment.json"]
)
def test_a_missing_file_is_named_in_a_sentence(cli: Cli, number_run: Path, table: Path, name: str) -> None:
    (number_run / name).unlink()
    verb = ("report", number_run) if name == "environment.json" else ("predict", number_run, table)
    cli(*verb).refused("is damaged", f"{name} is missing", "deepwright train")


@pytest.mark.parametrize("name", ["features.json", "task.json", "environment.json"])
def test_one_flipped_bit_of_a_record_is_noticed(cli: Cli, number_run: Path, table: Path, name: str) -> None:
    """A digit that became another one is still JSON."""
    path = number_run / name
    text = path.read_text(encoding="utf-8")
    place = text.rindex("4", 0, text.index('"seal"'))
    path.write_text(text[:place] + "5" + text[place + 1 :], encoding="utf-8")
    verb = ("report", number_run) if name == "environment.json" else ("predict", number_run, table)
    cli(*verb).refused("is damaged", f"{name} cannot be read: its content is not what was written")


@pytest.mark.parametrize("name", ["recipe.yaml", "features.json", "task.json", "environment.json"])
def test_a_newer_format_is_told_so(cli: Cli, number_run: Path, table: Path, name: str) -> None:
    path = number_run / name
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("format: 1", "format: 2").replace('"format": 1', '"format": 2'), encoding="utf-8")
    verb = ("report", number_run) if name == "environment.json" else ("predict", number_run, table)
    cli(*verb).refused("was written by a newer version (format 2; this one knows 1)", "pip install --upgrade")


def test_weights_of_another_network_are_told_so(
    cli: Cli, number_run: Path, trained: dict[str, Path], table: Path
) -> None:
    shutil.copy(trained["label"] / "weights.safetensors", number_run)
    cli("predict", number_run, table).refused("do not fit the network of its recipe", "Train again")


def test_a_path_that_is_no_run(cli: Cli, here: Path, number_run: Path, table: Path) -> None:
    for verb in (("predict", "x", table), ("evaluate", "x"), ("report", "x"), ("resume", "x"), ("explain", "x"), ("attack", "x"),
                 ("generate", "x")):  # fmt: skip
        cli(verb[0], "runs/flat-1", *verb[2:]).refused("There is no run runs/flat-1. Did you mean 'flats-1'?")
        cli(verb[0], "runs", *verb[2:]).refused("runs is a folder of runs, not a run. Name one of them: flats-1.")
        cli(verb[0], table, *verb[2:]).refused("is no run: it has no recipe.yaml")
    cli("runs", "nothing").refused("There is no folder nothing.")
    Path("none").mkdir()
    assert "There are no runs in none." in cli("runs", "none").out


def test_verbs_that_do_not_fit_say_so(cli: Cli, number_run: Path) -> None:
    cli("generate", number_run).refused("answers, it does not create", "--task generate")
    cli("resume", number_run).refused("is finished", "deepwright train")
    cli("attack", number_run, "--epsilon", "7").refused("7.0 is not in the range")


def test_a_run_without_weights_says_how_to_go_on(cli: Cli, here: Path, number_run: Path, table: Path) -> None:
    (number_run / "weights.safetensors").unlink()
    assert cli("predict", number_run, table).code == 0, "the best network of its checkpoint answers"
    shutil.rmtree(number_run / "checkpoints")
    for verb in (("predict", number_run, table), ("evaluate", number_run), ("report", number_run)):
        cli(*verb).refused("has no weights yet", "Go on with: deepwright resume")
    assert "unfinished" in cli("runs").out


def test_data_that_moved_or_changed_is_told_and_can_be_given_anew(cli: Cli, here: Path) -> None:
    flats().write_csv("flats.csv")
    assert cli("train", "flats.csv", "--target", "y", *BUDGET, "--quiet").code == 0
    run = Path("runs/flats-1")
    before = json.loads(cli("evaluate", run, "--json", "--no-baselines").out)
    Path("flats.csv").rename("moved.csv")
    cli("evaluate", run).refused("The data this run was trained on is gone", "flats.csv", "--data")
    again = json.loads(cli("evaluate", run, "--data", "moved.csv", "--json", "--no-baselines").out)
    assert again["metrics"] == before["metrics"]
    flats().sort("y").write_csv("flats.csv")  # as many rows, but in another order: others would be tested
    cli("evaluate", run).refused("has changed", "flats.csv", "--data")
    cli("evaluate", run, "--data", "flats.csv").refused("in another order")
    flats(100).write_csv("flats.csv")
    cli("evaluate", run).refused("has changed", "flats.csv", "--data")
    cli("evaluate", run, "--data", "flats.csv").refused("flats.csv has 100 rows, but this run was trained on 120.")
    said = cli("evaluate", run, "flats.csv", "--json")
    assert (json.loads(said.out)["split"], json.loads(said.out)["n"]) == ("new data", 100)
    assert json.loads(said.out)["baselines"].keys() == {"constant"}
    assert any("Only the constant baseline" in note for note in json.loads(said.out)["notes"])
    assert not any("was trained on: figures" in note for note in json.loads(said.out)["notes"])
    said = cli("evaluate", run, "moved.csv", "--json", "--no-baselines")
    assert any("This is the data the run was trained on: figures" in note for note in json.loads(said.out)["notes"])


def test_a_run_that_is_fine_says_nothing(number_run: Path) -> None:
    Run.load(number_run)
    with pytest.raises(RunError):
        Run.load(number_run.parent)


def test_a_run_that_another_process_trains_is_left_to_it(cli: Cli, number_run: Path, table: Path) -> None:
    script = "import sys; from pathlib import Path; from deepwright.core.lock import locked\n"
    script += (
        "with locked(Path(sys.argv[1]), 'deepwright resume runs/flats-1'): print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", script, str(number_run)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        who = f"is in use by process {other.pid} on {socket.gethostname()} since 20"
        cli("resume", number_run).refused(
            who, "(deepwright resume runs/flats-1)", "Wait for it, or stop that process first."
        )
        assert cli("predict", number_run, table).code == 0, "who only reads needs no lock"
        other.communicate("")
    cli("resume", number_run).refused("is finished")
