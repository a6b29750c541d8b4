"""Amounts that people write in words ("5min", "2GB"), as fields of settings."""

from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

__all__ = ["Written"]


class Written:
    """What is read with `parse` and written with `str`: a pydantic field whose mistakes are the sentences of `parse`."""

    examples: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Raises ValueError with a sentence for anything that is no such amount."""
        raise NotImplementedError

    @classmethod
    def _validate(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        try:
            return cls.parse(value)
        except ValueError as error:
            raise PydanticCustomError("written", "{why}", {"why": str(error)}) from error

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(str)
        return core_schema.no_info_plain_validator_function(cls._validate, serialization=dump)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "examples": list(cls.examples)}
