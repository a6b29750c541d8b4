"""Registries: a kind picks a class, late kinds count, errors help."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

import deepwright.data.sources
import deepwright.metrics
import deepwright.models
import deepwright.objectives.supervised
import deepwright.tasks
import deepwright.training.muon
import deepwright.training.optimizers
import deepwright.training.schedules  # noqa: F401
from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import DeepwrightError, RecipeError
from deepwright.core.registry import Registry, load_plugins

fruits = Registry("fruit")


@fruits.register
class Apple(Config):
    kind: Literal["apple"] = "apple"
    weight: float = Field(1.0, gt=0)


class Basket(Config):
    best: Annotated[Config, fruits] = Apple()


@fruits.register
class Pear(Config):
    """Registered after the class that refers to the registry."""

    kind: Literal["pear"] = "pear"
    sort: str = "conference"


def test_mappings_names_and_instances():
    assert Basket(best={"kind": "pear", "sort": "alexander"}).best == Pear(sort="alexander")
    assert Basket(best="pear").best == Pear()
    assert Basket(best=Apple(weight=2)).best == Apple(weight=2)


def test_round_trip_through_json():
    basket = Basket(best=Pear(sort="x"))
    assert Basket.model_validate_json(basket.model_dump_json()) == basket
    assert Basket.model_validate(basket.model_dump()) == basket


@pytest.mark.parametrize(
    ("value", "where", "sentence"),
    [
        ("peer", ("best",), r"there is no fruit 'peer'. Did you mean 'pear'\?"),
        ({"kind": "plum"}, ("best",), "Known: apple, pear."),
        ({"weight": 1}, ("best",), r"its name, or a mapping with 'kind' \(one of apple, pear\)"),
        (3, ("best",), "expected a fruit"),
        ({"kind": ["apple"]}, ("best",), "expected a fruit"),
    ],
)
def test_wrong_kinds(value, where, sentence):
    with pytest.raises(ValidationError, match=sentence) as caught:
        Basket(best=value)
    assert caught.value.errors()[0]["loc"] == where


def test_wrong_settings_are_refused():
    for value in ({"kind": "apple", "weight": 0}, {"kind": "apple", "colour": "red"}):
        with pytest.raises(ValidationError):
            Basket(best=value)


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Apple().weight = 2


def test_get_iterate_contain():
    assert fruits.get("pear") is Pear
    assert list(fruits) == [Apple, Pear]
    assert fruits.kinds == ["apple", "pear"]
    assert "pear" in fruits
    assert "plum" not in fruits
    with pytest.raises(RecipeError, match="Did you mean 'apple'"):
        fruits.get("aple")


def test_a_kind_belongs_to_one_class():
    class Other(Config):
        kind: Literal["pear"] = "pear"

    with pytest.raises(DeepwrightError, match="already registered by"):
        fruits.register(Other)
    assert fruits.register(Pear) is Pear  # a module that is imported anew

    class Nameless(Config):
        kind: str

    with pytest.raises(DeepwrightError, match="needs a field"):
        fruits.register(Nameless)


def test_schema_lists_all_kinds():
    schema = TypeAdapter(Basket).json_schema()
    (key,) = [name for name in schema["properties"] if name == "best"]
    kinds = {json.dumps(one) for one in schema["properties"][key]["oneOf"]}
    assert len(kinds) == 2


@pytest.mark.parametrize("noun", registries.__all__)
def test_every_registered_kind_has_a_schema_and_defaults_that_survive(noun):
    for kind in getattr(registries, noun):
        schema = TypeAdapter(kind).json_schema()
        assert json.loads(json.dumps(schema))["type"] == "object", kind
        assert schema["additionalProperties"] is False, kind
        if not schema.get("required"):
            assert kind.model_validate_json(kind().model_dump_json()) == kind(), kind


def test_plugins_are_loaded_by_name_in_order(monkeypatch):
    class Point:
        def __init__(self, name):
            self.name = name

        def load(self):
            loaded.append(self.name)

    loaded: list[str] = []
    monkeypatch.setattr("deepwright.core.registry.entry_points", lambda group: [Point("b"), Point("a")])
    assert load_plugins() == ["a", "b"] == loaded
