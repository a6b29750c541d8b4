"""What every network promises, as checks on a built one."""

import torch

from deepwright.draw import Draw


def outputs(network, batch, draw=None):
    return {name: field.values for name, field in network.body(network.embed(batch.inputs), draw).items()}


def check_shapes(network, batch, heads):
    for name, values in outputs(network, batch).items():
        wanted = (len(batch), heads[name]) if network.members == 1 else (len(batch), network.members, heads[name])
        assert values.shape == wanted
        assert bool(values.isfinite().all())


def check_rows_apart(network, batch, training):
    """A row's outputs do not change with the rest of the batch; in training its draw is keyed by its position."""
    network.train(training)
    draw = Draw(3, 5) if training else None
    keyed = draw.keyed(batch.position) if draw else None
    whole = outputs(network, batch, keyed)
    for rows in (torch.tensor([5]), torch.tensor([6, 2, 3])):
        part = batch[rows]
        alone = outputs(network, part, draw.keyed(part.position) if draw else None)
        for name, values in whole.items():
            assert torch.allclose(alone[name], values[rows], atol=1e-5), (name, rows)
    if training:
        again = outputs(network, batch, Draw(3, 6).keyed(batch.position))
        assert any(not torch.equal(again[name], whole[name]) for name in whole), "the draw changes nothing"


def check_gradients(network, batch, without=()):
    """Once no weight is exactly zero, every parameter but those named gets a finite gradient that is not all zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    network.train()
    loss = sum(values.square().sum() for values in outputs(network, batch, Draw(1).keyed(batch.position)).values())
    loss.backward()
    for name, parameter in network.named_parameters():
        if name.startswith(tuple(without)):
            continue
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert float(parameter.grad.abs().sum()) > 0, name
    network.zero_grad(set_to_none=True)


def check_round_trip(network, other, batch):
    """A fresh network with the state of a trained one answers alike."""
    network.eval()
    other.eval()
    before = outputs(network, batch)
    assert any(not torch.equal(values, before[name]) for name, values in outputs(other, batch).items())
    other.load_state_dict(network.state_dict())
    for name, values in outputs(other, batch).items():
        assert torch.equal(values, before[name])
