"""Registries: a `kind` in a recipe picks a class; nothing can be imported through a name.

A registry is also a type annotation: `feature: Annotated[Feature, features]` parses a mapping with a `kind`,
a bare kind as shorthand, or an instance, accepts kinds registered later, and gives one JSON schema.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from deepwright.core.config import Config
from deepwright.core.errors import DeepwrightError, RecipeError, did_you_mean

__all__ = ["Registry", "load_plugins"]

C = TypeVar("C", bound=type[Config])


class Registry:
    """The known kinds of one noun, in alphabetical order."""

    def __init__(self, noun: str):
        self.noun = noun
        self._kinds: dict[str, type[Config]] = {}

    def register(self, settings: C) -> C:
        """Add a settings class under its `kind`; a decorator.

        Raises:
            DeepwrightError: the class has no `kind`, or the kind is taken by another class.
        """
        field = settings.model_fields.get("kind")
        if field is None or not isinstance(field.default, str):
            raise DeepwrightError(f"{settings.__name__} needs a field: kind: Literal['name'] = 'name'.")
        taken = self._kinds.get(field.default)
        if taken is not None and (taken.__module__, taken.__qualname__) != (settings.__module__, settings.__qualname__):
            raise DeepwrightError(f"The {self.noun} '{field.default}' is already registered by {taken.__module__}.")
        self._kinds[field.default] = settings
        return settings

    def get(self, kind: str) -> type[Config]:
        """The class of a kind.

        Raises:
            RecipeError: no such kind; the sentence names the nearest.
        """
        if kind not in self._kinds:
            raise RecipeError(f"There is no {self.noun} '{kind}'. {did_you_mean(kind, self.kinds)}")
        return self._kinds[kind]

    def parse(self, value: Any) -> Config:
        """Settings from a mapping with `kind`, from a bare kind, or unchanged from an instance."""
        if isinstance(value, tuple(self._kinds.values())):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
            raise PydanticCustomError(
                "kind", "expected {noun}: its name, or a mapping with 'kind' (one of {kinds})",
                {"noun": f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}", "kinds": ", ".join(self.kinds)},
            )  # fmt: skip
        kind = value["kind"]
        if kind not in self._kinds:
            raise PydanticCustomError(
                "kind", "there is no {noun} '{kind}'. {hint}",
                {"noun": self.noun, "kind": kind, "hint": did_you_mean(kind, self.kinds)},
            )  # fmt: skip
        return self._kinds[kind].model_validate(value)

    @property
    def kinds(self) -> list[str]:
        return sorted(self._kinds)

    def __iter__(self) -> Iterator[type[Config]]:
        return iter(self._kinds[kind] for kind in self.kinds)

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(lambda value: value.model_dump())
        return core_schema.no_info_plain_validator_function(self.parse, serialization=dump)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"oneOf": [handler(kind.__pydantic_core_schema__) for kind in self]}


def load_plugins(load: Callable[[Any], Any] | None = None) -> list[str]:
    """Load third-party kinds from the entry-point group `deepwright.kinds`; returns their names."""
    found = sorted(entry_points(group="deepwright.kinds"), key=lambda point: point.name)
    for point in found:
        (load or type(point).load)(point)
    return [point.name for point in found]
