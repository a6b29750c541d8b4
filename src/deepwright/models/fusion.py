"""Fusion: several pictures, or pictures with plain columns, each through its own encoder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature, Network, Suits
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.cnn import CNN, SCALES
from deepwright.models.inputs import Embed, is_grid, is_vector
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.numeric import PiecewiseLinear
from deepwright.models.layers.trunk import seen
from deepwright.models.mlp import ACTIVATIONS, WARM_ROWS
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["Fusion", "FusionNetwork"]


@models.register
class Fusion(Config):
    """Each picture becomes a vector by a trunk of its own, all plain columns become one; an MLP joins them.

    A picture that is absent (or cannot be read) is replaced by a learnt vector.

    Args:
        picture: settings of the trunks. width, depth, dropout, activation: of the MLP that joins.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"
    objective: ClassVar[str] = "supervised"

    kind: Literal["fusion"] = "fusion"
    picture: CNN = CNN()
    width: int = Setting(256, ge=1)
    depth: int = Setting(2, ge=1)
    activation: Literal["relu", "gelu", "silu", "tanh", "mish", "selu"] = "relu"
    dropout: float = Setting(0.1, ge=0.0, lt=1.0, json_schema_extra=OFF)
    bins: int = Setting(32, ge=2)
    number_width: int = Setting(12, ge=1)
    category_width: int = Setting(8, ge=1)

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        grids = [is_grid(space) for space in spaces.values()]
        if any(grids) and all(is_grid(space) or is_vector(space) for space in spaces.values()):
            return Suits(0.8, cls(), "pictures and plain columns")
        return None

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        return self.picture.recommended(rows, values) | {
            "optimizer": {"kind": "adamw", "lr": 2e-3, "weight_decay": 0.05}
        }

    def sized(self, epochs: float) -> "Fusion":
        return self.model_copy(update={"picture": self.picture.sized(epochs)})

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        batch = self.recommended(rows)["batch"]
        return {
            "model.picture.scale": list(SCALES), "model.picture.blocks": [1, 2], "model.width": [128, 256, 512], "model.depth": {"int": [1, 3]},
            "model.dropout": {"float": [0.0, 0.4]}, "train.batch": [batch // 2, batch, batch * 2],
        }  # fmt: skip

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "FusionNetwork":
        if not features:
            raise Refused("A fusion network needs at least one input column.")
        return FusionNetwork(self, features, heads)


class FusionNetwork(Network):
    """See `Fusion`. Only the trunks of pictures are ever bfloat16."""

    half = True

    def __init__(self, settings: Fusion, features: Mapping[str, FittedFeature], heads: Mapping[str, int]):
        super().__init__()
        self._settings = settings
        self.inputs = Embed(features, settings.category_width)
        self.couples_rows = bool(self.inputs.grids) and settings.picture.norm == "batch"
        trunks = [settings.picture.trunk(self.inputs.shapes[name]) for name in self.inputs.grids]
        self._mirror = [settings.picture.mirrors(features[name].space) for name in self.inputs.grids]
        self.trunks = nn.ModuleList(trunk.to(memory_format=torch.channels_last) for trunk in trunks)
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(trunk.width)) for trunk in trunks)
        count = self.inputs.numbers
        self.numbers = PiecewiseLinear(count, settings.bins, settings.number_width) if count else None
        size = sum(trunk.width for trunk in trunks) + len(self.inputs.ids) * self.inputs.width
        size += count * (settings.number_width + 1)
        self.layers = nn.ModuleList()
        for _ in range(settings.depth):
            self.layers.append(nn.Linear(size, settings.width))
            size = settings.width
        self.heads = nn.ModuleDict({name: nn.Linear(size, width) for name, width in heads.items()})

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        parts = [self._picture(place, z[name], draw is None).float() for place, name in enumerate(self.inputs.grids)]
        with torch.autocast(parts[0].device.type if parts else "cpu", enabled=False):
            if self.numbers is not None:
                numbers = self.inputs.number_matrix(z)
                parts += [numbers, self.numbers(numbers).flatten(1)]
            if self.inputs.ids:
                parts.append(self.inputs.id_matrix(z))
            hidden = torch.cat(parts, 1)
            for place, layer in enumerate(self.layers):
                hidden = ACTIVATIONS[self._settings.activation](layer(hidden))
                hidden = dropout(hidden, self._settings.dropout, draw, f"layer{place}")
            return {name: Field(head(hidden)) for name, head in self.heads.items()}

    def _picture(self, place: int, field: Field, answering: bool) -> Tensor:
        vector = seen(self.trunks[place], field.values.permute(0, 3, 1, 2), answering and self._mirror[place])
        if field.present is None:
            return vector
        return torch.where(field.present[:, None], vector, self.absent[place])

    @torch.no_grad()
    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        for name, start in bias.items():
            self.heads[name].bias.copy_(start)
        if self.numbers is not None:
            self.numbers.warm(self.inputs.first_numbers(batches(), WARM_ROWS))
