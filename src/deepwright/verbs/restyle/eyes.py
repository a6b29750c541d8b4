"""Networks that look at pictures for a style transfer: a person's own run, or weights of a known network in a file.

Shapes: pictures are (1, 3, H, W) from 0 to 1, maps (1, C, h, w).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from deepwright.core.errors import Refused
from deepwright.core.files import file_hash
from deepwright.data.sources.paths import reading
from deepwright.fields import Field
from deepwright.models.layers.colours import brightness
from deepwright.models.layers.efficientnet import EfficientNetLite0
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.extractors import picture_columns

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Eyes", "FileEyes", "RunEyes", "eyes_of"]


class Eyes(Protocol):
    """A network that sees. `hash`: SHA-256 of its weights' file."""

    hash: str

    def maps(self, picture: Tensor) -> list[Tensor]:
        """What its layers hold, the finest first; differentiable with respect to the picture alone."""
        ...


def eyes_of(path: Path) -> Eyes:
    """The network of a run's folder, or of a file of weights.

    Raises:
        Refused: it sees no pictures, or is not known. DataError: the file cannot be read. RunError: the folder is no run.
    """
    if not path.is_dir() and path.suffix:
        return FileEyes(path)
    from deepwright.run import Run

    return RunEyes(Run.load(path))


class FileEyes:
    """A known network with the weights of a safetensors file.

    Raises:
        DataError: no such file. Refused: these are no weights of a network that is known here.
    """

    def __init__(self, path: Path):
        known = "Known is EfficientNet-Lite0 (ImageNet), as safetensors with the names of the package efficientnet-lite-pytorch"
        with reading(path):
            stored = path.read_bytes()
        try:
            weights = load(stored)
        except SafetensorError as error:
            raise Refused(
                f"--features: {path.name} is no safetensors file. {known}; files of other kinds can run code when they are read, "
                "so they are not."
            ) from error
        if not EfficientNetLite0.fits(weights):
            raise Refused(f"--features: {path.name} holds the weights of a network that is not known here. {known}.")
        self._network, self.hash = EfficientNetLite0(weights), file_hash(path)

    def maps(self, picture: Tensor) -> list[Tensor]:
        return self._network.maps(picture)


class RunEyes:
    """The last convolution of each resolution of a run's network.

    Raises:
        Refused: the run does not answer, or not from one picture alone, or it has no convolutions.
    """

    def __init__(self, run: "Run"):
        if run.task is None:
            raise Refused(
                f"--features: the run {run.name} creates and answers nothing; give a run that answers from pictures."
            )
        names = picture_columns(run.features)
        if len(names) != 1 or len(run.features) != 1:
            raise Refused(
                f"--features: the run {run.name} does not answer from one picture alone; give a run that does."
            )
        self._run, (self._name,) = run, names
        self._layers = [layer for layer in run.network.modules() if isinstance(layer, nn.Conv2d)]
        if not self._layers:
            raise Refused(f"--features: the network of {run.name} has no convolutions that could be looked at.")
        self.hash = file_hash(run.folder / "weights.safetensors")

    def maps(self, picture: Tensor) -> list[Tensor]:
        feature, network, met = self._run.features[self._name], self._run.network, []
        channels = feature.space.shape[-1]  # type: ignore[union-attr]
        if channels == 1:
            picture = brightness(picture)
        embedder = feature.embedder()
        assert embedder is not None
        hooks = [layer.register_forward_hook(lambda _, __, held: met.append(held)) for layer in self._layers]
        before = [parameter.requires_grad for parameter in network.parameters()]
        try:
            network.requires_grad_(False)
            with frozen_statistics(network):
                network.body({self._name: Field(embedder(picture.permute(0, 2, 3, 1) * 255))}, None)
        except RuntimeError as error:
            raise Refused(
                f"--features: the network of {self._run.name} takes pictures of one size only; give a run of the model cnn."
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
            for parameter, needs in zip(network.parameters(), before, strict=True):
                parameter.requires_grad_(needs)
        return list({map_.shape[-2:]: map_[:1].float() for map_ in met}.values())
