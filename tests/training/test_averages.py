"""Averages of weights: what is in them, which learning rate they want, and that they are kept only where they are better."""

import itertools
import json
import math

import pytest
import torch
from torch import nn

from deepwright.training.averages import EMA, SWA, Snapshots, copied, weights
from deepwright.training.checkpoint import Checkpoint, Checkpoints
from deepwright.training.choosing import BEST, LAST, MOVING, renew_statistics
from deepwright.training.events import Chosen, Saved, to_dict
from deepwright.training.judging import Validation
from deepwright.training.schedules import Cosine
from tests.training.toys import trainer

KINDS = {
    "ema": EMA(decay=0.9),
    "swa": SWA(start=0.5, samples=4),
    "snapshots": Snapshots(cycles=3),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def watched(average, steps=40, **more):
    """A finished training, and the weights after every step."""
    made, trail = trainer("supervised", steps=steps, average=average, **more), []
    usual = made.average.update

    def update(step, before, now):
        trail.append(copied(made.network.state_dict()))
        usual(step, before, now)

    made.average.update = update
    return made, trail, list(made.run())


def mean(many):
    return {name: torch.stack([one[name] for one in many]).mean(0) for name in many[0]}


def close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-5, atol=1e-6)


def test_the_moving_average_by_its_formula():
    made, trail, _ = watched(EMA(decay=0.6))
    expected = copied(trainer("supervised").network.state_dict())
    for step, now in enumerate(trail):
        decay = min(0.6, (1 + step) / (10 + step))
        expected = {name: decay * old + (1 - decay) * now[name] for name, old in expected.items()}
    close(made.average.live, expected)


def test_swa_is_the_mean_of_evenly_spread_late_weights():
    made, trail, _ = watched(SWA(start=0.5, samples=4))
    (tensors,) = made.average.candidates().values()
    close(tensors, mean([trail[step - 1] for step in (25, 30, 35, 40)]))
    assert made.average.live is None


def test_with_fewer_steps_than_samples_every_late_step_counts():
    made, trail, _ = watched(SWA(start=0.5, samples=20), steps=8)
    (tensors,) = made.average.candidates().values()
    close(tensors, mean(trail[4:]))


def test_snapshots_are_averaged_from_the_last_backwards():
    made, trail, _ = watched(Snapshots(cycles=4))
    found = made.average.candidates()
    taken = [trail[step - 1] for step in (40, 30, 20, 10)]
    assert list(found) == [f"mean of the last {k} snapshots" for k in (2, 3, 4)]
    for k, tensors in enumerate(found.values(), 2):
        close(tensors, mean(taken[:k]))


def test_learning_rates():
    schedule = Cosine(warmup=0.1).factor
    assert EMA().rate(schedule, 0.9) == schedule(0.9)
    swa = SWA(start=0.6)
    assert [swa.rate(schedule, f) for f in (0.3, 0.6, 0.8, 1.0)] == [schedule(0.3), *[schedule(0.6)] * 3]
    snapshots = Snapshots(cycles=4)  # eq. 2: half of 1 + cos(π · share of the cycle)
    shares = {0.25: 0.0, 0.375: 0.5, 0.5: 0.0, 0.625: 0.5, 0.9999: 0.9996}
    for fraction, share in shares.items():
        assert snapshots.rate(schedule, fraction) == pytest.approx(0.5 * (1 + math.cos(math.pi * share)), abs=1e-6)
    assert snapshots.rate(schedule, 0.0) == schedule(0.0)  # the warm-up stays
    made, _, _ = watched(snapshots)
    assert made.players[0].learning_rate == pytest.approx(0.01 * snapshots.rate(schedule, 39 / 40))


class Odd(nn.Module):
    """Weights, a constant that no mean may touch, and a count."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("edges", torch.tensor([0.1, 1 / 3, 1e-30, 1e30]))
        self.register_buffer("count", torch.tensor(3))


@kinds
def test_what_does_not_move_stays_to_the_bit(kind):
    network = Odd()
    average = KINDS[kind].build(network)
    for step in range(30):
        network.count += 1
        average.update(step, step / 30, (step + 1) / 30)
    for tensors in [*([average.live] if average.live else []), *average.candidates().values()]:
        assert torch.equal(tensors["edges"], network.edges)
        assert tensors["count"] == 33
        torch.testing.assert_close(tensors["layer.weight"], network.layer.weight)


@kinds
def test_state_goes_through_a_checkpoint(kind, tmp_path):
    network = Odd()
    average, again = KINDS[kind].build(network), KINDS[kind].build(Odd())
    for step in range(25):
        with torch.no_grad():
            network.layer.weight += 0.1
        average.update(step, step / 30, (step + 1) / 30)
    tensors, values = average.state()
    again.load(copied(tensors), json.loads(json.dumps(values)))
    stored = copied(again.state()[0])
    assert stored.keys() == tensors.keys()
    assert all(torch.equal(stored[name], value) for name, value in tensors.items())
    for other in (average, again):
        other._network = network
        other.update(29, 29 / 30, 1.0)
    for name, value in average.state()[0].items():
        assert torch.equal(again.state()[0][name], value)


def test_weights_are_put_back_after_a_failure():
    network = Odd()
    before = copied(network.state_dict())
    seen = []

    def fail():
        with weights(network, {name: value * 2 for name, value in before.items()}):
            seen.append(network.layer.weight.clone())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.equal(seen[0], before["layer.weight"] * 2)
    assert torch.equal(network.layer.weight, before["layer.weight"])


def test_statistics_are_plain_means_over_all_that_is_passed():
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2), nn.BatchNorm1d(2, momentum=0.3)).eval()
    batches = [torch.randn(16, 3) * 2 + 5 for _ in range(4)]
    renew_statistics(network, lambda: [network(batch) for batch in batches])
    torch.testing.assert_close(network[0].running_mean, torch.stack(batches).mean((0, 1)))
    torch.testing.assert_close(network[0].running_var, torch.stack([b.var(0) for b in batches]).mean(0))
    assert (network[0].momentum, network[2].momentum) == (0.1, 0.3)
    assert not network.training
    with pytest.raises(ZeroDivisionError):
        renew_statistics(network, lambda: 1 / 0)
    assert network[2].momentum == 0.3
    assert not network[2].training


def judged(figure, name="loss", better="lower"):
    """A validation whose one figure is what `figure` gives."""
    return Validation(lambda: {name: figure()}, lambda rows: 0.0, name, better)


def size(network):
    return float(network.last.weight.detach().norm())


@pytest.mark.parametrize("better", ["lower", "higher"])
@kinds
def test_only_what_validation_finds_better_is_kept(kind, better):
    """Judged by the length of a weight: an average is shorter or longer than what it is made of, whatever comes out."""
    made = trainer("supervised", steps=40, average=KINDS[kind], choices={"validations": 4})
    made.validation = judged(lambda: size(made.network), "length", better)
    events = list(made.run())
    (chosen,) = [event for event in events if isinstance(event, Chosen)]
    assert events.index(chosen) == len(events) - 2
    names = [MOVING if kind == "ema" else BEST, *made.average.candidates(), *([LAST] if kind == "ema" else [])]
    assert list(chosen.figures) == names
    pick = min if better == "lower" else max
    assert chosen.kept == pick(chosen.figures, key=chosen.figures.get)
    assert size(made.network) == pytest.approx(chosen.figures[chosen.kept])
    assert chosen.text.startswith(f"Kept: {chosen.kept}, with a validation length of")


@pytest.mark.parametrize("value", [1.0, math.nan])
def test_a_tie_or_no_figure_changes_nothing(value):
    made = trainer("supervised", average=SWA(samples=2))
    values = itertools.chain([1.0] * 9, itertools.repeat(value))
    made.validation = judged(lambda: next(values))
    (chosen,) = [event for event in made.run() if isinstance(event, Chosen)]
    assert chosen.kept == BEST
    assert all(torch.equal(tensor, made.best[name]) for name, tensor in made.network.state_dict().items())


def test_without_validation_the_moving_average_is_kept():
    made, _, events = watched(EMA(decay=0.5))
    assert not [event for event in events if isinstance(event, Chosen)]
    close(made.network.state_dict(), made.average.live)


@kinds
def test_wherever_it_is_killed_it_keeps_the_same(kind, tmp_path):
    def build(folder=None):
        made = trainer("supervised", steps=40, average=KINDS[kind], choices={"validations": 4},
                       checkpoints=None if folder is None else Checkpoints(folder))  # fmt: skip
        made.settings = made.settings.model_copy(update={"checkpoint_seconds": 1e-9})
        made.validation = judged(lambda: -size(made.network))
        made.pace.clock = lambda: float(made.step)
        return made

    whole = build()
    expected = [to_dict(event) for event in whole.run()][-2:]
    for step in (13, 27, 39, 40):
        folder = tmp_path / str(step)
        folder.mkdir()
        next(event for event in build(folder).run() if isinstance(event, Saved) and event.step == step)
        again = build()
        saved = Checkpoints(folder).latest()
        assert isinstance(saved, Checkpoint)
        again.resume(saved)
        assert [to_dict(event) for event in again.run()][-2:] == expected, step
        for name, value in whole.network.state_dict().items():
            assert torch.equal(again.network.state_dict()[name], value), (step, name)
