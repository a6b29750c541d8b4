"""Splits: every row in one part, the same part for the same seed, and what each kind promises."""

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import deepwright.features  # noqa: F401  dates are told by the feature that reads them
from deepwright.core.errors import DataError
from deepwright.data.split import PARTS, Given, Group, Random, Stratified, TimeOrder

TRAIN, VALIDATION, TEST = PARTS["train"], PARTS["validation"], PARTS["test"]


def assign(kind: Any, target: pl.Series | None = None, seed: int = 0, /, **columns: Any) -> Any:
    height = len(target if target is not None else next(iter(columns.values())))
    named = {name: pl.Series(name, cells) for name, cells in columns.items()}
    return kind.assign(named, target, np.arange(height), seed)


@pytest.mark.parametrize("split", [Random(), Stratified()])
@pytest.mark.parametrize("rows", [3, 4, 10, 57, 1000])
def test_every_part_has_its_size_and_the_seed_decides(split: Any, rows: int) -> None:
    target = pl.Series("y", [f"{i % 3}" for i in range(rows)])
    parts = assign(split, target)
    assert len(parts) == rows
    assert set(parts) == {TRAIN, VALIDATION, TEST}
    assert (parts == TEST).sum() == max(1, round(0.2 * rows))
    assert (parts == VALIDATION).sum() == max(1, round(0.15 * rows))
    assert np.array_equal(parts, assign(split, target))
    if rows >= 57:
        assert not np.array_equal(parts, assign(split, target, 1))


@pytest.mark.parametrize("split", [Random, Stratified])
def test_shares_are_kept_and_training_is_never_empty(split: Any) -> None:
    parts = assign(split(validation=0.5, test=0.0), pl.Series(["a"] * 100))
    assert Counter(parts.tolist()) == {TRAIN: 50, VALIDATION: 50}
    parts = assign(split(validation=0.49, test=0.5), pl.Series(["a", "b", "a"]))
    assert sorted(parts) == [TRAIN, VALIDATION, TEST]
    assert sorted(assign(split(test=0.0), pl.Series(["a", "b"]))) == [TRAIN, VALIDATION]


def test_validation_takes_at_most_5000_rows() -> None:
    target = pl.Series([str(i % 7) for i in range(60_000)])
    for split in (Random(), Stratified(), TimeOrder(by="t"), Group(by="g")):
        parts = assign(split, target, t=np.arange(60_000), g=np.arange(60_000) // 7)
        assert 4990 < (parts == VALIDATION).sum() <= 5000


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ValidationError, match="must leave rows to train on"):
        Stratified(validation=0.5, test=0.5)


@pytest.mark.parametrize(("test", "rows"), [(0.2, 2), (0.0, 1), (0.2, 0)])
def test_too_few_rows_are_a_sentence(test: float, rows: int) -> None:
    for split in (Random(test=test), Stratified(test=test)):
        with pytest.raises(DataError, match=rf"^{rows} usable rows? (is|are) too few"):
            split.assign({}, pl.Series("y", ["a"] * rows), np.arange(rows), 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=12),
    st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.integers(0, 5),
)  # fmt: skip
def test_stratified_keeps_the_share_of_each_label(sizes: list[int], validation: float, test: float, seed: int) -> None:
    labels = [f"label {n}" for n, size in enumerate(sizes) for _ in range(size)]
    rows = len(labels)
    if rows < 3:
        return
    order = np.random.default_rng(seed).permutation(rows)
    target = pl.Series([labels[i] for i in order])
    parts = assign(Stratified(validation=validation, test=test), target, seed)
    wanted = {TEST: max(1, round(test * rows)), VALIDATION: max(1, round(validation * rows))}
    if sum(wanted.values()) > rows - len(sizes):
        return  # not every label can keep a training row, so shares give way
    for part, take in wanted.items():
        assert (parts == part).sum() == take
    for label, size in zip(dict.fromkeys(labels), sizes, strict=True):
        own = parts[(target == label).to_numpy()]
        assert (own == TRAIN).any()
        if size > 10:
            assert abs((own == TEST).sum() - wanted[TEST] * size / rows) <= 1


def test_many_small_labels_do_not_bend_the_share_of_a_large_one() -> None:
    """The share used to be kept only on average: forty rare labels took rows away from the common one."""
    target = pl.Series(["common"] * 1000 + [f"rare {n}" for n in range(40) for _ in range(2)])
    for seed in range(5):
        parts = assign(Stratified(), target, seed)
        assert abs((parts[:1000] == TEST).sum() - 0.2 * 1000) <= 17  # the 16 rows rare labels cannot give, and one
        assert all(TRAIN in parts[start : start + 2] for start in range(1000, 1080, 2))


def test_what_cannot_be_divided_evenly_goes_to_the_largest_remainder() -> None:
    """Of 8 test rows 2.8, 2.6 and 2.6 are due: the first label is never the one that is rounded down."""
    target = pl.Series(["a"] * 14 + ["b"] * 13 + ["c"] * 13)
    others = set()
    for seed in range(10):
        parts = assign(Stratified(), target, seed)
        assert (parts[:14] == TEST).sum() == 3
        others.add(int((parts[14:27] == TEST).sum()))
    assert others == {2, 3}  # chance decides between equal ones


def test_a_quantity_is_spread_by_its_tenths() -> None:
    values = np.random.default_rng(0).lognormal(size=3000)
    parts = assign(Stratified(), pl.Series("y", [f"{v:.6f}" for v in values]))
    edges = np.quantile(values, np.linspace(0, 1, 11)[1:-1])
    tenths = np.searchsorted(edges, values)
    for tenth in range(10):
        assert abs((parts[tenths == tenth] == TEST).sum() - 60) <= 1


@pytest.mark.parametrize(
    "target",
    [
        pl.Series([[1, 2], [2], [], None, [3]] * 20),
        pl.Series([["a", None], ["b"], [], None, ["c"]] * 20),
        pl.Series([{"a": 1}] * 100),
        pl.Series([[[1.5]], [[2.5]]] * 50),
        pl.Series([b"\xff\xfe"] * 100),
        pl.Series([float("nan"), 1.0, None, 2.5, float("inf")] * 20),
        pl.Series([f"word {n % 60}" for n in range(100)]),
        pl.Series([None, True, False, True, True] * 20),
    ],
    ids=lambda target: str(target.dtype),
)
def test_any_target_can_be_stratified(target: pl.Series) -> None:
    parts = assign(Stratified(), target)
    assert Counter(parts.tolist()) == {TRAIN: 65, VALIDATION: 15, TEST: 20}


def test_only_the_rows_that_are_used_count() -> None:
    target = pl.Series(["a", "b"] * 50 + [None] * 900)
    parts = Stratified().assign({}, target, np.arange(0, 100), 0)
    assert len(parts) == 100
    assert (parts[::2] == TEST).sum() == (parts[1::2] == TEST).sum() == 10


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 5), st.integers(1, 400)), min_size=3, max_size=25), st.integers(0, 3))
def test_groups_are_never_divided_and_no_part_is_empty(sizes: list[int], seed: int) -> None:
    names = np.repeat(np.arange(len(sizes)), sizes)
    parts = assign(Group(by="g"), None, seed, g=names)
    assert set(parts.tolist()) == {TRAIN, VALIDATION, TEST}
    for group in range(len(sizes)):
        assert len(set(parts[names == group].tolist())) == 1
    assert np.array_equal(parts, assign(Group(by="g"), None, seed, g=names))


def test_a_group_with_most_rows_trains() -> None:
    for seed in range(20):
        parts = assign(Group(by="g"), None, seed, g=["huge"] * 900 + [f"small {n}" for n in range(100)])
        assert set(parts[:900].tolist()) == {TRAIN}
    parts = assign(Group(by="g"), None, 0, g=["a"] * 98 + ["b", "c"])
    assert set(parts[:98].tolist()) == {TRAIN}


def test_groups_fill_the_parts_to_about_their_shares() -> None:
    parts = assign(Group(by="g"), None, 0, g=np.arange(2000) // 10)
    assert abs((parts == TEST).mean() - 0.2) < 0.01
    assert abs((parts == VALIDATION).mean() - 0.15) < 0.01


def test_rows_without_a_group_are_one_group() -> None:
    parts = assign(Group(by="g"), None, 0, g=[None, "a", None, "b", "c", None])
    assert len(set(parts[[0, 2, 5]].tolist())) == 1


@pytest.mark.parametrize(("test", "few"), [(0.2, ["a", "b"] * 5), (0.0, ["a"] * 10)])
def test_too_few_groups_are_a_sentence(test: float, few: list[str]) -> None:
    with pytest.raises(DataError, match=r"--group g: . groups cannot be divided"):
        assign(Group(by="g", test=test), None, 0, g=few)


@pytest.mark.parametrize(
    "moments",
    [
        pl.Series("t", [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(100)]),
        pl.Series("t", [f"{1 + i % 28}.{1 + i // 28}.2024" for i in range(100)]),
        pl.Series("t", np.arange(100) - 50),
        pl.Series("t", [str(1900 + i) for i in range(100)]),
        pl.Series("t", np.datetime64("1969-12-01") + np.arange(100)),
        pl.Series("t", np.arange(100)).cast(pl.Duration("us")),
        pl.Series("t", np.arange(100) * 10**9).cast(pl.Time),
    ],
    ids=lambda moments: f"{moments.dtype} {moments[0]}",
)
def test_time_order_trains_on_the_past(moments: pl.Series) -> None:
    order = np.random.default_rng(0).permutation(100)
    parts = assign(TimeOrder(by="t"), None, 0, t=moments.gather(order))
    late = {part: order[parts == part] for part in (TRAIN, VALIDATION, TEST)}
    assert late[TRAIN].max() < late[VALIDATION].min()
    assert late[VALIDATION].max() < late[TEST].min()
    assert len(late[TEST]) == 20


def test_missing_moments_train_and_later_rows_are_later_among_ties() -> None:
    parts = assign(TimeOrder(by="t"), None, 0, t=[None, 5, 5, 5, 5, 5, 5, 5, None, 5])
    assert parts.tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 0, 2]


def test_dates_are_ordered_as_they_are_said_to_be_written() -> None:
    cells = [f"{1 + i % 12}/{1 + i // 12}/2024" for i in range(100)]  # day 1 to 12, months in order
    parts = assign(TimeOrder(by="t", form="%d/%m/%Y"), None, 0, t=cells)
    months = np.arange(100) // 12
    assert months[parts == TRAIN].max() <= months[parts == TEST].min()
    other = assign(TimeOrder(by="t"), None, 0, t=cells)
    assert not np.array_equal(parts, other)


def test_rows_without_a_time_or_group_are_told_of() -> None:
    times = pl.Series("t", ["2024-01-01", None, "2024-01-03", "n/a"])
    (finding,) = TimeOrder(by="t").findings({"t": times})
    assert (finding.count, finding.row) == (2, 1)
    assert TimeOrder(by="t").findings({"t": times[::2]}) == []
    (finding,) = Group(by="g").findings({"g": pl.Series("g", ["a", None, "b"])})
    assert finding.count == 1
    assert Random().findings({}) == []


@pytest.mark.parametrize("cells", [["soon", "later", "now"] * 5, [None] * 15, [["a"]] * 15])
def test_time_that_is_none_is_a_sentence(cells: list[Any]) -> None:
    column = pl.Series("t", cells, dtype=None if any(cells) else pl.String)
    with pytest.raises(DataError, match="--time t: expected dates or numbers, got"):
        assign(TimeOrder(by="t"), None, 0, t=column)


@pytest.mark.parametrize(
    "words",
    [("train", "validation", "test"), (" Train ", "VAL", "Test"), ("training", "dev", "holdout"), ("0", "1", "2"),
     (0, 1, 2), (0.0, 1.0, 2.0)],
)  # fmt: skip
def test_a_column_names_the_parts(words: tuple[Any, ...]) -> None:
    parts = assign(Given(), None, 0, split=[*words * 5, None])
    assert parts.tolist() == [0, 1, 2] * 5 + [-1]


def test_without_validation_rows_some_training_rows_are_taken() -> None:
    target = pl.Series(["a"] * 80 + ["b"] * 120)
    parts = assign(Given(), target, 0, split=["test", "train", "train", "train"] * 50)
    assert (parts == VALIDATION).sum() == round(0.15 * 150)
    assert (parts[::4] == TEST).all()
    assert abs((parts[:80] == VALIDATION).sum() - 9) <= 1


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["train", "test", "elsewhere"], "holds 'elsewhere'; expected train, validation or test"),
        (["train", "train", "val"], "names no row for 'test'"),
        (["test", "test", "val"], "names no row for 'train'"),
        ([None, None, None], "names no row for 'train'"),
    ],
)
def test_a_column_that_names_other_parts_is_a_sentence(cells: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign(Given(), None, 0, split=pl.Series(cells, dtype=pl.String))


def test_with_a_test_file_the_column_need_not_name_test_rows() -> None:
    parts = assign(Given(test=0.0), None, 0, split=["train", "val", "train"])
    assert parts.tolist() == [0, 1, 0]
