"""The contract of models: a network with a seam at `z`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from torch import Tensor, nn

from deepwright.contracts.features import FittedFeature
from deepwright.contracts.told import Suits
from deepwright.core.config import Config
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.spaces import Space

__all__ = ["ModelSettings", "Network", "SizedBySteps"]


class Network(nn.Module):
    """An `nn.Module` with a seam: gradient methods, attacks and exports work on `z = embed(inputs)`.

    `members`: K networks in one; outputs are (B, K, D). `couples_rows`: a row's output depends on other rows in
    training (BatchNorm). `half`: bfloat16 forwards lose nothing that matters, so they are used where they are faster.
    `factors`: parameter-name prefix → learning-rate factor.

    A network that creates may also offer `knobs`, the settings of sampling (a `Config`, without `kind`, whose defaults are
    how it learnt), `quick`, such settings that cost little and still show what was learnt, and `latent`, the shape of the
    numbers one creation is made from; None: it has none. `conditions`: the columns that say what is to be created.
    """

    members: int = 1
    couples_rows: bool = False
    half: bool = False
    knobs: type[Config] = Config
    quick: Config | None = None
    latent: tuple[int, ...] | None = None
    conditions: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.factors: dict[str, float] = {}

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """Stored fields → `z`, one float field (or ids) a column."""
        raise NotImplementedError

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        """`z` → one field a head, (B, D) or (B, K, D). Without a draw: deterministic (evaluation)."""
        raise NotImplementedError

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` creations as `z` fields; `draw` is keyed by creation. Generative networks only.

        Args:
            condition: (n, …) stored fields of `conditions`; None: as often as they come in the training rows.
            knobs: settings of the class `knobs`; None for their defaults.
        """
        raise NotImplementedError

    def together(self, knobs: Config | None = None) -> int:
        """How many creations are made at once, however many are asked for."""
        return 32

    def wishes(self, n: int, draw: Draw) -> dict[str, Field]:
        """(n, …) stored fields of `conditions`, drawn as often as they come in the training rows; keyed like `sample`."""
        return {}

    def latents(self, n: int, draw: Draw) -> Tensor:
        """(n, *latent) standard normal numbers that `sample` makes creations from with the same draw."""
        raise NotImplementedError

    def from_latents(
        self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """The creations of latents (n, *latent) as `z` fields, row by row. Differentiable, and without chance.

        `sample(n, draw, …)` equals `from_latents(latents(n, draw), wishes(n, draw), …)` wherever `latent` is not None.
        """
        raise NotImplementedError

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        """Data-dependent start values (bin edges, head biases); called once before training."""


@runtime_checkable
class SizedBySteps(Protocol):
    """A family whose size follows the steps that a wall-clock budget affords, not the epochs."""

    def sized_for(self, steps: float, grid: bool) -> "SizedBySteps":
        """The settings for so many steps of this network on pictures (`grid`) or rows; itself where the size is decided already."""
        ...


@runtime_checkable
class ModelSettings(Protocol):
    """A model family: settings with a `kind`.

    `learns`: "target" where it answers, "inputs" where it creates (then `takes(spaces)` names the columns it learns).
    `objective`: the kind of objective it is trained with unless the recipe names one. `suits` is asked without heads
    where something is to be created, of the columns that are no conditions.
    """

    kind: str
    learns: ClassVar[Literal["target", "inputs"]]
    objective: ClassVar[str]

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        """Whether this family is a natural choice for these inputs."""
        ...

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family and so many training rows.

        Args:
            values: numbers and labels that the inputs of a row hold.
        """
        ...

    def sized(self, epochs: float) -> Self:
        """The settings for a wall-clock budget that affords `epochs` of this network: smaller where that learns more."""
        ...

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from unless the person says otherwise: dotted recipe key → a range as in a recipe."""
        ...

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> Network:
        """A network with fresh weights (drawn from torch's default generator, seeded by the caller).

        Args:
            conditions: the features that say what is to be created; a family that answers is never given any.

        Raises Refused: the inputs do not fit ("cnn needs an image; …").
        """
        ...
