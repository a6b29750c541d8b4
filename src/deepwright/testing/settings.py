"""Settings: what every frozen settings class promises, and variants that reach each of its options."""

import json
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import InputError

__all__ = ["check_sentence", "check_settings", "json_round", "variants"]

_SOME = 0.3  # an option that is off at 0.0 is tried at this value


def check_sentence(error: InputError) -> None:
    """A refusal is for a person: one or more whole sentences."""
    text = str(error).strip()
    ends = text.endswith((".", "?", "!", "…")) or "--" in text.rsplit(". ", 1)[-1] or ": deepwright " in text
    assert len(text.split()) >= 4, f"A refusal must be a sentence that says what to do; got '{text}'."
    assert ends, f"A refusal must be a whole sentence; got '{text}'."
    assert "Traceback" not in text, f"A refusal must not be a traceback; got '{text}'."


def json_round(value: Any) -> Any:
    """The value after a trip through JSON text.

    Raises:
        AssertionError: it holds something JSON has no form for (NaN and infinities included).
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"This must be plain JSON, but {error}: {str(value)[:200]}.") from error


def check_settings(kind: type[Config]) -> None:
    """Defaults that can be made, a JSON schema, frozen values, and no loss on the way through JSON."""
    settings = kind()
    name = kind.__name__
    schema = kind.model_json_schema()
    json_round(schema)
    assert set(schema["properties"]) == set(kind.model_fields), (
        f"The JSON schema of {name} does not name every setting."
    )
    assert (kind.__doc__ or "").strip(), f"{name} needs a docstring: its first line is shown by `deepwright kinds`."
    for variant in (settings, *variants(settings)):
        stored = json_round(variant.model_dump(mode="json"))
        assert kind.model_validate(stored) == variant, f"Settings of {name} change on the way through JSON: {stored}."
    try:
        settings.kind = "other"  # type: ignore[attr-defined]
    except ValidationError:
        pass
    else:
        raise AssertionError(f"Settings of {name} must be frozen; make it a deepwright.core.config.Config.")
    try:
        kind.model_validate({"no_such_setting": 1})
    except ValidationError:
        return
    raise AssertionError(f"{name} takes a setting it does not know; a misspelt key must be an error.")


def variants(settings: Config) -> Iterator[Config]:
    """The settings with one option changed at a time: every other word of a Literal, flags, and what is off at 0."""
    for name, field in type(settings).model_fields.items():
        now = getattr(settings, name)
        for value in _values(field.annotation, now):
            if value == now or name == "kind":
                continue
            try:
                yield type(settings).model_validate({**settings.model_dump(), name: value})
            except ValidationError:
                continue  # an option that needs another one


def _values(annotation: Any, now: Any) -> Iterator[Any]:
    if annotation is bool:
        yield not now
    elif annotation is float and now == 0.0:
        yield _SOME
    elif get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _values(part, now)
