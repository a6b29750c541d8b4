"""Soups: joined greedily, kept only when validation says so, statistics measured anew."""

from pathlib import Path

import torch
from torch import Tensor, nn

from deepwright.contracts import Network
from deepwright.data.pack import Packed, from_fields
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.training.tensor_files import write_tensors
from deepwright.verbs.tune.soup import Soup, mean_of, restated, soup


class Line(Network):
    """One weight, and a count that is no weight."""

    def __init__(self, value: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.register_buffer("count", torch.tensor(3))


def stored(folder: Path, *values: float) -> list[tuple[int, Path]]:
    """Weights of other trials, numbered from 1."""
    places = []
    for number, value in enumerate(values, 1):
        path = folder / f"{number}.safetensors"
        write_tensors(path, {"weight": torch.tensor([value]), "count": torch.tensor(9)})
        places.append((number, path))
    return places


def mixed(network: Network, others: list[tuple[int, Path]], target: float) -> Soup:
    return soup(
        network,
        0,
        others,
        lambda: abs(float(network.get_parameter("weight").detach()) - target),
        "lower",
        lambda mean: None,
    )


def test_members_join_only_while_the_average_gets_better(tmp_path: Path) -> None:
    network = Line(1.0)
    found = mixed(network, stored(tmp_path, 3.0, 9.0, 2.0), target=2.0)
    assert (found.trials, found.tried, found.alone, found.value) == ((0, 1, 3), 3, 1.0, 0.0)
    assert found.kept
    assert float(network.weight.detach()) == 2.0
    assert int(network.get_buffer("count")) == 3


def test_nothing_is_kept_when_the_winner_alone_is_best(tmp_path: Path) -> None:
    network = Line(2.0)
    found = mixed(network, stored(tmp_path, 3.0, 9.0), target=2.0)
    assert (found.trials, found.kept, found.value) == ((0,), False, None)
    assert float(network.weight.detach()) == 2.0


def test_higher_may_be_better(tmp_path: Path) -> None:
    network = Line(1.0)
    found = soup(network, 0, stored(tmp_path, 3.0), lambda: float(network.weight.detach()), "higher", lambda mean: None)
    assert (found.value, float(network.weight.detach())) == (2.0, 2.0)


def test_other_architectures_and_lost_weights_are_left_out(tmp_path: Path) -> None:
    write_tensors(tmp_path / "wide.safetensors", {"weight": torch.zeros(2), "count": torch.tensor(3)})
    write_tensors(tmp_path / "named.safetensors", {"other": torch.zeros(1)})
    others = [
        (1, tmp_path / "wide.safetensors"),
        (2, tmp_path / "named.safetensors"),
        (3, tmp_path / "lost.safetensors"),
    ]
    assert mixed(Line(1.0), others, target=2.0).tried == 0


def test_a_figure_that_is_not_a_number_never_wins(tmp_path: Path) -> None:
    network, calls = Line(1.0), iter([0.5, None, None])
    found = soup(network, 0, stored(tmp_path, 3.0, 4.0), lambda: next(calls), "lower", lambda mean: None)
    assert not found.kept
    assert float(network.weight.detach()) == 1.0


def test_means_are_exact_and_keep_their_types() -> None:
    parts: list[dict[str, Tensor]] = [
        {"a": torch.full((2,), value), "n": torch.tensor(k)} for k, value in enumerate((1.0, 2.0, 6.0))
    ]
    mean = mean_of(parts)
    assert mean["a"].tolist() == [3.0, 3.0]
    assert (mean["a"].dtype, int(mean["n"])) == (torch.float32, 0)


class Normed(Network):
    """Batch statistics of one column."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return dict(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        return {"out": Field(self.norm(z["a"].values))}


def test_running_statistics_are_measured_anew() -> None:
    values = torch.randn(600, 2) * 3 + 5
    packed: Packed = from_fields({"a": Field(values)}, {})
    network = Normed().eval()
    restated(network, packed, torch.arange(600))
    assert torch.allclose(network.norm.running_mean, values[:512].mean(0), atol=0.1)  # pyright: ignore[reportArgumentType]
    assert torch.allclose(network.norm.running_var, values[:512].var(0), rtol=0.1)  # pyright: ignore[reportArgumentType]
    assert network.norm.momentum == 0.1
    assert not network.norm.training
