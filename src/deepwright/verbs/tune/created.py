"""The figure of networks that create: how far their creations lie from examples they have not seen."""

import torch
from torch import Tensor

from deepwright.contracts import Network
from deepwright.core.seeds import derive
from deepwright.data.pack import Packed
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.making import create
from deepwright.verbs.resemblance import kernel_distances

__all__ = ["created_distance", "created_draws"]

MOST = 256  # creations, and as many real examples


def created_distance(network: Network, packed: Packed, rows: Tensor, seed: int) -> float:
    """The kernel distance between creations and the packed examples `rows`, in `z` units; smaller is better."""
    return created_draws({"network": network}, packed, rows, seed)[0]["network"]


def created_draws(
    networks: dict[str, Network], packed: Packed, rows: Tensor, seed: int
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The distance of each network's creations, and (R,) bootstrap draws under the same weightings of the examples."""
    order = torch.Generator().manual_seed(derive(seed, "created"))
    chosen = rows[torch.randperm(len(rows), generator=order)[:MOST]]
    batch = packed.take(chosen)
    made = {}
    real: Tensor | None = None
    for name, network in networks.items():
        with frozen_statistics(network), torch.inference_mode():
            device = next(network.parameters()).device
            z = network.embed(batch.to(device).inputs)
        columns = sorted(z.keys() - set(network.conditions))
        real = torch.cat([z[column].values.cpu().double().flatten(1) for column in columns], 1)
        created = create(network, seed, 0, len(chosen))
        made[name] = torch.cat([created[column].values.double().flatten(1) for column in columns], 1)
    assert real is not None
    return kernel_distances(real, made, torch.Generator().manual_seed(derive(seed, "kernel")))
