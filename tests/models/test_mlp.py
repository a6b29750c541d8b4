"""MLP: plain columns, members in one network."""

import pytest
import torch
from pydantic import ValidationError

from deepwright.core.errors import Refused
from deepwright.fields import Field
from deepwright.models import infer_model
from deepwright.models.layers.numeric import PiecewiseLinear
from deepwright.models.mlp import MLP
from deepwright.spaces import Simplex
from tests.models.checks import check_gradients, check_round_trip, check_rows_apart, check_shapes, outputs
from tests.models.fakes import CATEGORY, NUMBER, PAIR, SCALED, SMALL, Fake, batch, box, picture

MIXED = {"a.b": NUMBER, "two words": PAIR, "c": CATEGORY, "d": SMALL, "e": SCALED}
HEADS = {"logits": 3, "value": 1}
SETTINGS = [
    MLP(width=16),
    MLP(width=16, members=1),
    MLP(width=16, members=3, depth=0),
    MLP(width=16, members=2, norm="layer", numbers="plain", activation="mish", dropout=0.3),
    MLP(width=1, depth=3, members=1, bins=2, number_width=1, category_width=1, activation="tanh"),
]


def built(settings, features=MIXED, seed=0, warm=True):
    torch.manual_seed(seed)
    network = settings.build(features, HEADS, 100)
    if warm:
        data = batch(features, 200, seed=9)
        network.warm(lambda: data.split(64), {"logits": torch.tensor([1.0, 2.0, 3.0]), "value": torch.tensor([4.0])})
    return network


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("features", [MIXED, {"x": NUMBER}, {"c": SMALL}, {"x": PAIR, "y": NUMBER}])
def test_promises(settings, features):
    network, data = built(settings, features), batch(features)
    assert network.members == (settings.members or 8)
    assert not network.couples_rows
    check_shapes(network, data, HEADS)
    check_rows_apart(network, data, training=False)
    if settings.depth and settings.width > 1:
        check_rows_apart(network, data, training=True)
    check_round_trip(network, built(settings, features, seed=1), data)


@pytest.mark.parametrize("settings", SETTINGS[:4])
def test_gradients_reach_every_parameter(settings):
    check_gradients(built(settings), batch(MIXED, 200))


def test_warm_sets_the_biases_of_the_heads():
    network = built(MLP(width=8, members=2))
    assert network.heads["logits"].bias[:, 0].tolist() == [[1, 2, 3]] * 2
    assert network.heads["value"].bias.flatten().tolist() == [4, 4]


def test_warm_sees_numbers_through_their_embedders():
    network = built(MLP(width=8), {"x": SCALED})
    stored = batch({"x": SCALED}, 200, seed=9).inputs["x"].values
    edges = -network.numbers.shift / network.numbers.slope
    assert float(edges[0, 0]) == pytest.approx(float(stored.min()) * 10, rel=1e-4)


def test_members_differ_from_the_start_and_share_weights():
    network = built(MLP(width=16, members=4), warm=False)
    values = outputs(network, batch(MIXED))["logits"]
    assert float(values.detach().std(1).min()) > 0
    single = built(MLP(width=16, members=1), warm=False)
    shared = [name for name, p in network.named_parameters() if name == "layers.1.weight"]
    assert shared
    assert (
        dict(network.named_parameters())["layers.1.weight"].shape
        == dict(single.named_parameters())["layers.1.weight"].shape
    )


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("constant", [0.0, 3.0, -1e6])
def test_constant_columns_and_extreme_values_stay_finite(settings, constant):
    features = {"x": NUMBER, "y": NUMBER}
    torch.manual_seed(0)
    network = settings.build(features, HEADS, 100)
    data = batch(features, 50, x=Field(torch.full((50, 1), constant)))
    network.warm(lambda: iter([data]), {})
    check_shapes(network, data, HEADS)
    far = batch(features, 50, x=Field(torch.linspace(-1e6, 1e6, 50)[:, None]))
    check_shapes(network, far, HEADS)


def test_piecewise_linear_by_hand():
    layer = PiecewiseLinear(1, 2, 2)
    layer.warm(torch.tensor([[0.0], [1.0], [2.0], [6.0], [10.0]]))
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2)[None])
    x = torch.tensor([[-5.0], [0.0], [1.0], [2.0], [4.0], [10.0], [99.0]])
    wanted = [[0, 0], [0, 0], [0.5, 0], [1, 0], [1, 0.25], [1, 1], [1, 1]]
    assert torch.allclose(layer(x)[:, 0], torch.tensor(wanted))


def test_few_distinct_values_need_fewer_bins():
    layer = PiecewiseLinear(1, 32, 4)
    layer.warm(torch.tensor([[0.0], [1.0]] * 20))
    assert int((layer.slope[0] != 0).sum()) <= 2  # the median of two values lies between them
    assert bool(layer(torch.tensor([[0.5]])).isfinite().all())


def test_what_does_not_fit_is_refused():
    with pytest.raises(Refused, match="'p' is not one"):
        MLP().build({"x": NUMBER, "p": picture(5, 5)}, HEADS, 10)
    with pytest.raises(Refused, match="at least one input"):
        MLP().build({}, HEADS, 10)
    for wrong in ({"width": 0}, {"dropout": 1.0}, {"members": 0}, {"bins": 1}, {"wdith": 3}):
        with pytest.raises(ValidationError):
            MLP(**wrong)


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        (MIXED, "mlp"),
        ({"p": picture(5, 5)}, "cnn"),
        ({"p": picture(5, 5), "x": NUMBER}, "fusion"),
        ({"p": picture(5, 5), "q": picture(3, 9)}, "fusion"),
    ],
)
def test_the_natural_family(features, kind):
    assert infer_model(features, HEADS, 100).settings.kind == kind


def test_no_family_for_unknown_spaces():
    for space in (Simplex(3), box(4, 2)):
        with pytest.raises(Refused, match="No model takes these inputs"):
            infer_model({"s": Fake(space)}, HEADS, 10)


def test_a_short_budget_takes_a_smaller_network_unless_its_size_is_given():
    sizes = [(network.width, network.members) for network in map(MLP().sized, (1.0, 23.0, 24.0, 1000.0))]
    assert sizes == [(192, 4), (192, 4), (256, 8), (256, 8)]
    assert MLP(width=64, members=1).sized(1.0) == MLP(width=64, members=1)
    assert MLP(members=1).sized(1.0) == MLP(width=192, members=1)
