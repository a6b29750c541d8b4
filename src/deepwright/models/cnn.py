"""CNN for one picture: residual, or classic convolution and pooling."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature, Network, Suits
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.inputs import Embed, is_grid
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.trunk import Classic, Residual, seen
from deepwright.registries import models
from deepwright.spaces import Box, Space

__all__ = ["CNN", "SCALES", "CNNNetwork"]

SCALES = (1.0, 0.75, 0.5)
COST = 1.6  # a network of s times the channels takes about s**1.6 of the time a step
WORTHWHILE = 5.0  # epochs below which a smaller network learns more


@models.register
class CNN(Config):
    """Convolutions over one picture.

    Args:
        style: "residual" (He et al. 2016, arXiv 1512.03385): stages that halve the picture, with skip connections; or
            "classic": convolution, norm, activation, pooling.
        widths: channels of the stages; None adapts them to the picture's size.
        scale: share of the usual channels where no widths are given. None: all, or fewer where a wall-clock budget
            affords the whole network a few epochs only: then a smaller one learns more (see `sized`).
        stem: how a residual network starts: "patches" of 2 × 2 pixels, which cost little, or a "convolution" and pooling.
        blocks: residual blocks a stage.
        blocks_from: the first stage with blocks; those before it only halve the picture. None: 1, since a block at full
            size costs as much as all the others together; 2 in the smallest network that a budget chooses.
        norm: "batch" learns fastest a second, but its rows meet (no per-example gradients); "group" keeps them apart.
        pool: how classic stages and the start of residual ones halve the picture.
        summary: how the last picture becomes one vector.
        mirror: answers are those to the picture and its mirror image together, where mirroring keeps the meaning.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"
    objective: ClassVar[str] = "supervised"

    kind: Literal["cnn"] = "cnn"
    style: Literal["residual", "classic"] = "residual"
    widths: Annotated[tuple[Annotated[int, Setting(ge=1)], ...], Setting(min_length=1)] | None = None
    scale: float | None = Setting(None, gt=0.0, le=8.0)
    stem: Literal["patches", "convolution"] = "patches"
    blocks: int = Setting(1, ge=1)
    blocks_from: int | None = Setting(None, ge=0)
    norm: Literal["batch", "group", "none"] = "batch"
    activation: Literal["relu", "gelu", "silu"] = "relu"
    pool: Literal["max", "average"] = "max"
    summary: Literal["average", "max", "both"] = "average"
    dropout: float = Setting(0.1, ge=0.0, lt=1.0, json_schema_extra=OFF)
    mirror: bool = True

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        if len(spaces) == 1 and all(is_grid(space) for space in spaces.values()):
            return Suits(0.9, cls(), "one picture")
        return None

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        batch = 128 if rows >= 10_000 else 64 if rows >= 2_000 else 32
        return {
            "batch": batch, "optimizer": {"kind": "muon", "lr": 0.04, "adam_lr": 4e-3, "weight_decay": 0.05}, "average": {"kind": "ema", "decay": 0.995}, "clip": None,
            "schedule": {"kind": "one_cycle", "warmup": 0.2}, "early_stopping": None, "longest": 100,
        }  # fmt: skip

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        batch = self.recommended(rows)["batch"]
        return {
            "model.scale": list(SCALES), "model.blocks": [1, 2], "model.dropout": {"float": [0.0, 0.4]}, "objective.mixup": {"float": [0.0, 0.4]}, "train.batch": [batch // 2, batch, batch * 2],
        }  # fmt: skip

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "CNNNetwork":
        grids = [name for name, feature in features.items() if is_grid(feature.space)]
        if len(grids) != 1 or len(features) != 1:
            raise Refused(
                f"The model 'cnn' takes exactly one picture column and nothing else; here are {len(grids)} picture columns "
                f"among {len(features)}. Use fusion for mixtures, mlp for plain columns, or --ignore the other columns."
            )
        return CNNNetwork(self, features, heads)

    def sized(self, epochs: float) -> "CNN":
        """Its settings for a budget that affords `epochs` of the whole network."""
        if self.widths is not None or self.scale is not None:
            return self
        scale = next((s for s in SCALES if epochs / s**COST >= WORTHWHILE), SCALES[-1])
        late = 2 if self.blocks_from is None and scale == SCALES[-1] else self.blocks_from
        return self.model_copy(update={"scale": scale, "blocks_from": late})

    def mirrors(self, space: Space) -> bool:
        """Whether answers also look at the mirror image."""
        return self.mirror and isinstance(space, Box) and space.mirror

    def trunk(self, shape: tuple[int, int, int]) -> nn.Module:
        """(B, C, H, W) → (B, trunk.width)."""
        side = min(shape[:2])
        stages = 2 if side < 16 else 3 if side < 48 else 4 if side < 96 else 5
        usual = (min(512, 32 * 2**place) for place in range(stages))
        widths = self.widths or tuple(max(1, round((self.scale or 1.0) * width)) for width in usual)
        build = Residual if self.style == "residual" else Classic
        return build(shape, widths, self)


class CNNNetwork(Network):
    """See `CNN`. Heads are float32 even where the trunk is bfloat16: numbers keep their digits."""

    half = True

    def __init__(self, settings: CNN, features: Mapping[str, FittedFeature], heads: Mapping[str, int]):
        super().__init__()
        self._settings = settings
        self.couples_rows = settings.norm == "batch"
        self.inputs = Embed(features, 1)
        (self._name,) = self.inputs.grids
        self._mirror = settings.mirrors(features[self._name].space)
        self.trunk = settings.trunk(self.inputs.shapes[self._name]).to(memory_format=torch.channels_last)
        self.heads = nn.ModuleDict({name: nn.Linear(self.trunk.width, size) for name, size in heads.items()})

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        picture: Tensor = z[self._name].values.permute(0, 3, 1, 2)  # stored (B, H, W, C): channels last at no cost
        hidden = seen(self.trunk, picture, self._mirror and draw is None)
        hidden = dropout(hidden, self._settings.dropout, draw, "head")
        with torch.autocast(hidden.device.type, enabled=False):
            return {name: Field(head(hidden.float())) for name, head in self.heads.items()}

    @torch.no_grad()
    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        for name, start in bias.items():
            self.heads[name].bias.copy_(start)
            self.heads[name].weight.mul_(0.1)
