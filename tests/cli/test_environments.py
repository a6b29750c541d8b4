"""Plain locales, missing POSIX modules, and what is imported when."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

HEAVY = ("torch", "polars", "pydantic", "numpy", "sklearn", "pandas", "scipy", "rich", "yaml")
POSIX = ("fcntl", "resource", "pwd", "grp", "termios", "syslog", "posix_ipc")
BLOCK = f"""
import builtins
plain = builtins.__import__
def hiding(name, globals=None, locals=None, fromlist=(), level=0):
    who = (globals or {{}}).get("__name__", "")
    if name in {POSIX!r} and not who.startswith("psutil"):  # which is another one on every system
        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    return plain(name, globals, locals, fromlist, level)
builtins.__import__ = hiding
"""
IN_TURN = """
import sys
from deepwright.cli.main import command
words, given = [], sys.argv[1:]
for word in given:
    if word != "+":
        words.append(word)
        continue
    sys.argv = ["deepwright", *words]
    code = command(words)
    sys.stdout.flush()
    print(f"\\n= {code} =", flush=True)
    words = []
"""  # commands, each ended by a plus, in one process; after the output of each its exit code


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, one thread."""
    whole = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([sys.executable, *words], capture_output=True, cwd=cwd, env=whole, check=False)


@pytest.mark.slow
def test_a_plain_locale_without_posix_modules(here: Path, table: Path) -> None:
    (here / "hidden").mkdir()
    (here / "hidden" / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "", "PYTHONPATH": str(here / "hidden"),
             "PYTHONWARNDEFAULTENCODING": "1"}  # fmt: skip
    (here / "flats.csv").write_bytes(table.read_bytes())

    def dw(*words: str) -> bytes:
        done = run(*words, cwd=here, **plain)
        assert done.returncode == 0, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        assert b"EncodingWarning" not in b"".join(
            line for line in done.stderr.splitlines() if b"deepwright" in line and b"site-packages" not in line
        )
        return done.stdout + done.stderr

    words = ("--target", "y", "--budget", "10steps", "--set", 'features."größe".kind=number')
    assert b"deepwright predict runs" in dw("-m", "deepwright", "train", "flats.csv", *words)
    assert "größe" in (here / "runs/flats-1/recipe.yaml").read_text(encoding="utf-8")
    assert "größe" in (here / "runs/flats-1/report.html").read_text(encoding="utf-8")
    (here / "größe.csv").write_bytes(table.read_bytes())
    commands = (
        ("predict", "runs/flats-1", "flats.csv", "--with-inputs"),
        ("predict", "runs/flats-1", "flats.csv", "--with-inputs", "-o", "a.csv"),
        ("inspect", "flats.csv", "--target", "größe", "--json"),
        ("report", "runs/flats-1"),
        ("inspect", "größe.csv", "--target", "y"),
        ("train", "flats.csv", "--target", "Größe"),
    )
    told = dw("-c", IN_TURN, *(word for words in commands for word in (*words, "+")))
    said = [part.rpartition(b"\n= ") for part in told.split(b" =\n")]
    assert [code for _, _, code in said[:6]] == [b"0"] * 4 + [b"2"] * 2
    answers = pl.read_csv(said[0][0])
    assert answers.columns == ["größe", "lage", "y", "teuer", "y_predicted"]
    assert pl.read_csv(here / "a.csv").equals(answers)
    assert json.loads(said[2][0])["inputs"].keys() == {"lage", "y", "teuer"}
    assert (said[4][0], said[5][0]) == (b"", b"")
    errors = said[6][2]
    assert b"PYTHONUTF8=1" in errors
    assert b"Did you mean" in errors


@pytest.mark.skipif(os.name == "nt", reason="no pipes that break")
def test_a_reader_that_leaves_early_is_no_fault(here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "deepwright", "kinds"], stdout=writer, stderr=subprocess.PIPE, cwd=here, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_hiding_works(here: Path) -> None:
    (here / "sitecustomize.py").write_text(BLOCK, encoding="utf-8")
    done = run("-c", "import fcntl", cwd=here, PYTHONPATH=str(here))
    assert done.returncode == 1
    assert b"No module named 'fcntl'" in done.stderr


def test_importing_the_package_costs_nothing(here: Path) -> None:
    show = f"import sys, deepwright; deepwright.__version__; print(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    done = run("-c", show, cwd=here)
    assert (done.returncode, done.stdout.split()) == (0, [])


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("train", "--help"), ("trian",)])
def test_help_is_instant(here: Path, words: tuple[str, ...]) -> None:
    code = f"""
import sys
from deepwright.cli.main import run
try:
    run({list(words)!r})
except SystemExit:
    print("|", *sorted({set(HEAVY) - {"rich"}!r} & set(sys.modules)))
"""
    assert run("-c", code, cwd=here).stdout.decode().rpartition("|")[2].split() == []


def test_a_prediction_loads_no_library_of_the_baselines(here: Path, trained: dict[str, Path], table: Path) -> None:
    pl.read_csv(table).head(1).write_csv(here / "one.csv")
    code = f"""
import sys
from deepwright.cli.main import run
try:
    run(["predict", {str(trained["label"])!r}, "one.csv"])
except SystemExit as stop:
    print("|", stop.code, *sorted({{"sklearn", "pandas", "scipy", "matplotlib"}} & set(sys.modules)))
"""
    assert run("-c", code, cwd=here).stdout.decode().rpartition("|")[2].split() == ["0"]


def test_a_closed_pipe_is_no_error(here: Path) -> None:
    kinds = f"'{sys.executable}' -m deepwright kinds --json"
    done = subprocess.run(f"{kinds} | head -c 10; exit ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash",
                          capture_output=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{\n "versio', b"")


@pytest.mark.slow
def test_spawned_children_train_as_well(here: Path, table: Path) -> None:
    """Where processes are spawned, not forked, nothing may lean on what the parent had loaded."""
    (here / "work.py").write_text(
        f"""
import multiprocessing
from pathlib import Path

def work(source):
    import deepwright as dw
    run = dw.train(source, target="y", budget="5steps", quiet=True)
    return run.predict(source).height

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(work, ({str(table)!r},)))
""",
        encoding="utf-8",
    )
    done = run("work.py", cwd=here)
    assert (done.returncode, done.stdout.strip()) == (0, b"120"), done.stderr.decode()
