"""What a report says about the end that was expected."""

from typing import Any

import pytest

from deepwright.verbs.learning import _foretold, expected_end


def checked(*ranges: tuple[float, float, int] | None, total: int = 100) -> list[dict[str, Any]]:
    steps = range(total // len(ranges), total + 1, total // len(ranges))
    return [
        {"event": "validated", "step": step, "total": total, "figures": {"rmse": 2.0, "loss": 1.0}, "better": True, "expected": told}
        for step, told in zip(steps, ranges, strict=True)
    ]  # fmt: skip


EVENTS = checked(None, (1.0, 3.0, 2), (1.5, 2.5, 3), None)


def test_the_newest_range_is_told_with_its_evidence() -> None:
    assert expected_end(EVENTS) == {"figure": "rmse", "low": 1.5, "high": 2.5, "step": 75, "validations": 3}
    assert expected_end(checked(None, None)) is None
    assert expected_end([{"figures": {"rmse": 1.0}, "step": 1}]) is None, "events of an older version"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "budget",
            "At step 50 a validation RMSE of 1 to 3 (from 2 validations) was expected at the end of the budget.",
        ),
        ("interrupted", "At the end of the budget a validation RMSE of 1.5 to 2.5 (from 3 validations) is expected."),
        (
            "early stopping",
            "At the end of the budget a validation RMSE of 1.5 to 2.5 (from 3 validations) was expected; "
            "training ended before.",
        ),
    ],
)
def test_after_the_end_half_way_counts_and_before_it_the_newest(reason: str, words: str) -> None:
    (block,) = _foretold(EVENTS, {"reason": reason})
    assert block.text == words


def test_nothing_is_told_where_nothing_was_known() -> None:
    assert _foretold(checked(None, None), {"reason": "budget"}) == []
