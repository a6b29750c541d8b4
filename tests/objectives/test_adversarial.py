"""Adversarial learning: the loss against formulas, gradients against splitting, resuming and another process."""

import os
import socket
from math import log1p

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from deepwright.contracts import Network, Player
from deepwright.core.errors import Refused
from deepwright.data.feed import Feed
from deepwright.data.pack import from_fields
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.models.gan import GAN
from deepwright.models.layers.spectral import tamed
from deepwright.models.mlp import MLP
from deepwright.objectives.adversarial import Adversarial
from deepwright.objectives.differentiable import changed, covered, shifted, toned
from deepwright.objectives.duels import DUELS
from deepwright.training.averages import EMA
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.distributed import joined
from deepwright.training.loop import Trainer
from deepwright.training.optimizers import Adam
from deepwright.training.pace import Pace
from deepwright.training.schedules import Cosine
from deepwright.training.settings import Train
from deepwright.training.step import PlayerStep
from tests.models.fakes import NUMBER, batch, picture

FEATURES = {"p": picture(6, 6)}


class Line(Network):
    """Scores w·x of points in R²; creations are a point plus keyed noise: everything can be worked out by hand."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Linear(1, 2)
        self.discriminator = nn.Linear(2, 1)

    def embed(self, inputs):
        return dict(inputs)

    def body(self, z, draw=None):
        x = z["x"].values
        return {"score": Field(self.discriminator(x) * x.square().sum(1, keepdim=True))}  # a slope that depends on x

    def sample(self, n, draw, condition=None):
        return {"x": Field(self.generator(draw.at("latent").normal(n, 1)))}


def bound(network=None, **settings):
    from tests.models.fakes import PAIR  # half its range is 3

    return Adversarial(**settings).bind(None, {"x": PAIR}, network or Line())


def points(rows=5):
    x = torch.randn(rows, 2, generator=torch.Generator().manual_seed(1))
    return Batch({"x": Field(x)}, {}, torch.arange(rows), torch.arange(rows))


def test_slopes_are_those_of_autograd_row_by_row_in_units_of_the_range():
    torch.manual_seed(0)
    network, data = Line(), points()
    draw = Draw(2).keyed(data.position)
    reps = bound(network).represent("discriminator", network, data, draw)
    fake = network.sample(5, draw.of("sample"))["x"].values.detach()
    w, b = network.discriminator.weight[0], network.discriminator.bias
    for side, x in (("real", data.inputs["x"].values), ("fake", fake)):
        square = x.square().sum(1, keepdim=True)
        slope = w * square + 2 * x * (x @ w + b)[:, None]  # d/dx of (w·x + b)|x|²
        torch.testing.assert_close(reps[side], ((x @ w + b) * square[:, 0]))
        torch.testing.assert_close(reps[f"{side}_slope"], (3 * slope).square().sum(1))


def test_the_penalty_teaches_the_weights_as_second_derivatives_say():
    torch.manual_seed(0)
    network, data = Line(), points(1)
    reps = bound(network).represent("discriminator", network, data, Draw(2).keyed(data.position))
    (taught,) = torch.autograd.grad(reps["real_slope"].sum(), network.discriminator.weight)
    x = data.inputs["x"].values[0]
    w, b, square = network.discriminator.weight[0].detach(), network.discriminator.bias.detach(), x @ x
    slope = w * square + 2 * x * (x @ w + b)
    jacobian = torch.eye(2) * square + 2 * torch.outer(x, x)  # of the slope with respect to w
    torch.testing.assert_close(taught[0], 2 * 9 * slope @ jacobian)


def test_losses_are_those_of_the_papers():
    reps = {"real": torch.tensor([1.0, -2.0]), "fake": torch.tensor([0.5, 3.0]), "real_slope": torch.tensor([2.0, 0.0]),
            "fake_slope": torch.tensor([4.0, 6.0])}  # fmt: skip
    softplus = lambda x: max(x, 0) + log1p(2.718281828459045 ** -abs(x))  # noqa: E731
    pairs, each = bound(gamma=0.2), bound(gamma=0.2, loss="non_saturating")
    found = pairs.loss("discriminator", reps, points(2), Draw(0))
    assert found.value.tolist() == pytest.approx([softplus(-0.5) + 0.1 * 6, softplus(5.0) + 0.1 * 6], abs=1e-6)
    assert float(found.logs["accuracy"]) == 0.5
    assert float(found.logs["penalty"]) == pytest.approx(0.6)
    assert pairs.loss("generator", reps, points(2), Draw(0)).value.tolist() == pytest.approx(
        [softplus(0.5), softplus(-5.0)]
    )
    wanted = [softplus(-1.0) + softplus(0.5) + 0.6, softplus(2.0) + softplus(3.0) + 0.6]
    assert each.loss("discriminator", reps, points(2), Draw(0)).value.tolist() == pytest.approx(wanted, abs=1e-6)
    assert each.loss("generator", reps, points(2), Draw(0)).value.tolist() == pytest.approx(
        [softplus(-0.5), softplus(-3.0)]
    )


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [
        ("hinge", [0.0 + 1.5, 3.0 + 4.0], [-0.5, -3.0]),
        ("wgan_gp", [-0.5, 5.0], [-0.5, -3.0]),
        ("least_squares", [0.125, 4.5 + 4.5], [0.125, 2.0]),
    ],
)
def test_other_duels_are_those_of_their_papers(loss, discriminator, generator):
    real, fake, duel = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]), DUELS[loss]
    assert duel.discriminator(real, fake).tolist() == pytest.approx(discriminator)
    assert duel.generator(real, fake).tolist() == pytest.approx(generator)


@pytest.mark.parametrize("loss", list(DUELS))
def test_every_loss_trains_both_players(loss):
    made = trainer(steps=5, loss=loss)
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    after = finished(made)
    for part in ("generator.out", "discriminator.score"):
        assert not torch.equal(after[f"{part}.weight"], before[f"{part}.weight"]), part
    assert all(bool(value.isfinite().all()) for value in after.values())


def test_a_slope_of_one_between_real_and_created_costs_nothing():
    class Flat(Line):
        def body(self, z, draw=None):
            return {"score": Field(z["x"].values[:, :1] / 3)}  # the box runs from -3 to 3: slope 1 in units of its half

    network = Flat()
    data = points()
    reps = bound(network, loss="wgan_gp").represent("discriminator", network, data, Draw(2).keyed(data.position))
    torch.testing.assert_close(reps["between"], torch.zeros(5))


def test_san_learns_the_direction_from_fixed_features_and_the_rest_along_a_fixed_direction():
    torch.manual_seed(1)
    network = GAN(latent=4, width=4).build(FEATURES, {}, 40)
    data = batch(FEATURES, 6)
    made = Adversarial(loss="san", gamma=0.0).bind(None, FEATURES, network)
    reps = made.represent("discriminator", network, data, Draw(2).keyed(data.position))
    first, last = network.discriminator.down[0].weight, network.discriminator.score.weight
    own = torch.autograd.grad(reps["real"].sum(), [first, last], retain_graph=True, allow_unused=True)
    turn = torch.autograd.grad(reps["real_turn"].sum(), [first, last], allow_unused=True)
    assert own[0] is not None
    assert own[1] is None
    assert turn[0] is None
    assert turn[1] is not None
    features, direction = network.directed(network.embed(data.inputs))
    whole = network.body(network.embed(data.inputs))["score"].values
    torch.testing.assert_close((features * direction).sum(1, keepdim=True) + network.discriminator.score.bias, whole)


def test_gamma_falls_over_the_budget_and_can_be_scaled_within_bounds():
    made = bound(gamma=0.2)
    assert made.gamma == pytest.approx(0.2)
    made.progress(0.5)
    assert made.gamma == pytest.approx(0.12)
    made.progress(1.0)
    assert made.gamma == pytest.approx(0.04)
    assert made.scale_gamma(4.0)
    assert made.gamma == pytest.approx(0.16)
    assert made.scale_gamma(1e9)
    assert not made.scale_gamma(2.0)
    other = bound(gamma=0.2)
    other.load(made.state())
    assert other.gamma == made.gamma == pytest.approx(1.28)


def test_the_share_of_changed_rows_is_raised_where_there_is_something_to_change():
    pictures = Adversarial().bind(None, {"p": picture(9, 9)}, Line())
    assert pictures.raise_share()
    assert [pictures.raise_share() for _ in range(8)] == [True] * 7 + [False]
    assert pictures.share == 0.8
    plain = bound()
    assert not plain.raise_share()
    assert plain.share == 0.0


def test_changes_meet_their_share_of_rows_keyed_and_pass_gradients():
    x = torch.rand(400, 6, 6, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for name in ("shift", "cutout", "colour"):
        draw = Draw(4).keyed(torch.arange(400))
        made = changed(x, (name,), 0.5, draw)
        moved = (made != x).flatten(1).any(1)
        assert 150 < int(moved.sum()) < 250
        alone = changed(x[7:9], (name,), 0.5, Draw(4).keyed(torch.tensor([7, 8])))
        torch.testing.assert_close(alone, made[7:9])
        (slope,) = torch.autograd.grad(made.sum(), x)
        assert bool((slope != 0).any())
    assert changed(x, (), 1.0, Draw(0)) is x
    rows = torch.rand(4, 3)
    assert changed(rows, ("shift", "cutout", "colour"), 1.0, Draw(0)) is rows


def test_a_covered_block_has_half_the_side_and_tones_keep_the_spatial_order():
    block = covered(torch.ones(50, 8, 8, 1), Draw(1)) == 0
    inside = block.flatten(1).sum(1)
    assert int(inside.max()) == 16
    assert int(inside.min()) >= 4
    x = torch.rand(3, 5, 5, 1)
    toned_x = toned(x, Draw(2))
    assert all(torch.equal(a.flatten().argsort(), b.flatten().argsort()) for a, b in zip(x, toned_x, strict=True))


def test_no_layer_of_a_spectral_discriminator_stretches():
    weight = 5 * torch.randn(7, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert float(torch.linalg.matrix_norm(tamed(weight).flatten(1), 2)) == pytest.approx(1.0, abs=0.02)
    small = weight / 1000
    assert torch.equal(tamed(small), small)


def test_gamma_grows_with_the_values_and_zero_needs_no_slopes():
    assert Adversarial().bind(None, {"p": picture(28, 28)}, Line()).gamma == pytest.approx(1.0)
    assert Adversarial().bind(None, {"p": picture(14, 14)}, Line()).gamma == pytest.approx(0.25)
    assert bound().gamma == pytest.approx(0.00125), "rows of few numbers"
    data = points()
    network = Line()
    reps = bound(network, gamma=0.0).represent("discriminator", network, data, Draw(2).keyed(data.position))
    assert reps.keys() == {"real", "fake"}


def test_slopes_of_one_row_in_so_many_are_looked_at_in_turn_with_that_much_more_weight():
    data, network = points(), Line()
    few, all_ = bound(network, gamma=0.2, every=3), bound(network, gamma=0.2)
    seen = torch.zeros(5)
    for step in range(6):
        draw = Draw(2, step).keyed(data.position)
        reps, whole = (one.represent("discriminator", network, data, draw) for one in (few, all_))
        mine = data.position % 3 == step % 3
        seen += mine
        for name in ("real_slope", "fake_slope"):
            torch.testing.assert_close(reps[name], torch.where(mine, whole[name], 0.0))
        torch.testing.assert_close(reps["real"], whole["real"])
        own, other = (one.loss("discriminator", r, data, draw) for one, r in ((few, reps), (all_, whole)))
        plain = few._duel.discriminator(reps["real"], reps["fake"])
        torch.testing.assert_close((own.value - plain)[mine], 3 * (other.value - plain)[mine])
        torch.testing.assert_close(own.value[~mine], plain[~mine])
    assert seen.tolist() == [2.0] * 5  # each row's turn comes once in three steps
    grid = Adversarial().bind(
        None, {"p": picture(28, 28)}, GAN(width=2, blocks=0).build({"p.x": picture(28, 28)}, {}, 9)
    )
    assert (grid._every, all_._every) == (8, 1)


def test_a_piece_without_a_row_whose_turn_it_is_has_no_slopes():
    data, network = points(5), Line()
    some = Batch({"x": data.inputs["x"][torch.tensor([1, 2])]}, {}, data.row[1:3], data.position[1:3])
    draw = Draw(2, 8).keyed(some.position)
    reps = bound(network, gamma=0.2, every=8).represent("discriminator", network, some, draw)
    assert reps["real_slope"].tolist() == [0.0, 0.0]
    bound(network, every=8).loss("discriminator", reps, some, draw).value.sum().backward()


def test_rows_with_a_missing_part_weigh_nothing():
    data = points(3)
    field = Field(data.inputs["x"].values, None, torch.tensor([True, False, True]))
    missing = Batch({"x": field}, {}, data.row, data.position, torch.tensor([2.0, 2.0, 1.0]))
    assert bound().weight("generator", missing).tolist() == [2.0, 0.0, 1.0]


def test_a_network_without_two_players_is_refused():
    network = MLP(width=4).build({"a": NUMBER}, {"y": 1}, 10)
    with pytest.raises(Refused, match="choose the model gan"):
        Adversarial().bind(None, {"a": NUMBER}, network)


def test_shifts_move_rows_by_whole_units_repeat_the_edge_and_pass_gradients():
    x = torch.arange(2 * 4 * 5.0).view(2, 4, 5, 1).requires_grad_()
    moved = shifted(x, Draw(1).keyed(torch.tensor([3, 9])), 0.4)
    columns = [x[0, :, [min(4, max(0, c + s)) for c in range(5)]] for s in range(-2, 3)]
    rows = [c[[min(3, max(0, r + s)) for r in range(4)]] for c in columns for s in range(-2, 3)]
    assert any(torch.equal(moved[0], candidate) for candidate in rows)
    alone = shifted(x[1:], Draw(1).keyed(torch.tensor([9])), 0.4)
    assert torch.equal(alone[0], moved[1])
    moved.sum().backward()
    assert float(x.grad.sum()) == 40.0
    some = [shifted(x.detach()[:1], Draw(seed), 0.4) for seed in range(20)]
    assert len({tuple(one.flatten().tolist()) for one in some}) > 5


def trainer(micro=None, rank=0, ranks=None, steps=6, checkpoints=None, **settings):
    torch.manual_seed(5)
    network = GAN(latent=4, width=4).build(FEATURES, {}, 40)
    objective = Adversarial(share=0.5, **settings).bind(None, FEATURES, network)
    packed = from_fields(batch(FEATURES, 40).inputs, {})
    feed = Feed(packed, torch.arange(40), 16, seed=3, rank=rank, ranks=ranks.count if ranks else 1)
    made = Train(
        budget=f"{steps}steps",
        micro_batch=micro,
        precision="float32",
        optimizer=Adam(lr=1e-3, betas=(0.0, 0.9)),
        schedule=Cosine(),
        average=EMA(decay=0.9),
    )
    pace = Pace(made.budget, feed.steps_per_epoch, clock=lambda: 0.0)
    pace.plan()
    return Trainer(network, objective, feed, made, pace, None, checkpoints, **({"ranks": ranks} if ranks else {}))


def finished(made):
    for _ in made.run():
        pass
    return {name: value.clone() for name, value in made.network.state_dict().items()}


def assert_close(found, wanted):
    for name, value in wanted.items():
        if name == "discriminator.score.bias":
            continue  # pairs are compared: what all scores share wins nothing, and only rounding moves it
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-4, msg=lambda m, name=name: f"{name}: {m}")


def test_a_batch_in_pieces_trains_the_same_weights():
    assert_close(finished(trainer(micro=5)), finished(trainer()))


def test_slopes_in_half_precision_teach_nearly_the_same():
    def taught(precision):
        made = trainer()
        step = PlayerStep(
            Player("discriminator", "discriminator."),
            made.network,
            made.objective,
            made.settings.model_copy(update={"precision": precision, "clip": None}),
            made.ranks,
        )
        step.optimizer.step = lambda *_: None
        step.run(made.feed, made.feed.at(0), 0, 1.0)
        return torch.cat([p.grad.flatten() for p in made.network.discriminator.parameters()])

    half, full = taught("bfloat16"), taught("float32")
    assert not torch.equal(half, full)
    assert float(torch.cosine_similarity(half, full, dim=0)) > 0.99


def test_killed_and_resumed_is_bit_for_bit_the_same(tmp_path):
    whole = finished(trainer(micro=7))
    first = trainer(micro=7, checkpoints=Checkpoints(tmp_path))
    for _ in range(3):
        first.advance()
    first.checkpoints.save(first.checkpoint())
    first.advance()  # lost
    second = trainer(micro=7)
    second.resume(Checkpoints(tmp_path).latest())
    resumed = finished(second)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def _one_rank(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
    torch.set_num_threads(1)
    with joined() as ranks:
        torch.save(finished(trainer(micro=5, rank=rank, ranks=ranks)), folder / f"{rank}.pt")


@pytest.mark.slow
def test_two_ranks_with_accumulation_train_the_network_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_one_rank, args=(port, tmp_path), nprocs=2)
    both = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(both[0][name], both[1][name]) for name in both[0])
    assert_close(both[0], finished(trainer()))
