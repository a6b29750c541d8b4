"""The long crash test: kills every family again and again and counts how often the same bits come out.

    python -m tests.crash --kills 200 [--interrupts 30] [--family mlp] [--fresh]

A third of the kills come at any time, a third at a call to the disk, in the middle of a write where it is one, a third in a
phase of the work that is drawn; resumed trainings are killed again. Settings of the objective and situations (averages,
accumulated gradients, a roll-back, other threads) take turns. Interrupts are Ctrl-C, once or twice, and requests to
terminate, after which the run is also used. What is finished is kept under tests/crash/.cache, by the hash of the sources,
so that a run that was stopped goes on.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import ROOT, files_hash, print_machine

from deepwright.cli.progress import duration
from tests.crash.families import Family, Variant, families
from tests.crash.interrupts import WAYS, interrupted
from tests.crash.lives import HOW, Reference, differences, killed, reference
from tests.crash.server import Server

CACHE = Path(__file__).parent / ".cache"
Result = tuple[list[str], list[str], float]  # phases in which it was killed, what differed, seconds computed


class Kept:
    """Results by name, one line each in a file; those of other sources are not looked at."""

    def __init__(self, fresh: bool):
        self._path = CACHE / f"{files_hash(ROOT / 'src', Path(__file__).parent)}.jsonl"
        if fresh:
            self._path.unlink(missing_ok=True)
        self._known: dict[str, Result] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else ():
            try:
                name, *result = json.loads(line)
                self._known[name] = (result[0], result[1], result[2])
            except (ValueError, LookupError):
                continue  # cut short when this was stopped

    def get(self, name: str, work: Callable[[], Result]) -> Result:
        """From the file or found out now."""
        if name not in self._known:
            self._known[name] = work()
            CACHE.mkdir(exist_ok=True)
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps([name, *self._known[name]]) + "\n")
        return self._known[name]

    def has(self, name: str) -> bool:
        return name in self._known


class Bench:
    """A fork server, scratch folders and the reference trainings of a family."""

    def __init__(self, server: Server, family: Family, scratch: Path):
        self.server, self.family, self._scratch = server, family, scratch
        self.variants = family.variants()
        self._references: dict[str, Reference] = {}
        self.phases: set[str] = set()

    def reference(self, variant: Variant) -> Reference:
        if variant.name not in self._references:
            folders = [Path(tempfile.mkdtemp(dir=self._scratch)) for _ in range(2)]  # another try needs others
            first, again = (reference(self.server, self.family, variant, folder) for folder in folders)
            assert not differences(again.outcome, first.outcome), "the same training twice is not the same"
            self._references[variant.name] = again  # all modules are loaded now: the true duration
            self.phases |= set(again.phases)
        return self._references[variant.name]

    def stop(self, word: str, number: int) -> Result:
        """Kill or interrupt number so and so: always the same one, but for the time that passes."""
        chance = random.Random(f"{self.family.name} {number}")
        ways = HOW if word == "kill" else tuple(WAYS)
        variant, how = self.variants[number // len(ways) % len(self.variants)], ways[number % len(ways)]
        folder, before = self._scratch / "kill", self.server.cpu
        try:
            known, before = self.reference(variant), self.server.cpu
            work = killed if word == "kill" else interrupted
            phases, differing = work(self.server, known, folder, chance, how)
            return phases, [f"{variant.name}, by {how}: {one}" for one in differing], self.server.cpu - before
        except AssertionError as error:
            return [], [f"{variant.name}, by {how}: {error}"], self.server.cpu - before
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def count(bench: Bench, word: str, wanted: int, kept: Kept) -> bool:
    """Do the kills (or interrupts) that are not done yet, telling how far it is; whether all came to the same."""
    names = [f"{bench.family.name} {word} {number}" for number in range(wanted)]
    began, new = time.monotonic(), 0
    left = sum(not kept.has(name) for name in names)
    bad, computed, phases = 0, 0.0, Counter[str]()
    for number, name in enumerate(names):
        new += not kept.has(name)
        hit, differing, seconds = kept.get(name, lambda number=number: bench.stop(word, number))
        phases.update(hit)
        computed += seconds
        if differing:
            bad += 1
            print(f"\n{name} differs:\n  " + "\n  ".join(differing[:10]), flush=True)
        eta = (time.monotonic() - began) / max(1, new) * (left - new)
        told = f"\r{bench.family.name}: {number + 1} of {wanted} {word}s, {bad} differ, {duration(eta)} left    "
        print(told, end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    taken = duration(time.monotonic() - began)
    print(f"{bench.family.name}: {sum(phases.values())} {word}s, in these phases:")
    for phase, times in phases.most_common():
        print(f"  {phase:22}{times:5} {'#' * round(60 * times / max(phases.values()))}")
    missed = bench.phases - set(phases)
    print(f"  no {word} in: {', '.join(sorted(missed)) or 'none of its phases'}")
    print(f"{bench.family.name}: {new} {word}s now, in {taken}; all of them computed {computed:.0f} s")
    print(f"{bench.family.name}: {wanted - bad} of {wanted} {word}s bit-identical", flush=True)
    return bad == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="for each family")
    parser.add_argument("--interrupts", type=int, default=30, help="for each family")
    parser.add_argument("--family", help="only those in whose name (model-objective) this word is")
    parser.add_argument("--fresh", action="store_true", help="do again what was done before")
    given = parser.parse_args()
    chosen = [family for family in families() if given.family is None or given.family in family.name]
    if not chosen:
        names = ", ".join(family.name for family in families())
        print(f"There is no family '{given.family}'. Known: {names}.", file=sys.stderr)
        return 2
    print_machine()
    kept, good = Kept(given.fresh), True
    for family in chosen:
        with Server() as server, tempfile.TemporaryDirectory(prefix="deepwright-crash-") as scratch:
            bench = Bench(server, family, Path(scratch))
            for word, wanted in (("kill", given.kills), ("interrupt", given.interrupts)):
                good &= wanted == 0 or count(bench, word, wanted, kept)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
