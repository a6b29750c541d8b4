"""Checkpoints and journals that are damaged: what is whole is gone on from, what is not is named, the same bits come out."""

import random
import shutil
from pathlib import Path

import pytest
from safetensors.torch import safe_open

from deepwright.training.checkpoint import Checkpoints
from deepwright.training.tensor_files import read_tensors
from tests.crash.lives import Reference, differences, next_words, outcome
from tests.crash.server import Harm, Server


@pytest.fixture(scope="module")
def half(crash_server: Server, mlp: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was killed after a step that left two checkpoints behind it."""
    folder = tmp_path_factory.mktemp("half")
    mlp.write(folder)
    lived = mlp.live(crash_server, ["train", "recipe.yaml"], folder, Harm(0.0, "step", entry=7))
    assert lived.killed
    assert len(list(folder.glob("runs/*/checkpoints/*"))) == 2
    return folder


def copied(half: Path, folder: Path) -> tuple[Path, list[Path]]:
    """A copy of it, and its checkpoints, oldest first. Its recipe names data in the folder it was made in."""
    shutil.copytree(half, folder)
    (run,) = folder.glob("runs/*")
    return run, sorted(run.glob("checkpoints/*"), key=lambda path: int(path.stem.partition("-")[2]))


def boundaries(path: Path) -> list[int]:
    """Where a file of tensors may be cut: inside and between its length, its header and every tensor."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    with safe_open(path, "pt") as file:
        names = list(file.keys())
        sizes = [file.get_tensor(name).nbytes for name in names]
    cuts, place = {0, 1, 7, 8, 9, start // 2, start - 1, start, start + 1, len(data) - 1}, start
    for size in sizes:  # their order in the file may be another; that cuts somewhere else in between
        place += size
        cuts |= {place - 1, place}
    return sorted(cut for cut in cuts if cut < len(data))


def test_cut_anywhere_or_with_any_flipped_bit_it_is_passed_over(half: Path, tmp_path: Path) -> None:
    run, (older, newest) = copied(half, tmp_path / "copy")
    data, chance = newest.read_bytes(), random.Random(0)
    harms = [data[:cut] for cut in boundaries(newest)]
    for place in {0, 7, 8, len(data) - 1, *chance.sample(range(len(data)), 30)}:
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        harms.append(bytes(flipped))
    for harmed in harms:
        newest.write_bytes(harmed)
        with pytest.raises(ValueError, match=r"cut short|not those that were written|no whole file"):
            read_tensors(newest)
    checkpoints = Checkpoints(run / "checkpoints")
    found = checkpoints.latest()
    assert found is not None
    assert found.step == int(older.stem.partition("-")[2])
    assert newest.name in checkpoints.broken[0]


@pytest.mark.parametrize("harm", ["flipped", "cut", "both cut", "empty"])
def test_a_resumed_run_says_what_it_passed_over(
    crash_server: Server, mlp: Reference, half: Path, tmp_path: Path, harm: str
) -> None:
    _, (older, newest) = copied(half, tmp_path / "copy")
    data = newest.read_bytes()
    if harm == "flipped":
        newest.write_bytes(data[:-9] + bytes([data[-9] ^ 4]) + data[-8:])
    else:
        newest.write_bytes(data[: 0 if harm == "empty" else len(data) // 2])
    if harm == "both cut":
        older.write_bytes(older.read_bytes()[:100])
    lived = mlp.end(crash_server, tmp_path / "copy")
    assert lived is not None
    assert f"Warning: The checkpoint {newest.name} cannot be used: " in lived.err
    where = f"from step {older.stem.partition('-')[2]} of 10" if harm != "both cut" else "from the first step"
    assert f"Going on {where}" in lived.err
    assert not differences(outcome(tmp_path / "copy"), mlp.outcome)


@pytest.mark.parametrize("lines", [2, 4, -1])
def test_a_journal_cut_in_the_middle_of_a_line(
    crash_server: Server, mlp: Reference, half: Path, tmp_path: Path, lines: int
) -> None:
    """With fewer events than a checkpoint builds on, that checkpoint is passed over too. The plan, told
    before the first step, is safe."""
    run, _ = copied(half, tmp_path / "copy")
    journal = run / "events.jsonl"
    whole = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = whole[:lines]
    journal.write_text("".join(kept) + whole[len(kept)][:20], encoding="utf-8")
    assert next_words(tmp_path / "copy") == ["resume", f"runs/{run.name}"]
    lived = mlp.end(crash_server, tmp_path / "copy")
    assert lived is not None
    assert ("events before it are missing" in lived.err) == (lines != -1), lived.err
    assert not differences(outcome(tmp_path / "copy"), mlp.outcome)
