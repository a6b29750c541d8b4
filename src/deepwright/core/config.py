"""The one frozen, strict base of all settings."""

from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

__all__ = ["OFF", "Config"]

OFF: dict[str, Any] = {"off": 0.0}  # `json_schema_extra` of a field that makes learning harder on purpose: see `bare`


class Config(BaseModel):
    """Settings that cannot change and know every key: a misspelt key is an error, never ignored.

    Numbers are finite, and true and false are none: YAML reads `yes` and `on` as true.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=False, arbitrary_types_allowed=True, allow_inf_nan=False,
        defer_build=True,  # most kinds are only listed: building all their validators would take a tenth of a second
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name is not None:
            kinds = _kinds(cls.model_fields[info.field_name].annotation)
            if kinds & {int, float} and not kinds & {bool, Any}:
                raise ValueError("expected a number")
        return value

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


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that an annotation is made of."""
    if annotation is Any or (isinstance(annotation, type) and not get_args(annotation)):
        return {annotation}
    return {kind for part in get_args(annotation) for kind in _kinds(part)}
