"""MLP for plain columns: embedded numbers, and several networks in one that share nearly all weights."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature, Network, Suits
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.inputs import Embed, is_vector
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.numeric import PiecewiseLinear
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["ACTIVATIONS", "MLP", "MLPNetwork"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu, "gelu": F.gelu, "silu": F.silu, "tanh": torch.tanh, "mish": F.mish, "selu": F.selu,
}  # fmt: skip
WARM_ROWS = 20_000
WHOLE = {"width": 256, "members": 8}
SMALL = {"width": 192, "members": 4}  # learns twice as many epochs in the same time
WORTHWHILE = 24  # epochs of the whole network that are worth more than those


@models.register
class MLP(Config):
    """Layers of units that are fully connected.

    With `members` > 1 it is an ensemble in one network in the manner of TabM (Gorishniy et al. 2025, arXiv 2410.24210):
    every layer's weights are shared, each member scales its inputs and outputs and has a head of its own.

    Args:
        width, depth: of the hidden layers. members: networks in one. Where a width or a number of members is not given,
            it is 256 and 8, or 192 and 4 where a wall-clock budget affords fewer than 24 epochs of that.
        numbers: how numbers enter: "bins" (piecewise-linear embeddings) or "plain".
        bins, number_width, category_width: sizes of the embeddings.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"
    objective: ClassVar[str] = "supervised"

    kind: Literal["mlp"] = "mlp"
    width: int | None = Setting(None, ge=1)
    depth: int = Setting(2, ge=0)
    members: int | None = Setting(None, ge=1)
    activation: Literal["relu", "gelu", "silu", "tanh", "mish", "selu"] = "relu"
    norm: Literal["none", "layer"] = "none"
    dropout: float = Setting(0.1, ge=0.0, lt=1.0, json_schema_extra=OFF)
    numbers: Literal["bins", "plain"] = "bins"
    bins: int = Setting(32, ge=2)
    number_width: int = Setting(12, ge=1)
    category_width: int = Setting(8, ge=1)

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        if spaces and all(is_vector(space) for space in spaces.values()):
            return Suits(0.9, cls(), "plain columns only")
        return None

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        batch = 128 if rows < 4_000 else 256 if rows < 100_000 else 1024
        return {
            "batch": batch, "optimizer": {"kind": "adamw", "lr": 2e-3, "weight_decay": 3e-2}, "average": {"kind": "ema", "decay": 0.99}, "clip": 1.0,
            "schedule": {"kind": "cosine", "warmup": 0.02}, "early_stopping": {"patience": 16},
            "longest": 100,
        }  # fmt: skip

    def sized(self, epochs: float) -> "MLP":
        """Its settings for a budget that affords `epochs` of the whole network."""
        usual = WHOLE if epochs >= WORTHWHILE else SMALL
        given = {name: value for name in usual if (value := getattr(self, name)) is not None}
        return self.model_copy(update=usual | given)

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        batch = self.recommended(rows)["batch"]
        return {
            "model.width": [128, 256, 512], "model.depth": {"int": [1, 4]}, "model.dropout": {"float": [0.0, 0.5]},
            "model.activation": ["relu", "gelu"], "train.batch": [batch // 2, batch, batch * 2],
        }  # fmt: skip

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "MLPNetwork":
        if not features:
            raise Refused("An mlp needs at least one input column.")
        for name, feature in features.items():
            if not is_vector(feature.space):
                raise Refused(
                    f"The model 'mlp' takes plain columns; '{name}' is not one. Use cnn for pictures, fusion for mixtures."
                )
        settings = self if None not in (self.width, self.members) else self.sized(math.inf)
        return MLPNetwork(settings, features, heads)


class MemberLinear(nn.Module):
    """A linear layer shared by K members, each with its own scaling of inputs and outputs and its own bias.

    BatchEnsemble (Wen et al. 2020, arXiv 2002.06715): y = ((x ∘ r) W) ∘ s + b. (B, K, in) → (B, K, out).
    """

    def __init__(self, size: int, width: int, members: int, first: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, size))
        nn.init.uniform_(self.weight, -(size**-0.5), size**-0.5)
        start = torch.randint(0, 2, (members, size)) * 2.0 - 1 if first and members > 1 else torch.ones(members, size)
        self.into = nn.Parameter(start)
        self.out = nn.Parameter(torch.ones(members, width))
        bound = size**-0.5
        self.bias = nn.Parameter(torch.empty(members, width).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, F.linear(x * self.into, self.weight), self.out)


class MemberHead(nn.Module):
    """A linear head a member: (B, K, in) → (B, K, D)."""

    def __init__(self, size: int, width: int, members: int):
        super().__init__()
        bound = size**-0.5
        self.weight = nn.Parameter(torch.empty(members, size, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class MLPNetwork(Network):
    """See `MLP`."""

    def __init__(self, settings: MLP, features: Mapping[str, FittedFeature], heads: Mapping[str, int]):
        super().__init__()
        width, members = settings.width, settings.members
        assert width is not None
        assert members is not None
        self._settings, self.members = settings, members
        self.inputs = Embed(features, settings.category_width)
        count, binned = self.inputs.numbers, settings.numbers == "bins"
        self.numbers = PiecewiseLinear(count, settings.bins, settings.number_width) if count and binned else None
        size = count * (settings.number_width + 1 if binned else 1) + len(self.inputs.ids) * self.inputs.width
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for place in range(settings.depth):
            self.layers.append(MemberLinear(size, width, self.members, place == 0))
            self.norms.append(nn.LayerNorm(width) if settings.norm == "layer" else nn.Identity())
            size = width
        self.heads = nn.ModuleDict({name: MemberHead(size, count, self.members) for name, count in heads.items()})

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        parts = []
        if self.inputs.boxes:
            x = self.inputs.number_matrix(z)
            parts.append(x)
            if self.numbers is not None:
                parts.append(self.numbers(x).flatten(1))
        if self.inputs.ids:
            parts.append(self.inputs.id_matrix(z))
        x = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
        hidden = x.unsqueeze(1).expand(-1, self.members, -1)
        activation = ACTIVATIONS[self._settings.activation]
        for place, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            hidden = activation(norm(layer(hidden)))
            hidden = dropout(hidden, self._settings.dropout, draw, f"layer{place}")
        outputs = {name: head(hidden) for name, head in self.heads.items()}
        return {name: Field(value if self.members > 1 else value[:, 0]) for name, value in outputs.items()}

    @torch.no_grad()
    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        for name, start in bias.items():
            self.heads[name].bias.copy_(start.expand_as(self.heads[name].bias))
        if self.numbers is not None:
            self.numbers.warm(self.inputs.first_numbers(batches(), WARM_ROWS))
