"""The resolution of created pictures follows from a measured step, where the person leaves it open."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepwright.draft import Draft
from deepwright.preparation import Prepared
from deepwright.verbs import resolution
from deepwright.verbs.resolution import ENOUGH, LEAST, SIDES, finest, fitted
from deepwright.verbs.session import Watch
from deepwright.verbs.train import ready


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    folder.mkdir()
    for number in range(30):
        coarse = Image.fromarray(chance.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((150, 150), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.jpg")
    return folder


def prepared(photos: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, *sets: str) -> tuple[Prepared, list[Any]]:
    """Data for a computer that takes so many seconds a step; and the sides at which it was measured."""
    looked: list[Any] = []

    def step(one: Prepared, _: float) -> float:
        looked.append(one.features["image"].space.shape[0])  # type: ignore[union-attr]
        return seconds

    monkeypatch.setattr(resolution, "_step_seconds", step)
    monkeypatch.setattr(resolution, "process_seconds", lambda: 0.0)
    draft = Draft()
    for one in (f"data.source={photos}", "task=generate", "train.budget=10min", *sets):
        draft.set(one)
    return fitted(draft, lambda own: ready(own, watch=Watch()), Watch(), 0.0), looked


def side(found: Prepared) -> tuple[int, ...]:
    return found.features["image"].space.shape[:2]  # type: ignore[union-attr]


@pytest.mark.parametrize(("seconds", "expected"), [(0.07, 32), (0.02, 64), (0.005, 128), (0.6, 24), (5.0, 16)])
def test_quick_computers_learn_finer_pictures(photos: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: int) -> None:  # fmt: skip
    found, looked = prepared(photos, monkeypatch, seconds)
    assert looked == [32]
    assert side(found) == (expected, expected)
    (text,) = [one.text for one in found.findings if "a step takes" in one.text]
    assert f"learnt at about {expected} × {expected}: at 32 × 32 a step takes {1000 * seconds:.0f} ms here" in text
    assert found.recipe.features["image"].most == expected  # the recipe then gives the same again, whoever trains it


@pytest.mark.parametrize("words", [("image.size=40",), ("image.most=40",), ("train.budget=50steps",), ("features.image.size=[40, 40]",)])  # fmt: skip
def test_what_is_said_or_counted_is_not_measured(photos: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:  # fmt: skip
    found, looked = prepared(photos, monkeypatch, 0.001, *words)
    assert looked == []
    assert side(found) == ((32, 32) if "steps" in words[0] else (40, 40))


def test_finest_keeps_to_its_bounds() -> None:
    for steps in (10, LEAST - 1, LEAST, 5000, ENOUGH, 20_000, 10**6):
        chosen = finest(32, steps)
        assert chosen in SIDES
        if chosen > 32:
            assert steps * (32 / chosen) ** 2 >= ENOUGH
        if chosen < 32:
            assert steps < LEAST
    assert finest(20, 100) == 16
    assert finest(12, 100) == 12


def test_a_real_step_is_measured(photos: Path) -> None:
    draft = Draft()
    for one in (f"data.source={photos}", "task=generate", "train.budget=10s", "train.threads=1", "model={kind: gan, width: 4, latent: 6}"):  # fmt: skip
        draft.set(one)
    found = fitted(draft, lambda own: ready(own, watch=Watch()), Watch(), 0.0)
    assert side(found)[0] in SIDES
    assert any("a step takes" in one.text for one in found.findings)
