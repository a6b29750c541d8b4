"""Make a deep network from your own data, question it, and ship it.

    import deepwright as dw

    run = dw.train("cars.csv", target="price")
    run.predict(frame)

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepwright.core.waiting import choose_waiting

__version__ = "0.1.0"

_PLACES = {
    "Recipe": "deepwright.recipe", "Report": "deepwright.core.report", "Run": "deepwright.run",
    "attack": "deepwright.api", "branch": "deepwright.api", "evaluate": "deepwright.api", "explain": "deepwright.api", "generate": "deepwright.api",
    "inspect": "deepwright.api", "kinds": "deepwright.api", "load": "deepwright.api", "predict": "deepwright.api", "report": "deepwright.api",
    "reproduce": "deepwright.api", "restyle": "deepwright.api", "resume": "deepwright.api", "runs": "deepwright.api", "train": "deepwright.api", "tune": "deepwright.api",
}  # fmt: skip

__all__ = [
    "Recipe", "Report", "Run", "__version__", "attack", "branch", "evaluate", "explain", "generate", "inspect", "kinds", "load",
    "predict", "report", "reproduce", "restyle", "resume", "runs", "train", "tune",
]  # fmt: skip

if TYPE_CHECKING:
    from deepwright.api import (
        attack,
        branch,
        evaluate,
        explain,
        generate,
        inspect,
        kinds,
        load,
        predict,
        report,
        reproduce,
        restyle,
        resume,
        runs,
        train,
        tune,
    )
    from deepwright.core.report import Report
    from deepwright.recipe import Recipe
    from deepwright.run import Run


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'deepwright' has no attribute '{name}'")
    choose_waiting()  # before torch is loaded
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
