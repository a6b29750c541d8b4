"""The one loop carries five kinds of learning, split, spread, killed and resumed."""

import os
import socket

import pytest
import torch
import torch.multiprocessing as mp

from deepwright.draw import Draw
from deepwright.training.budget import Budget
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.distributed import joined
from deepwright.training.events import Stepped
from deepwright.training.pace import Pace
from tests.training.toys import CASES, finished, trainer

cases = pytest.mark.parametrize("case", list(CASES))


@cases
def test_the_loss_falls(case):
    events = [event for event in trainer(case, steps=60).run() if isinstance(event, Stepped)]
    if case == "adversarial":  # two players have no common loss to fall
        assert all(abs(event.loss) < 10 for event in events)
        return
    assert sum(e.loss for e in events[-5:]) < 0.9 * sum(e.loss for e in events[:5])


@cases
def test_a_batch_in_pieces_gives_the_same_weights(case):
    whole, pieces = finished(trainer(case)), finished(trainer(case, micro=13))
    for name, value in whole.items():
        torch.testing.assert_close(pieces[name], value, rtol=1e-4, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}")


@cases
def test_killed_and_resumed_is_bit_for_bit_the_same(case, tmp_path):
    whole = finished(trainer(case, micro=13))
    first = trainer(case, micro=13, checkpoints=Checkpoints(tmp_path))
    for _ in range(5):
        first.advance()
    first.checkpoints.save(first.checkpoint())
    first.advance()  # lost
    torch.manual_seed(777)  # another process has other default generators
    second = trainer(case, micro=13)
    second.resume(Checkpoints(tmp_path).latest())
    resumed = finished(second)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def _one_rank(rank, port, case, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
    torch.set_num_threads(1)
    with joined() as ranks:
        torch.save(finished(trainer(case, micro=7, rank=rank, ranks=ranks)), folder / f"{case}-{rank}.pt")


def _all_cases(rank, port, folder):
    for number, case in enumerate(CASES):
        _one_rank(rank, port + number, case, folder)


@pytest.mark.slow
def test_two_ranks_with_accumulation_train_the_network_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_all_cases, args=(min(port, 60_000), tmp_path), nprocs=2)
    for case in CASES:
        alone = finished(trainer(case))
        both = [torch.load(tmp_path / f"{case}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        for name, value in alone.items():
            assert torch.equal(both[0][name], both[1][name]), f"{case}: ranks part ways in {name}"
            torch.testing.assert_close(both[0][name], value, rtol=1e-4, atol=1e-5, msg=lambda m, c=case: f"{c}: {m}")


def test_layers_of_others_draw_the_same_after_a_resume(tmp_path):
    def build():
        made = trainer("supervised", checkpoints=Checkpoints(tmp_path))
        made.network.foreign.p = 0.5
        return made

    whole = finished(build())
    first = build()
    for _ in range(5):
        first.advance()
    first.checkpoints.save(first.checkpoint())
    second = build()
    second.resume(Checkpoints(tmp_path).latest())
    resumed = finished(second)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_players_step_in_turn_and_touch_only_their_own_weights():
    made = trainer("adversarial")
    before = {name: value.clone() for name, value in made.network.state_dict().items()}
    made.advance()  # step 0: both
    middle = {name: value.clone() for name, value in made.network.state_dict().items()}
    made.advance()  # step 1: the discriminator alone (the generator steps every second time)
    after = made.network.state_dict()
    assert all(not torch.equal(middle[name], before[name]) for name in before)
    assert all(torch.equal(after[n], middle[n]) == n.startswith("generator.") for n in after)


def test_private_gradients_are_clipped_row_by_row_and_noised():
    made = trainer("private")
    rule = made.objective.players()[0].gradient
    step = made.players[0]
    batch = made.feed.at(0)
    step.optimizer.zero_grad(set_to_none=True)
    rule.add(step._row_loss, batch, Draw(3, 0).of("network"), 1.0)
    together = {name: p.grad.clone() for name, p in step.parameters.items()}
    by_hand = {name: torch.zeros_like(p) for name, p in step.parameters.items()}
    for row in range(len(batch)):
        made.network.zero_grad()
        step._row_loss(batch[row : row + 1], Draw(3, 0).of("network"), 1.0)[0].backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in step.parameters.values()))
        for name, p in step.parameters.items():
            by_hand[name] += p.grad * min(1.0, 0.5 / float(norm))
    for name in by_hand:
        torch.testing.assert_close(together[name], by_hand[name], rtol=1e-4, atol=1e-6)


def test_an_autoregressive_network_learns_to_continue_and_samples_by_creation():
    made = trainer("autoregressive", steps=150)
    finished(made)
    ids = made.network.sample(64, Draw(8).keyed(torch.arange(64)))["x"].values
    follows = ((ids[:, 1:] - ids[:, :-1]) % 6 == 1).float().mean()
    assert follows > 0.9  # chance: 1/6
    few = made.network.sample(5, Draw(8).keyed(torch.arange(20, 25)))["x"].values
    assert torch.equal(few, ids[20:25])


def test_a_broken_checkpoint_is_passed_over(tmp_path):
    made = trainer("supervised", checkpoints=Checkpoints(tmp_path))
    made.advance()
    made.checkpoints.save(made.checkpoint())
    made.advance()
    made.checkpoints.save(made.checkpoint())
    newest = tmp_path / "step-2.safetensors"
    newest.write_bytes(newest.read_bytes()[:-10])
    assert Checkpoints(tmp_path).latest().step == 1


@pytest.mark.parametrize(("budget", "most"), [("600s", 50), ("50steps", None)])
def test_the_finish_that_is_told_is_that_of_the_steps(budget, most):
    now = [0.0]
    running = trainer("supervised", steps=50)
    advance = running.advance
    running.advance = lambda: now.__setitem__(0, now[0] + 0.1) or advance()
    running.pace = Pace(Budget.parse(budget), 10.0, lambda: now[0], most=most)
    running.pace.plan(0.1)
    for event in running.run():
        if isinstance(event, Stepped):
            assert event.eta_seconds == pytest.approx(0.1 * (50 - event.step), abs=0.01)


def test_what_a_look_and_a_checkpoint_take_is_kept_for_the_end_of_a_timed_budget(tmp_path, monkeypatch):
    now = [0.0]

    class Slow:
        calm = True
        looks = 0

        def each(self, trainer):
            now[0] += 0.01  # a step
            yield from ()

        def look(self, trainer):
            now[0], self.looks = now[0] + 3.0, self.looks + 1
            yield from ()

        def state(self):
            return {}

    running = trainer("supervised", steps=4000, checkpoints=Checkpoints(tmp_path))
    save = running.checkpoints.save
    monkeypatch.setattr(running.checkpoints, "save", lambda c: (now.__setitem__(0, now[0] + 2.0), save(c)))
    running.watcher = Slow()
    running.pace = Pace(Budget.parse("40s"), 10.0, lambda: now[0])
    running.choices = {"validations": 4}
    running.pace.plan(0.01)
    running.settings = running.settings.model_copy(update={"checkpoint_seconds": 5.0})
    list(running.run())
    assert running.watcher.looks >= 3
    assert 35 < now[0] <= 41
