"""The one frozen, strict base of all settings."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

__all__ = ["OFF", "Config"]

OFF: dict[str, Any] = {"off": 0.0}  # `json_schema_extra` of a field that makes learning harder on purpose: see `bare`


class Config(BaseModel):
    """Settings that cannot change and know every key: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, arbitrary_types_allowed=True)

    def bare(self) -> Self:
        """The same without what makes learning harder on purpose (dropout, noise, mixing), here and in settings inside."""
        changes: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            extra, value = field.json_schema_extra, getattr(self, name)
            if isinstance(extra, dict) and "off" in extra:
                changes[name] = extra["off"]
            elif isinstance(value, Config):
                changes[name] = value.bare()
        return self.model_copy(update=changes)
