"""Points: stored values, recipe values and places on a line belong together."""

from typing import Any

import optuna
import pytest

from deepwright.ranges import Choice, Range, Real, Whole
from deepwright.verbs.tune.points import from_unit, is_ordered, param_of, params, suggest, to_unit, value_of

optuna.logging.set_verbosity(optuna.logging.WARNING)
RANGES: list[Range] = [
    Real(1e-4, 1e-1, True), Real(-2.0, 3.0), Whole(1, 6), Choice((128, 32, 64)), Choice(("1e-4", "1e-3", 0.1)),
    Choice(("relu", "gelu")), Choice((None, [16, 32])), Choice((True, False)), Choice(("1", 2, "mlp")),
]  # fmt: skip


@pytest.mark.parametrize("one", RANGES, ids=str)
def test_values_and_stored_values_belong_together(one: Range) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        param = suggest(study.ask(), "x", one)
        value = value_of(one, param)
        assert param_of(one, value) == param
        assert not isinstance(one, Choice) or any(value is known for known in one.values)
        if is_ordered(one):
            assert 0.0 <= to_unit(one, param) <= 1.0
            assert from_unit(one, to_unit(one, param)) == pytest.approx(param)


def test_choices_among_numbers_are_ordered_by_size() -> None:
    one = Choice((128, 32, 64))
    assert [value_of(one, param) for param in params(one)] == [32, 64, 128]
    assert (from_unit(one, 0.0), from_unit(one, 1.0)) == (0, 2)
    assert not is_ordered(Choice((True, False)))


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (Real(0.0, 0.5), 0.6), (Whole(1, 6), 2.5), (Whole(1, 6), 7), (Choice((32, 64)), 48), (Choice(("a", "b")), "c"),
        (Real(0.0, 1.0), None), (Choice((None, 3)), 4),
    ],
)  # fmt: skip
def test_what_lies_outside_has_no_place(one: Range, value: Any) -> None:
    assert param_of(one, value) is None


def test_a_part_is_found_by_what_was_written_of_it() -> None:
    whole = {"kind": "sgd", "lr": 0.1, "momentum": 0.9}
    assert param_of(Choice(("adamw", "sgd")), whole) == "sgd"
    assert param_of(Choice(("adamw", {"kind": "sgd", "lr": 0.2})), whole) is None
    assert param_of(Choice(("adamw", {"kind": "sgd", "lr": 0.1})), whole) is not None
