"""A loss that leaves for good: back to a healthy state once, the same way each time."""

import itertools
import math
import os
import socket

import pytest
import torch
import torch.multiprocessing as mp

from deepwright.contracts import Loss
from deepwright.core.errors import TrainingError
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.distributed import joined
from deepwright.training.events import RolledBack, Saved, Stepped, Stopped, to_dict
from tests.training.toys import Regression, finished, trainer

STEPS = 60


class Poisoned(Regression):
    """Regression whose loss is `poison` times itself (or, where that is finite, that much) at the given steps."""

    def __init__(self, *steps, poison=math.nan):
        self.steps, self.poison = steps, poison

    def loss(self, player, reps, batch, draw):
        value = super().loss(player, reps, batch, draw).value
        if draw.step not in self.steps:
            return Loss(value)
        return Loss(value * self.poison if math.isnan(self.poison) else value + self.poison)


def made(bound, folder=None, **choices):
    """A trainer that saves a checkpoint after every step (where it has a folder)."""
    trained = trainer("supervised", steps=STEPS, bound=bound, choices=choices,
                      checkpoints=None if folder is None else Checkpoints(folder))  # fmt: skip
    trained.settings = trained.settings.model_copy(update={"checkpoint_seconds": 1e-9})
    trained.pace.clock = lambda: float(trained.step)
    return trained


def told(events):
    """Events as they are logged, their times and those of saving aside."""
    timed = ("seconds", "eta_seconds")
    dicts = (to_dict(event) for event in events if not isinstance(event, Saved))
    return [{name: value for name, value in event.items() if name not in timed} for event in dicts]


def test_it_goes_back_and_on_at_half_the_rate():
    training = made(Poisoned(30))
    events = list(training.run())
    (back,) = [event for event in events if isinstance(event, RolledBack)]
    assert (back.step, back.rate) == (31, 0.5)
    assert 0 < back.to <= 30
    assert "loss is nan" in back.reason
    steps = [event for event in events if isinstance(event, Stepped)]
    assert all(math.isfinite(event.loss) for event in steps)
    peak = max(event.learning_rate for event in steps if event.step < 30)
    usual = {event.step: event.learning_rate for event in made(Regression()).run() if isinstance(event, Stepped)}
    assert peak == usual[1]
    assert all(event.learning_rate == pytest.approx(0.5 * usual[event.step]) for event in steps if event.step > 31)
    assert isinstance(events[-1], Stopped)
    assert events[-1].reason == "budget"
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert all(value.isfinite().all() for value in training.network.state_dict().values())


def test_the_second_time_it_gives_up_and_keeps_what_is_sound():
    training, events = made(Poisoned(30, 45)), []
    told_off = pytest.raises(TrainingError, match=r"step 46 the loss is nan, as before at step 31.*optimizer.lr=0.001")
    with told_off:
        events += iter(training.run())
    assert events[-1].reason == "diverged"
    training.keep_best()
    assert all(value.isfinite().all() for value in training.network.state_dict().values())


def test_weights_that_are_lost_before_any_look_go_back_to_the_start():
    training = made(Poisoned(0), log_every=5, validations=2)
    (back,) = [event for event in training.run() if isinstance(event, RolledBack)]
    assert (back.step, back.to) == (5, 0)
    assert "the start weights" in back.text


def test_a_loss_that_has_risen_and_stays_goes_back_to_before():
    (back,) = [e for e in made(Poisoned(*range(30, 45), poison=1e5)).run() if isinstance(e, RolledBack)]
    assert "risen" in back.reason
    assert back.to <= 30 < back.step
    assert not [e for e in made(Poisoned(*range(30, 36), poison=1e5)).run() if isinstance(e, RolledBack)]


def test_a_rate_that_is_far_too_high_ends_in_a_sentence():
    training = trainer("supervised", steps=STEPS)
    for player in training.players:
        player._start_rates = [1e6 for _ in player._start_rates]
    with pytest.raises(TrainingError, match="Usual causes: a learning rate that is too high"):
        finished(training)


SELDOM = {"log_every": 2, "validations": 3}


@pytest.mark.parametrize(
    ("bound", "choices"),
    [(Poisoned(30), {}), (Poisoned(30), SELDOM),
     (Poisoned(*range(30, 45), poison=1e5), {}), (Poisoned(*range(20, 40), poison=1e5), SELDOM)],
    ids=["nan", "nan, seldom seen", "risen", "risen, seldom seen"],
)  # fmt: skip
def test_wherever_it_is_killed_it_comes_to_the_same(bound, choices, tmp_path):
    whole = made(bound, **choices)
    events = told(whole.run())
    assert sum(event["event"] == "rolled_back" for event in events) == 1
    for step in (3, 29, 31, 34, 38, 41, 50):
        folder = tmp_path / str(step)
        folder.mkdir()
        first = made(bound, folder, **choices)
        before = list(itertools.takewhile(lambda event, s=step: event.step < s, first.run()))
        saved = Checkpoints(folder).latest()
        second = made(bound)
        second.resume(saved)
        after = told(second.run())
        kept = [event for event in told(before) if event["step"] <= saved.step]
        assert kept + after == events, step
        for name, value in second.network.state_dict().items():
            assert torch.equal(value, whole.network.state_dict()[name]), (step, name)


def test_a_broken_state_is_never_saved_or_kept(tmp_path):
    training = made(Poisoned(33), tmp_path, log_every=20, validations=3)
    saved = {event.step for event in training.run() if isinstance(event, Saved)}
    assert saved.isdisjoint(range(34, 40))
    assert {33, 40, 60} <= saved


def test_an_interrupt_while_the_state_is_broken_leaves_healthy_weights(tmp_path):
    training = made(Poisoned(33), tmp_path, log_every=20, validations=3)
    next(event for event in training.run() if isinstance(event, Saved) and event.step == 33)
    training.advance()
    training.advance()
    assert not training._sound()
    training.keep_best()
    assert all(value.isfinite().all() for value in training.network.state_dict().values())


def _one_rank(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
    torch.set_num_threads(1)
    with joined() as ranks:
        training = trainer("supervised", steps=STEPS, bound=Poisoned(30), rank=rank, ranks=ranks)
        events = [to_dict(event) for event in training.run() if isinstance(event, RolledBack)]
        torch.save((training.network.state_dict(), events), folder / f"{rank}.pt")


@pytest.mark.slow
def test_two_ranks_go_back_together(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_one_rank, args=(port, tmp_path), nprocs=2)
    alone = made(Poisoned(30))
    (back,) = [event for event in alone.run() if isinstance(event, RolledBack)]
    (first, events), (second, others) = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert [event["step"] for event in (*events, *others)] == [back.step] * 2
    for name, value in alone.network.state_dict().items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-4)
