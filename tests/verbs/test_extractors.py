"""What creations are compared by, and beside."""

import polars as pl
import torch

from deepwright.features.image import FittedImage
from deepwright.fields import Field
from deepwright.verbs.anchors import blurred, neighbour_mixtures, noise, principal_normal
from deepwright.verbs.extractors import RandomConvolutions, RandomExtractor, scaled


def features() -> dict[str, FittedImage]:
    return {"image": FittedImage(size=(6, 5), channels=1, mean=(0.5,), std=(0.25,))}


def some(n: int, seed: int = 0) -> dict[str, Field]:
    generator = torch.Generator().manual_seed(seed)
    return {"image": Field(torch.rand(n, 6, 5, 1, generator=generator) * 4 - 2)}


def test_random_convolutions_are_the_same_for_ever_and_see_more_than_means() -> None:
    net, again, other = RandomConvolutions(1), RandomConvolutions(1), RandomConvolutions(1, seed=1)
    assert net.hash() == again.hash() != other.hash()
    assert net.hash() == "a4001a00b4c6"
    pictures = scaled(features()["image"], some(4)["image"].values)
    assert float(pictures.min()) >= 0
    assert float(pictures.max()) <= 1
    columns = net(pictures)
    assert columns.shape == (4, 112)
    turned = net(pictures.flip(2))
    assert not torch.allclose(columns, turned, atol=1e-3)  # the same pixels, other edges
    leaf = pictures.clone().requires_grad_()
    net(leaf).sum().backward()
    assert leaf.grad is not None
    assert bool((leaf.grad != 0).any())
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_columns_have_the_scale_of_the_training_examples() -> None:
    known = some(50)
    extract = RandomExtractor(features(), known)
    rows = extract(known)
    assert torch.allclose(rows.mean(0), torch.zeros(112, dtype=torch.float64), atol=1e-9)
    assert abs(float(rows.var(0).mean()) - 1) < 1e-6
    one = {"image": Field(known["image"].values[7:8])}
    assert torch.allclose(extract(one)[0], rows[7], atol=1e-4)


def test_anchors_are_what_they_say() -> None:
    known, generator = some(80), torch.Generator().manual_seed(0)
    flat = {"image": Field(torch.full((2, 6, 5, 1), 0.7))}
    assert torch.allclose(blurred(features(), flat)["image"].values, flat["image"].values)
    sharp = known["image"].values
    soft = blurred(features(), known)["image"].values
    assert torch.isclose(soft[3, 2, 2, 0], sharp[3, 1:4, 1:4, 0].mean())
    assert noise(features(), 9, generator)["image"].values.shape == (9, 6, 5, 1)
    normal = principal_normal(features(), known, 4000, generator)["image"].values
    assert float(normal.min()) >= -2
    assert float(normal.max()) <= 2
    assert torch.allclose(normal.mean(0), sharp.mean(0), atol=0.1)
    columns = sharp.flatten(1).double()
    mixed = neighbour_mixtures(features(), known, columns, 30, generator)["image"].values.flatten(1).double()
    near, apart = torch.cdist(mixed, columns).amin(1), torch.cdist(columns, columns).fill_diagonal_(9).amin(1)
    assert float(near.mean()) < float(apart.mean())


def test_rows_of_frames_and_fields_agree() -> None:
    feature = features()["image"]
    values = some(3)["image"]
    frame = pl.DataFrame({"image": feature.decode(values)})
    stored = feature.encode(frame["image"])
    assert torch.allclose(feature.embedder()(stored.values), values.values, atol=0.02)
