"""What a run's network sees of pictures, as a space to compare styles in."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.features.image import FittedImage
from deepwright.models.cnn import CNN
from deepwright.verbs.restyle.matching import transferred
from deepwright.verbs.restyle.seeing import Seen
from deepwright.verbs.restyle.settings import Knobs


def run(folder: Path, channels: int = 3, **others: Any) -> Any:
    """A run that answers from pictures of 16 × 16, as far as `Seen` knows one."""
    torch.manual_seed(0)
    feature = FittedImage(size=(16, 16), channels=channels, mean=(0.5,) * channels, std=(0.25,) * channels)
    network = CNN(widths=(6, 8), dropout=0.0).build({"image": feature}, {"logits": 3}, 10)
    (folder / "weights.safetensors").write_bytes(b"weights")
    given = {
        "task": object(),
        "name": "zoo",
        "features": {"image": feature},
        "network": network.train(),
        "folder": folder,
    }
    return SimpleNamespace(**{**given, **others})


def picture(seed: int, height: int = 24, width: int = 30) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_pictures_of_any_size_are_seen_at_each_resolution_with_a_gradient_and_no_trace(tmp_path: Path) -> None:
    judge = run(tmp_path)
    seen, before = Seen(judge), [parameter.clone() for parameter in judge.network.parameters()]
    pixels = picture(1).requires_grad_()
    maps = seen.maps(pixels)
    assert len(maps) >= 2
    assert all(a.shape[-1] > b.shape[-1] for a, b in pairwise(maps))
    sum(map_.square().mean() for map_ in maps).backward()  # type: ignore[union-attr]
    assert bool((pixels.grad != 0).any())
    assert judge.network.training
    assert all(p.requires_grad and p.grad is None for p in judge.network.parameters())
    assert all(torch.equal(p, old) for p, old in zip(judge.network.parameters(), before, strict=True))
    assert not any(module._forward_hooks for module in judge.network.modules())


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_nearest_to_itself(tmp_path: Path, channels: int) -> None:
    seen, style = Seen(run(tmp_path, channels)), picture(2)
    wanted = seen.wanted(style)
    with torch.no_grad():
        own, other = (float(seen.apart(one, wanted, Draw(0), 16)) for one in (style, style * 0.2))
    assert own == 0.0 < other


def test_the_style_as_the_network_sees_it_moves_over(tmp_path: Path) -> None:
    seen, knobs = (
        Seen(run(tmp_path)),
        Knobs(size=32, coarsest=32, steps=25, patch=5, filters=16, strength=1.0, rate=0.02),
    )
    y = torch.arange(32)[None, None, :, None]
    style = torch.where(y // 2 % 2 == 0, torch.tensor([0.9, 0.1, 0.2])[None, :, None, None], 0.3).expand(1, 3, 32, 32)
    content = picture(4, 32, 32)
    with torch.no_grad():
        wanted = seen.wanted(style)
        before = float(seen.apart(content, wanted, Draw(0), 16))
    made = transferred(content, style.contiguous(), knobs, 0, seen=seen)
    plain = transferred(content, style.contiguous(), knobs, 0)
    with torch.no_grad():
        after, without = (float(seen.apart(one, wanted, Draw(0), 16)) for one in (made, plain))
    assert after < 0.7 * before
    assert after < without


def test_what_sees_no_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="zoo creates and answers nothing"):
        Seen(run(tmp_path, task=None))
    with pytest.raises(Refused, match="does not answer from one picture alone"):
        Seen(run(tmp_path, features={}))
    with pytest.raises(Refused, match="no convolutions"):
        Seen(run(tmp_path, network=nn.Linear(2, 2)))
