"""Every error a person can meet, each a sentence that says what to do.

DeepwrightError
├── InputError            the person's input: exit code 2
│   ├── RecipeError       a wrong key or value in a recipe
│   ├── DataError         a source, a column or a cell
│   ├── Refused           this verb cannot do that with this run
│   ├── RunError          a run folder that is missing, broken or busy
│   ├── OutputExists      something is there already
│   ├── DiskError         a full, read-only or forbidden disk
│   └── MissingExtra      an optional package is not installed
├── TrainingError         training cannot go on (a loss that is not a number)
└── Interrupted           stopped by the person; the run can be resumed: exit code 130
"""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

__all__ = [
    "DataError",
    "DeepwrightError",
    "DiskError",
    "InputError",
    "Interrupted",
    "MissingExtra",
    "OutputExists",
    "RecipeError",
    "Refused",
    "RunError",
    "TrainingError",
    "did_you_mean",
    "need",
]


class DeepwrightError(Exception):
    """Base of all our errors; `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(DeepwrightError):
    """What the person gave cannot be used; the message says where and what to do."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show in place of a traceback: the lines of the program say nothing of the input."""
        return [f"{type(self).__name__}: {self}"]


class RecipeError(InputError):
    """One or more wrong keys or values in a recipe; `problems` lists them all."""

    def __init__(self, problems: Sequence[str] | str):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class DataError(InputError):
    """A source, a column or a cell that cannot be used."""


class Refused(InputError):
    """A verb that does not fit this run, said before any work is done."""


class RunError(InputError):
    """A run folder that is missing, broken, unfinished or in use."""


class OutputExists(InputError):
    """The place to write to is taken; nothing was overwritten."""


class DiskError(InputError):
    """The disk is full, read-only, or may not be written to.

    Args:
        what: what went wrong, without a full stop. help: what to do about it, a sentence or "".
    """

    def __init__(self, what: str, help: str = ""):
        self.what, self.help = what, help
        super().__init__(f"{what}. {help}".rstrip())


class MissingExtra(InputError):
    """An optional package is needed and not installed."""


class TrainingError(DeepwrightError):
    """Training cannot go on, for instance because the loss is not a number."""


class Interrupted(DeepwrightError):
    """The person stopped the work; what was done so far is kept."""

    exit_code = 130


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The end of a sentence that names the nearest known word, or lists them all.

    >>> did_you_mean("pirce", ["price", "year"])
    "Did you mean 'price'?"
    """
    if not known:
        return ""
    spelt = {name.casefold(): name for name in reversed(known)}  # of names that differ in case only, the first
    near = get_close_matches(word, known, n=1, cutoff=0.6) or get_close_matches(word.casefold(), spelt, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{spelt.get(near[0], near[0]) if near[0] not in known else near[0]}'?"
    shown = ", ".join(sorted(known)[:30])
    return f"Known: {shown}{', ...' if len(known) > 30 else '.'}"


def need(module: str, extra: str) -> ModuleType:
    """The optional module, or a sentence that names the extra to install.

    Raises:
        MissingExtra: the module is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"This needs the package '{module.split('.')[0]}', which is not installed. "
            f"Install it with: pip install 'deepwright[{extra}]'"
        ) from error
