"""What all benchmarks share: the machine, finished cells kept, peers in environments of their own, and a table.

A cell is one measurement. Finished cells lie in benchmarks/.cache and are keyed by everything that could change them, so
a benchmark that was stopped goes on where it was.
"""

import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

__all__ = [
    "CACHE",
    "ROOT",
    "Cells",
    "PeerError",
    "deepwright",
    "describe_machine",
    "files_hash",
    "installed",
    "options",
    "peer_environment",
    "print_machine",
    "print_table",
    "run_peer",
]

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
CACHE = ROOT / "benchmarks" / ".cache"
SHARED_TORCH = "# torch: the project's"  # first line of a requirements file


class PeerError(Exception):
    """A peer could not be installed or did not finish; the message holds its last words."""


def options(description: str, threads: int = 2) -> argparse.ArgumentParser:
    """The flags of every benchmark."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="at most 20 s: shows that it runs; figures mean nothing")
    parser.add_argument("--threads", type=int, default=threads, help="processor threads for everyone")
    parser.add_argument("--peers", nargs="*", help="only these (default: all)")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    return parser


def describe_machine() -> dict[str, Any]:
    """What figures depend on, for people to read beside them."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    dirty = subprocess.run(["git", "status", "--porcelain", "src"], cwd=ROOT, capture_output=True, text=True)
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "commit": (commit.stdout.strip() or "unknown") + ("+" if dirty.stdout.strip() else ""),
        "date": datetime.date.today().isoformat(),
        "load": round(psutil.getloadavg()[0], 2),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def files_hash(*paths: Path) -> str:
    """One hash of the contents of files, and of the Python files in folders."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for path in found:
        digest.update(str(path.name).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class Cells:
    """The finished cells of one benchmark.

    Args:
        benchmark: its name. fresh: measure again what is there.
    """

    def __init__(self, benchmark: str, fresh: bool = False):
        self._folder, self._fresh = CACHE / "cells" / benchmark, fresh

    def get(self, key: Mapping[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The cell of this key: from the cache, else measured and kept.

        Args:
            key: all that the cell depends on: peer, versions, data, seed, hash of the source.
        """
        text = json.dumps(dict(key), sort_keys=True)
        path = self._folder / f"{key['peer']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
        if path.exists() and not self._fresh:
            return json.loads(path.read_text(encoding="utf-8"))["cell"]
        cell = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"key": dict(key), "cell": cell}, indent=1), encoding="utf-8")
        os.replace(part, path)
        return cell


def _environment(name: str) -> Path:
    requirements = PEERS / f"{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    torch = metadata.version("torch") if _shares_torch(requirements) else "own"
    return CACHE / "environments" / f"{name}-{version}-{torch}-{files_hash(requirements)}"


def _shares_torch(requirements: Path) -> bool:
    return requirements.read_text(encoding="utf-8").startswith(SHARED_TORCH)


def installed(name: str) -> bool:
    """Whether a peer's environment is ready."""
    return (_environment(name) / "complete").exists()


def peer_environment(name: str) -> Path:
    """The Python of a peer's own environment, made from benchmarks/peers/<name>.txt at the first call.

    A file that begins with "# torch: the project's" sees our site-packages behind its own, so that we and the peer run
    on the very same torch; the others bring theirs.

    Raises:
        PeerError: it cannot be installed.
    """
    folder = _environment(name)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if (folder / "complete").exists():
        return python
    print(f"Installing {name} into {folder.relative_to(ROOT)} …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    requirements = PEERS / f"{name}.txt"
    if _shares_torch(requirements):
        place = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
        (Path(place) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"{name} cannot be installed: {_last_words(done.stderr)}")
    (folder / "complete").touch()
    return python


def run_peer(
    name: str | None, script: str, args: Sequence[object], threads: int = 2, seconds: float | None = None
) -> dict[str, Any]:
    """Run benchmarks/peers/<script> in a peer's environment; what it printed as JSON on the last line.

    Args:
        name: of the environment (a file in benchmarks/peers); None for our own.
        seconds: after which it counts as failed.

    Raises:
        PeerError: it failed, took too long, or printed no JSON.
    """
    python = sys.executable if name is None else str(peer_environment(name))
    command = [python, str(PEERS / script), *map(str, args)]
    try:
        done = subprocess.run(command, env=limited(threads), capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{script} took more than {seconds:.0f} s") from error
    if done.returncode:
        raise PeerError(f"{script}: {_last_words(done.stderr)}")
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise PeerError(f"{script} printed no JSON: {done.stdout[-300:]!r}") from error


def deepwright(*args: object, threads: int = 2, cwd: Path | None = None) -> str:
    """Our command, run as a person does; its standard output.

    Raises:
        PeerError: the exit code is not 0.
    """
    command = [str(Path(sys.executable).parent / "deepwright"), *map(str, args)]
    done = subprocess.run(command, env=limited(threads), capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise PeerError(f"deepwright {args[0]} (exit code {done.returncode}): {_last_words(done.stderr)}")
    return done.stdout


def limited(threads: int) -> dict[str, str]:
    """The process environment with so many threads for every numerical library."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # as installed
    return {**kept, **dict.fromkeys(names, str(threads)), "PYTHONUTF8": "1"}


def _last_words(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "no message"


def print_table(
    rows: Sequence[Mapping[str, Any]], reference: str | None = None, value: str = "", better: str = "lower"
) -> None:
    """Rows as an aligned table; with a reference, a column of how many times as good each row's `value` is.

    Args:
        rows: the first column is the name. reference: the name of the row to compare with.
        better: "lower" or "higher" values.
    """
    rows = [dict(row) for row in rows]
    name = next(iter(rows[0]))
    base = next((row.get(value) for row in rows if row[name] == reference), None)
    for row in rows if base else []:
        own = row.get(value)
        row[f"× {reference}"] = (base / own if better == "lower" else own / base) if own else None
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([_shown(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    for number, line in enumerate(cells):
        first, *rest = (cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in
                        enumerate(zip(line, widths, strict=True)))  # fmt: skip
        print("  ".join([first, *rest]).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_machine() -> None:
    """The machine on one line, above every table."""
    print("; ".join(f"{name} {value}" for name, value in describe_machine().items()))
