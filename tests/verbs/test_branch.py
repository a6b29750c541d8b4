"""Branch: a new run begins with the weights that another had, and holds all it needs to go on alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deepwright.contracts import Network
from deepwright.core.errors import Refused, RunError
from deepwright.core.files import file_hash
from deepwright.core.report import Text
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models.flow import FlowKnobs, FlowNetwork
from deepwright.run import Run
from deepwright.training.tensor_files import read_tensors
from deepwright.verbs.branch import branch, steps
from deepwright.verbs.creation import lapse
from deepwright.verbs.creation.making import sketched
from deepwright.verbs.creation.recall import run_hash
from deepwright.verbs.learning import learning_report
from deepwright.verbs.reproduce.reproduce import reproduce
from deepwright.verbs.train import Watch, resume, train
from tests.cli.conftest import invoke


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("data") / "waves", np.random.default_rng(0)
    folder.mkdir()
    for number in range(40):
        pixels = (chance.normal(size=(8, 8, 3)).cumsum(1) * 20 + 128).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = changed(None, f"data.source={pictures}", "task=generate", "model={kind: gan, width: 4, latent: 6}",
                   "train.budget=20steps", "train.checkpoint_seconds=1000", "train.batch=16", "image.size=8", "train.average.decay=0.5")  # fmt: skip
    return Run.load(train(made, out=tmp_path_factory.mktemp("runs")).folder)


def changed(run: Run | None, *sets: str) -> Draft:
    draft = Draft() if run is None else Draft.read(run.folder / "recipe.yaml")
    for one in sets:
        draft.set(one)
    draft.settle_budget()
    return draft


def test_a_branch_begins_with_the_weights_that_drew_the_snapshot(run: Run, tmp_path: Path) -> None:
    assert steps(run) == [1, 2, 4, 8, 16, 20]
    made = branch(run, 8, changed(run, "train.budget=6steps", "seed=5", "objective.gamma=2"), out=tmp_path)
    path = run.folder / "lapse" / "step-0000008.safetensors"
    snapshot = read_tensors(path)[0]
    assert made.start is not None
    assert all(torch.equal(made.start[name], tensor) for name, tensor in snapshot.items())
    assert made.name == f"{run.name}-from-8-1"
    known = {"run": run_hash(run.folder), "step": 8, "name": run.name, "weights": file_hash(path)}
    assert made.environment["branch"] == known
    assert run_hash(made.folder) != run_hash(run.folder)
    assert (made.recipe.seed, made.recipe.objective.gamma, made.recipe.train.budget.amount) == (5, 2, 6)
    assert np.array_equal(made.parts, run.parts)  # another seed divides nothing anew
    assert {n: f.to_state() for n, f in made.features.items()} == {n: f.to_state() for n, f in run.features.items()}
    told = [block.text for block in learning_report(made).blocks if isinstance(block, Text)]
    assert f"It began with the weights that {run.name} had after step 8." in told


def test_the_first_step_is_taken_from_there(run: Run, tmp_path: Path) -> None:
    """With a rate of nearly nothing the branch stays what the snapshot was, and that is another network than a fresh one."""
    made = branch(run, 16, changed(run, "train.budget=1steps", "train.optimizer.lr=1e-12"), out=tmp_path)
    then, now = read_tensors(run.folder / "lapse" / "step-0000016.safetensors")[0], made.network.state_dict()
    for name in then:
        torch.testing.assert_close(now[name], then[name], atol=1e-6, rtol=1e-5)
    again = made.fresh_network()
    again.load_state_dict(then)
    with torch.no_grad():
        one, other = (
            net.eval().sample(2, Draw(3).keyed(torch.arange(2)))["image"].values for net in (made.network, again)
        )
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_branch_is_resumed_and_done_again_without_its_parent(run: Run, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def die(event: object) -> None:
        if getattr(event, "step", 0) >= 3:
            raise Killed

    settings = changed(run, "train.budget=8steps")
    whole = branch(run, 4, changed(run, "train.budget=8steps"), out=tmp_path / "whole")
    with pytest.raises(Killed):
        branch(run, 4, settings, out=tmp_path / "cut", watch=Watch(event=die))
    (folder,) = (tmp_path / "cut").iterdir()
    resumed = resume(folder)  # no checkpoint yet: from its own first weights
    assert file_hash(resumed.folder / "weights.safetensors") == file_hash(whole.folder / "weights.safetensors")
    report = reproduce(Run.load(whole.folder))
    assert report.data["equal"], report.data["sentence"]
    other = branch(Run.load(whole.folder), 8, changed(whole, "train.budget=2steps"), out=tmp_path / "again")
    assert other.environment["branch"]["run"] == run_hash(whole.folder)


def test_what_does_not_fit_is_refused_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no weights of step 9. It has those of: 1, 2, 4, 8, 16, 20\."):
        branch(run, 9, changed(run), out=tmp_path)
    with pytest.raises(Refused, match=r"another one than that of .* at step 8 its '.*' is .*, and would be "):
        branch(run, 8, changed(run, "model.width=8"), out=tmp_path)
    with pytest.raises(Refused, match=r"--set features\.image\.size: a branch sees and learns what its parent did"):
        branch(run, 8, changed(run, "features.image.size=16"), out=tmp_path)
    with pytest.raises(Refused, match=r"--set data\.ignore: a branch sees"):
        branch(run, 8, changed(run, "data.ignore=[label]"), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_old_weights_go_where_all_take_too_much(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (run.folder / "lapse" / "step-0000008.safetensors").stat().st_size
    monkeypatch.setattr(lapse, "ROOM", 2 * size)
    made = branch(run, 8, changed(run, "train.budget=9steps"), out=tmp_path)
    assert sorted(lapse.snapshots(made.folder)) == [8, 9]
    assert len(list((made.folder / "lapse").glob("*.png"))) == 5  # the drawings stay


def test_a_network_that_answers_is_branched_from_its_checkpoints(decided_run: Run, tmp_path: Path) -> None:
    step = steps(decided_run)[-1]
    made = branch(decided_run, step, changed(decided_run, "train.budget=5steps"), out=tmp_path)
    assert made.environment["branch"]["step"] == step
    assert made.task is not None


def test_the_command(run: Run, tmp_path: Path) -> None:
    said = invoke(
        "train", run.folder, "--branch", 4, "--budget", "3steps", "--set", "train.batch=8", "-o", tmp_path, "--json"
    )
    assert said.code == 0, said.err
    made = Run.load(tmp_path / f"{run.name}-from-4-1")
    assert (made.recipe.train.batch, made.recipe.train.budget.amount) == (8, 3)
    assert made.environment["branch"]["step"] == 4
    invoke("train", run.folder, "--branch", 5).refused("no weights of step 5")
    invoke("train", run.folder, "--branch", 4, "--model", "flow").refused("another one than that of")
    invoke("train", run.folder, "--branch", 4, "--target", "label").refused("--target: a branch sees")
    assert "--data belongs to --branch" in invoke("train", run.folder, "--data", "x").err


def test_drawings_on_the_way_are_made_with_the_quick_knobs_and_none_beside_them() -> None:
    """A flow solved in few steps draws the same sixteen in a fifth of the work."""
    asked: list[tuple[int, object]] = []

    class Counted(Network):
        quick = FlowKnobs(steps=6)

        def sample(self, n: int, draw: Draw, condition: Any = None, knobs: Any = None) -> dict[str, Field]:
            asked.append((n, knobs))
            return {"x": Field(draw.at("x").uniform(n, 1))}

    made = sketched(Counted(), 3, lapse.DRAWN)
    assert asked == [(lapse.DRAWN, FlowKnobs(steps=6))]
    assert len(made["x"].values) == lapse.DRAWN
    assert isinstance(FlowNetwork.quick, FlowKnobs)
    assert FlowNetwork.quick.steps < FlowKnobs().steps
