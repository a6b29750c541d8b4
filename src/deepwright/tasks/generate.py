"""Generate: no target; what is learnt is what the inputs look like, so that more of their kind can be made."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import BeforeValidator

from deepwright.contracts import Suits
from deepwright.core.config import Config
from deepwright.core.errors import RecipeError
from deepwright.registries import tasks

__all__ = ["Generate"]


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


@tasks.register
class Generate(Config):
    """Make new examples like those given.

    Args:
        condition: columns that say what is to be made (`generate --label cat`). None: the column `label` that sub-folders
            and files of labelled pictures bring along, where it is not itself created. []: none, labels are left out.
        fixed: cells of columns that are the same in every row, column → cell. They are not learnt; made rows get them back.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "inputs"
    budget: ClassVar[str] = "10min"  # unless the person or the model's family gives another

    kind: Literal["generate"] = "generate"
    condition: Annotated[tuple[str, ...] | None, BeforeValidator(_several)] = None
    fixed: dict[str, bool | int | float | str] = {}

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None:
        """Never found out from targets: whoever wants creations says so."""
        return None

    def divided(self, columns: Mapping[str, object], natural: str) -> tuple[str, ...]:
        """The columns that say what is to be made, among those of the data.

        Args:
            natural: the name of the column that labelled sources bring along.

        Raises:
            RecipeError: a condition is no column.
        """
        if self.condition is None:
            return (natural,) if natural in columns else ()
        lost = [name for name in self.condition if name not in columns]
        if lost:
            raise RecipeError(
                f"task.condition: there is no input column '{lost[0]}'. The inputs are {', '.join(columns)}."
            )
        return self.condition
