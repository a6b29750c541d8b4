"""Seconds an epoch: the same small CNN on Fashion-MNIST in Deepwright, plain PyTorch loops and other libraries.

    python -m benchmarks.speed [--smoke] [--threads 2] [--peers best_loop lightning]

3 × [convolution 3×3, norm, ReLU] of 32, 64, 128 channels, two 2×2 max-pools, global pooling; batch 128, AdamW. Only the
epoch is timed: not imports, reading, or the choice of a precision. Everyone runs alone, one after the other; the median
of three rounds counts. `accuracy` is that on the test pictures after this one epoch: it shows that all did the same work.
"""

import statistics
import sys
import time

from gallery.fetch import FetchError, cached, fashion_mnist

from benchmarks.harness import (
    PEERS,
    ROOT,
    Cells,
    PeerError,
    describe_machine,
    files_hash,
    installed,
    options,
    print_machine,
    print_table,
    run_peer,
)

# contestant → its environment (None: ours)
CONTESTANTS = {
    "deepwright": None,
    "best_loop": None,
    "dataloader_loop": None,
    "lightning": "lightning",
    "fastai": "fastai",
    "keras": "keras",
    "skorch": "skorch",
}
ROUNDS = 3
SMOKE_STEPS, SMOKE_SECONDS = 4, 12.0  # nothing is begun after so many seconds


def measure(name: str, steps: int, threads: int, rounds: int) -> dict[str, object]:
    """The median round of one contestant."""
    arguments = ["--data", fashion_mnist(), "--steps", steps, "--threads", threads]
    done = [run_peer(CONTESTANTS[name], f"speed_{name}.py", arguments, threads) for _ in range(rounds)]
    middle = statistics.median_low([one["seconds"] for one in done])
    chosen = next(one for one in done if one["seconds"] == middle)
    return {**chosen, "all_seconds": [one["seconds"] for one in done]}


def key(name: str, steps: int, threads: int) -> dict[str, object]:
    """All that a figure depends on."""
    environment = CONTESTANTS[name]
    sources = [PEERS / f"speed_{name}.py", PEERS / "speed_common.py"]
    if environment is not None:
        sources.append(PEERS / f"{environment}.txt")
    if name == "deepwright":
        sources.append(ROOT / "src" / "deepwright")
    machine = describe_machine()
    fixed = {part: machine[part] for part in ("processor", "cores", "torch", "python")}
    return {"peer": name, "steps": steps, "threads": threads, "source": files_hash(*sources), **fixed}


def main() -> int:
    given = options(__doc__ or "").parse_args()
    if given.smoke and cached("fashion-mnist") is None:
        print("Fashion-MNIST is not here. Fetch it with: python gallery/fetch.py fashion-mnist", file=sys.stderr)
        return 2
    names = given.peers or list(CONTESTANTS)
    if given.smoke:
        names = [name for name in names if CONTESTANTS[name] is None or installed(CONTESTANTS[name])]
    steps, rounds = (SMOKE_STEPS, 1) if given.smoke else (0, ROUNDS)
    cells, rows = Cells("speed", fresh=given.fresh or given.smoke), []
    began = time.perf_counter()
    for name in names:
        if given.smoke and time.perf_counter() - began > SMOKE_SECONDS:
            print(f"{name}: left out, the time is up", file=sys.stderr)
            continue
        try:
            cell = cells.get(key(name, steps, given.threads), lambda n=name: measure(n, steps, given.threads, rounds))
        except (PeerError, FetchError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            if CONTESTANTS[name] is None:
                return 1
            continue
        version = " ".join(f"{package} {number}" for package, number in cell["versions"].items())
        shown = {"contestant": name, "seconds": cell["seconds"], "accuracy": cell["accuracy"], "versions": version}
        rows.append({**shown, "precision": cell.get("precision")})
        print(f"{name}: {cell['seconds']:.2f} s", file=sys.stderr, flush=True)
    print_machine()
    print_table(rows, reference="best_loop", value="seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
