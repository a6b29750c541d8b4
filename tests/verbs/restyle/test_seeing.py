"""What a run's network sees of pictures, as a space to compare styles in."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from deepwright.core.errors import DataError, Refused, RunError
from deepwright.draw import Draw
from deepwright.features.image import FittedImage
from deepwright.models.cnn import CNN
from deepwright.models.layers.efficientnet import layers
from deepwright.verbs.restyle.eyes import RunEyes, eyes_of
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
    seen, before = Seen(RunEyes(judge)), [parameter.clone() for parameter in judge.network.parameters()]
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
    seen, style = Seen(RunEyes(run(tmp_path, channels))), picture(2)
    wanted = seen.wanted(style)
    with torch.no_grad():
        own, other = (float(seen.apart(one, wanted, Draw(0), 16)) for one in (style, style * 0.2))
    assert own == 0.0 < other


def test_the_style_as_the_network_sees_it_moves_over(tmp_path: Path) -> None:
    seen, knobs = (
        Seen(RunEyes(run(tmp_path))),
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
        RunEyes(run(tmp_path, task=None))
    with pytest.raises(Refused, match="does not answer from one picture alone"):
        RunEyes(run(tmp_path, features={}))
    with pytest.raises(Refused, match="no convolutions"):
        RunEyes(run(tmp_path, network=nn.Linear(2, 2)))


def weights_file(path: Path) -> Path:
    """Drawn weights of EfficientNet-Lite0, with statistics that keep values in range."""
    generator, drawn = torch.Generator().manual_seed(1), {}
    for layer in layers():
        fan = layer.shape[1] * layer.shape[2] * layer.shape[3]
        drawn[f"{layer.name}.weight"] = torch.randn(layer.shape, generator=generator) * (2 / fan) ** 0.5
        for part, value in (("weight", 1.0), ("bias", 0.1), ("running_mean", 0.0), ("running_var", 1.0)):
            drawn[f"{layer.norm}.{part}"] = torch.full(layer.shape[:1], value)
    save_file(drawn, path)
    return path


def test_a_file_of_weights_sees_pictures_of_any_size(tmp_path: Path) -> None:
    seen, pixels = Seen(eyes_of(weights_file(tmp_path / "lite0.safetensors"))), picture(1, 130, 70).requires_grad_()
    maps = seen.maps(pixels)
    assert [tuple(map_.shape[1:]) for map_ in maps] == [(16, 65, 35), (24, 33, 18), (40, 17, 9), (112, 9, 5)]
    maps[-1].square().mean().backward()
    assert bool((pixels.grad != 0).any())  # type: ignore[union-attr]
    with torch.no_grad():
        wanted = seen.wanted(picture(2))
        own, other = (float(seen.apart(one, wanted, Draw(0), 16)) for one in (picture(2), picture(2) * 0.2))
    assert own == 0.0 < other


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "lite0.safetensors")
    stored = load_file(path)
    larger = {**stored, "_blocks.16._bn1.weight": torch.ones(3)}
    wider = {**stored, "_conv_stem.weight": torch.ones(40, 3, 3, 3)}
    less = {name: tensor for name, tensor in stored.items() if not name.startswith("_bn1")}
    for name, tensors in (("a", larger), ("b", wider), ("c", less), ("d", {"w": torch.ones(2)})):
        save_file(tensors, tmp_path / f"{name}.safetensors")
        with pytest.raises(Refused, match=f"{name}.safetensors holds the weights of a network that is not known here"):
            eyes_of(tmp_path / f"{name}.safetensors")
    (tmp_path / "lite0.pth").write_bytes(b"PK\x03\x04 a pickle")
    with pytest.raises(Refused, match=r"lite0\.pth is no safetensors file.*can run code"):
        eyes_of(tmp_path / "lite0.pth")
    with pytest.raises(DataError, match="no file"):
        eyes_of(tmp_path / "gone.safetensors")
    with pytest.raises(RunError, match="nowhere"):
        eyes_of(tmp_path / "nowhere")
