"""The watch over a training that creates: figures that know collapse and copies, acts by rules, the same in every life."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from deepwright.core.report import Grid, Pictures
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.run import Run
from deepwright.training.events import Acted
from deepwright.verbs.creation.vitals import coarse, divergence, groups_of, vitals, words
from deepwright.verbs.creation.watch import Watch
from deepwright.verbs.learning import learning_report
from deepwright.verbs.train import train


def rows(count: int, seed: int, centres: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(0, centres, (count, 1), generator=generator)
    return 10.0 * torch.cat([places % 2, places // 2, places * 0], 1) + torch.randn(count, 3, generator=generator)


TRAIN, HELD = rows(500, 1), rows(250, 2)
CENTRES = groups_of(TRAIN, Draw(0))


def test_honest_creations_are_as_good_as_training_rows() -> None:
    found = vitals(rows(250, 3), HELD, TRAIN, CENTRES)
    assert found.coverage > 0.9 * found.coverage_floor > 0.8
    assert found.duplicates < 0.05
    assert found.copies < 0.1
    assert found.spread < 3 * found.spread_floor
    assert all(well for _, well in words(asdict(found)))


def test_collapse_copies_and_missing_kinds_are_told() -> None:
    same = vitals(rows(1, 3).expand(250, -1) + 1e-4 * rows(250, 4), HELD, TRAIN, CENTRES)
    assert same.coverage < 0.1
    assert same.duplicates > 0.9
    copied = vitals(TRAIN[:250] + 1e-3, HELD, TRAIN, CENTRES)
    assert copied.copies > 0.9
    fewer = vitals(rows(250, 5, centres=2), HELD, TRAIN, CENTRES)
    assert fewer.spread > 0.5 > 10 * fewer.spread_floor
    told = " ".join(sentence for sentence, well in words(asdict(fewer)) if not well)
    assert "too often, others too rarely" in told


def test_the_floor_of_the_divergence_is_what_sampling_gives() -> None:
    found = [divergence(rows(250, 10 + k), rows(500, 60 + k), CENTRES) for k in range(40)]
    mean = sum(value for value, _ in found) / 40
    assert 0.6 * found[0][1] < mean < 1.5 * found[0][1]


class Objective:
    """What a watch may change."""

    def __init__(self) -> None:
        self.share, self.factor = 0.0, 1.0

    def raise_share(self, by: float = 0.1) -> bool:
        before, self.share = self.share, min(0.8, max(0.0, self.share + by))
        return self.share != before

    def scale_gamma(self, times: float) -> bool:
        self.factor *= times
        return True


class Training:
    """A trainer that can go back."""

    def __init__(self) -> None:
        self.backs = 0

    def go_back(self) -> int:
        self.backs += 1
        return 120


def acts(watch: Watch, objective: Objective, training: Training, **figures: float) -> list[str]:
    seen = {"coverage": 0.8, "coverage_floor": 0.9, "duplicates": 0.01, "accuracy": 0.7, "overfit": 0.2, **figures}
    return [what for what, _ in watch._acts(training, objective, seen, True)]  # type: ignore[arg-type]


def test_acts_follow_the_rules() -> None:
    watch, objective, training = Watch({}, None, torch.arange(9), torch.arange(9), 0, None), Objective(), Training()  # type: ignore[arg-type]
    assert acts(watch, objective, training) == []
    assert acts(watch, objective, training, overfit=0.6) == ["augmentation"]
    assert objective.share == pytest.approx(0.1)
    assert acts(watch, objective, training, overfit=0.0) == ["augmentation"]
    assert acts(watch, objective, training, accuracy=0.99, coverage=0.3) == []
    assert acts(watch, objective, training, accuracy=0.99, coverage=0.3) == ["gamma"]
    assert objective.factor == 2.0
    assert [acts(watch, objective, training, accuracy=0.5) for _ in range(3)] == [[], [], []]
    assert acts(watch, objective, training, coverage=0.05) == []
    assert not watch.calm
    assert acts(watch, objective, training, coverage=0.05) == ["roll-back"]
    assert (training.backs, objective.factor, watch.calm) == (1, 4.0, True)
    for _ in range(8):
        acts(watch, objective, training, coverage=0.05)
    assert training.backs == 3  # and then no more
    other = Watch({}, None, torch.arange(9), torch.arange(9), 0, None)  # type: ignore[arg-type]
    other.load(watch.state())
    assert other.state() == watch.state()


def test_coarse_views_are_means_of_areas() -> None:
    from deepwright.fields import Field
    from deepwright.spaces import Box

    one = torch.ones(3)
    space = Box((16, 4, 3), -one, one, one > 2, one)
    x = torch.rand(5, 16, 4, 3)
    view = coarse({"p": Field(x)}, {"p": space})
    assert view.shape == (5, 8 * 4 * 3)
    torch.testing.assert_close(view.view(5, 3, 8, 4)[:, 1, 2], x[:, 4:6, :, 1].mean(1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    chance = np.random.default_rng(0)
    pixels = (chance.normal(size=(200, 8, 8)).cumsum(1) * 20 + 128).clip(0, 255).astype(np.uint8)
    table = pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (8, 8)))})
    draft = Draft()
    for one in ("model={kind: gan, width: 4, latent: 6}", "train.budget=20steps", "train.batch=16"):
        draft.set(one)
    return train(draft, table, out=tmp_path_factory.mktemp("runs"))


def test_a_run_has_its_time_lapse_and_its_health_in_the_report(run: Run) -> None:
    events = run.events()
    drawn = [event for event in events if event["event"] == "rendered"]
    assert [event["step"] for event in drawn] == [1, 2, 4, 8, 16, 20]
    with Image.open(run.folder / drawn[-1]["file"]) as picture:
        assert picture.size == (4 * 66 + 2, 4 * 66 + 2)
    checked = [event for event in events if event["event"] == "checked"]
    assert checked
    assert {"coverage", "duplicates", "copies", "spread", "accuracy", "overfit"} <= checked[-1]["figures"].keys()
    titles = [block.title for block in learning_report(run).blocks if isinstance(block, Pictures | Grid)]
    assert "Time-lapse" in titles
    assert "As the network sees them" in titles
    with Image.open(run.folder / "seen.png") as picture:
        assert picture.size == (2 * 66 + 2, 2 * 66 + 2)


def test_a_collapse_goes_back_and_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    """Two looks at collapsed creations, in a real training: the weights are those of the last healthy look."""
    from deepwright.verbs.creation import watch as module

    looks = iter([0.8, 0.8, 0.01, 0.01, *[0.8] * 50])

    def found(*_: Any) -> Any:
        return module.vitals.__globals__["Vitals"](next(looks), 0.9, 0.01, 0.05, 0.01, 0.05)

    monkeypatch.setattr(module, "coarse", lambda *_: torch.zeros(30, 2))
    monkeypatch.setattr(module, "groups_of", lambda *_: torch.zeros(2, 2))
    original = module.vitals
    monkeypatch.setattr(
        module, "vitals", type("Found", (), {"__call__": staticmethod(found), "__globals__": original.__globals__})()
    )
    chance = np.random.default_rng(0)
    pixels = (chance.normal(size=(200, 8, 8)).cumsum(1) * 20 + 128).clip(0, 255).astype(np.uint8)
    table = pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (8, 8)))})
    draft = Draft()
    for one in ("model={kind: gan, width: 4, latent: 6}", "train.budget=60steps", "train.batch=16"):
        draft.set(one)
    run = train(draft, table, out=tmp_path)
    acted = [Acted(**{k: v for k, v in e.items() if k != "event"}) for e in run.events() if e["event"] == "acted"]
    back = next(event for event in acted if event.what == "roll-back")
    looked = [event["step"] for event in run.events() if event["event"] == "checked"]
    assert back.step == looked[3]
    assert f"went back to the weights of step {looked[1]}" in back.text
