"""Leaps: what a leap is compared with, where leaps begin, and when they are learnt."""

import pytest
import torch

from deepwright.contracts import LEAPS
from deepwright.draw import Draw
from deepwright.objectives.flow import Flow
from deepwright.objectives.leaps import leaps_missed
from tests.objectives.test_flow import Line, points


class Told(Line):
    """Remembers the leaps it was asked for; the answer is the number of the leap's kind."""

    def __init__(self):
        super().__init__(0.5)
        self.leaps_asked = []

    def ahead(self, z, point, time, leap, heard=None):
        self.leaps_asked.append((point, time, leap, heard))
        return self.w * 0 + leap[:, None].float().expand(point.shape)


class Growth(Line):
    """The way x' = x: leaps as they should be, each of the mean velocity that ends where the way does."""

    def ahead(self, z, point, time, leap, heard=None):
        far = torch.tensor([*(1 / parts for parts in LEAPS), 0.0])[leap][:, None]
        return point * torch.where(far > 0, torch.expm1(far) / far.clamp_min(1e-9), 1.0)


def ends(rows=400):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, 2, generator=generator), torch.randn(rows, 2, generator=generator)


def test_leaps_that_end_where_the_way_does_are_no_mistake():
    goal, noise = ends()
    missed = leaps_missed(Growth(), {}, goal, noise, Draw(0).keyed(torch.arange(400)))
    assert float(missed.max()) < 1e-4  # of the shortest, which the midpoint method teaches
    assert float(missed.median()) < 1e-9


def test_leaps_begin_at_multiples_of_their_length_and_two_halves_teach_a_whole():
    network, (goal, noise) = Told(), ends()
    missed = leaps_missed(network, {}, goal, noise, Draw(0).keyed(torch.arange(400)), torch.ones(400, dtype=torch.bool))
    (point, time, half, heard), (further, later, again, _), (_, begun, kind, _) = network.leaps_asked
    assert bool(heard.all())
    assert torch.equal(half, kind + 1)
    assert torch.equal(again, half)
    assert torch.equal(begun, time)
    assert set(kind.tolist()) == {0, 1, 2, 3}
    parts = torch.tensor(LEAPS)[kind]
    assert bool((time * parts == (time * parts).round()).all())
    assert float(later.max()) < 1
    torch.testing.assert_close(later - time, 0.5 / parts)
    torch.testing.assert_close(point, torch.lerp(noise, goal, time[:, None]))
    torch.testing.assert_close(further - point, ((kind + 1) * 0.5 / parts)[:, None].expand(400, 2))
    torch.testing.assert_close(missed, (1 - time) ** 2)  # by where it leads at the end of the way


def test_only_what_leaps_learns_from_a_leap():
    network, (goal, noise) = Line(0.5), ends(8)
    leaps_missed(network, {}, goal, noise, Draw(0).keyed(torch.arange(8))).sum().backward()
    alone = Line(0.5)
    draw, w = Draw(0).keyed(torch.arange(8)), alone.w.detach()
    kind = draw.at("leap").integers(4, 8)
    parts = torch.tensor(LEAPS)[kind]
    now = ((draw.at("from").uniform(8) * parts).floor() / parts)[:, None]
    point = torch.lerp(noise, goal, now)
    second = w * (point + (0.5 / parts)[:, None] * w * point)
    aim = torch.where((kind == 3)[:, None], second, (w * point + second) / 2)
    ((alone.w * point - aim) * (1 - now)).square().mean(1).sum().backward()
    torch.testing.assert_close(network.w.grad, alone.w.grad)


def test_they_are_learnt_at_the_end_of_the_budget_by_half_of_the_rows():
    network, data = Line(0.25), points(400)
    bound = Flow().bind(None, {}, network)
    for fraction, rows in ((0.0, 400), (0.74, 400), (0.75, None), (1.0, None)):
        network.asked.clear()
        bound.progress(fraction)
        bound.represent("flow", network, data, Draw(3).keyed(data.position))
        (asked,) = network.asked
        assert len(asked[0]) == rows if rows else len(asked[0]) == pytest.approx(200, abs=40)


def test_each_row_leaps_or_not_by_itself():
    network, data = Line(0.5), points(20)
    bound = Flow().bind(None, {}, network)
    bound.progress(0.9)
    whole = bound.represent("flow", network, data, Draw(3).keyed(data.position))["mistake"]
    some = data[torch.tensor([11, 4, 17])]
    part = bound.represent("flow", network, some, Draw(3).keyed(some.position))["mistake"]
    torch.testing.assert_close(part, whole[[11, 4, 17]])


def test_what_it_judges_knows_of_leaps_where_there_are_any():
    data = points()
    plain, leaping = (Flow().bind(None, {}, Line(leaps)) for leaps in (0.0, 0.5))
    assert bool((leaping.judge(Line(0.5), data) > plain.judge(Line(), data)).all())
