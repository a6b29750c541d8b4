"""Fusion: pictures with plain columns."""

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.fields import Field
from deepwright.models.cnn import CNN
from deepwright.models.fusion import Fusion
from deepwright.spaces import Simplex
from tests.models.checks import check_gradients, check_round_trip, check_rows_apart, check_shapes, outputs
from tests.models.fakes import CATEGORY, NUMBER, SCALED, Fake, batch, picture

HEADS = {"logits": 3}
ALL = {"p": picture(5, 5), "x": NUMBER, "q": picture(1, 3, 3), "c": CATEGORY, "s": SCALED}
SETTINGS = [
    Fusion(width=12, picture=CNN(widths=(4, 4))),
    Fusion(width=12, depth=1, picture=CNN(widths=(4,), norm="group", style="classic"), dropout=0.4),
]


def built(settings, features=ALL, seed=0):
    torch.manual_seed(seed)
    network = settings.build(features, HEADS, 100)
    data = batch(features, 100, seed=9)
    network.warm(lambda: data.split(30), {"logits": torch.tensor([1.0, 2.0, 3.0])})
    return network


def absent(rows=8):
    """A batch in which every second row lacks the picture p."""
    whole = batch(ALL, rows)
    present = torch.arange(rows) % 2 == 0
    return batch(ALL, rows, p=Field(whole.inputs["p"].values, present=present)), present


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("features", [ALL, {"p": picture(5, 5)}, {"x": NUMBER}, {"p": picture(1, 1), "c": CATEGORY}])
def test_promises(settings, features):
    network, data = built(settings, features), batch(features)
    pictures = any(len(feature.space.shape) == 3 for feature in features.values())
    assert network.couples_rows == (pictures and settings.picture.norm == "batch")
    network.eval()
    check_shapes(network, data, HEADS)
    check_rows_apart(network, data, training=False)
    if not network.couples_rows:
        check_rows_apart(network, data, training=True)
    check_round_trip(network, built(settings, features, seed=1), data)


@pytest.mark.parametrize("settings", SETTINGS)
def test_gradients_reach_every_parameter(settings):
    check_gradients(built(settings), batch(ALL, 64), without=("absent",))
    check_gradients(built(settings), absent(64)[0], without=("absent.1",))


def test_an_absent_picture_does_not_matter():
    network = built(SETTINGS[1]).eval()
    data, present = absent()
    before = outputs(network, data)["logits"]
    values = data.inputs["p"].values.clone()
    values[~present] = 200
    inputs = dict(data.inputs) | {"p": Field(values, present=present)}
    after = network.body(network.embed(inputs))["logits"].values
    assert torch.equal(before, after)
    values[present] = 200
    assert not torch.equal(network.body(network.embed(inputs))["logits"].values, after)


def test_warm_sees_numbers_through_their_embedders():
    network = built(SETTINGS[0], {"s": SCALED, "p": picture(5, 5)})
    stored = batch({"s": SCALED, "p": picture(5, 5)}, 100, seed=9).inputs["s"].values
    assert float(-network.numbers.shift[0, 0] / network.numbers.slope[0, 0]) == pytest.approx(
        float(stored.min()) * 10, rel=1e-4
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(Refused, match="cannot take s"):
        Fusion().build({"p": picture(5, 5), "s": Fake(Simplex(3))}, HEADS, 10)
    with pytest.raises(Refused, match="at least one input"):
        Fusion().build({}, HEADS, 10)
