"""What every model that creates promises of its creations."""

from typing import TYPE_CHECKING

import torch

from deepwright.draw import Draw
from deepwright.spaces import Box
from deepwright.testing.fields import expect
from deepwright.training.frozen import frozen_statistics

if TYPE_CHECKING:
    from deepwright.testing.models import Case

__all__ = ["creations_are_keyed", "creations_come_from_latents"]

_CLOSE = 2e-5


def creations_are_keyed(case: "Case") -> None:
    """Creation k is the same in any company and lies in the space; not all are the same."""
    if case.settings.learns == "target":
        return
    network = case.network
    with frozen_statistics(network), torch.no_grad():
        made = network.sample(6, Draw(2).keyed(torch.arange(6)))
        part = network.sample(2, Draw(2).keyed(torch.tensor([4, 1])))
    taken = case.settings.takes({name: feature.space for name, feature in case.features.items()})
    expect(set(made) == set(taken), f"{case}: creations are columns {sorted(made)}, not {sorted(taken)}.")
    differ = any(bool((field.values[1:] != field.values[:1]).any()) for field in made.values())
    expect(differ, f"{case}: all creations are the same.")
    for name, field in made.items():
        space, values = case.features[name].space, field.values
        close = torch.allclose(part[name].values, values[[4, 1]], atol=_CLOSE)
        expect(close, f"{case}: a creation depends on its company.")
        expect(len(case.features[name].decode(field)) == 6, f"{case}: creations cannot be decoded.")
        if isinstance(space, Box):
            inside = bool(((values >= space.low - 1e-4) & (values <= space.high + 1e-4)).all())
            expect(inside and values.shape[1:] == space.shape, f"{case}: creations lie outside the space of '{name}'.")


def creations_come_from_latents(case: "Case") -> None:
    """Where there are latents: they make what `sample` makes, row by row, with a gradient; knobs left alone change nothing."""
    network = case.network
    if case.settings.learns == "target":
        return
    draw, knobs = Draw(3).keyed(torch.arange(4)), network.knobs()
    with frozen_statistics(network), torch.no_grad():
        made = network.sample(4, draw)
        plain = network.sample(4, draw, knobs=knobs)
    expect("kind" not in type(knobs).model_fields, f"{case}: knobs are plain settings, without a kind.")
    same = all(torch.equal(made[name].values, field.values) for name, field in plain.items())
    expect(same, f"{case}: the defaults of its knobs are not how it samples without knobs.")
    if network.latent is None:
        return
    with frozen_statistics(network):
        latents = network.latents(4, draw).detach().requires_grad_()
        expect(
            latents.shape == (4, *network.latent), f"{case}: latents are {tuple(latents.shape)}, not {network.latent}."
        )
        again = network.from_latents(latents)
        first = sum((field.values[0].square().sum() for field in again.values()), torch.zeros(()))
        (slope,) = torch.autograd.grad(first, [latents])
    same = all(torch.equal(made[name].values, field.values) for name, field in again.items())
    expect(same, f"{case}: creations of its latents are not those that it samples.")
    expect(bool((slope[0] != 0).any()), f"{case}: creations have no gradient with respect to their latents.")
    expect(not bool((slope[1:] != 0).any()), f"{case}: a creation depends on the latents of another.")
