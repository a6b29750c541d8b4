"""The one frozen, strict base of all settings."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Config"]


class Config(BaseModel):
    """Settings that cannot change and know every key: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, arbitrary_types_allowed=True)
