"""What every feature promises.

    features.suite(Clock, [pl.Series("start", ["00:00", "7:05", None])])

Columns need at least 12 rows; a few gaps and bad cells reach more of the promises.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import FittedFeature, Suits, Warp
from deepwright.core.errors import InputError
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.preparation import prepare
from deepwright.spaces import Box, Tokens
from deepwright.testing.fields import check_frames, check_same, check_states, expect
from deepwright.testing.samples import foreign
from deepwright.testing.settings import check_sentence, check_settings, json_round, variants

__all__ = ["CHECKS", "Case", "cases", "suite"]

LIKELY = 0.3  # a kind's own score from which a column is taken for its own


@dataclass(frozen=True)
class Case:
    """A kind's settings with a column of training cells."""

    settings: Any
    column: pl.Series
    plain: bool = False  # settings as nobody looked at the column

    @cached_property
    def fitted(self) -> FittedFeature:
        return self.settings.fit(self.settings.summarise(self.column), self.column.name)

    @cached_property
    def stored(self) -> Field:
        return self.fitted.encode(self.column)

    def z(self, field: Field) -> Field:
        """What a network sees of stored values; ids stay as they are."""
        embedder = self.fitted.embedder()
        with torch.no_grad():
            return field if embedder is None else field.with_values(embedder(field.values))

    def __str__(self) -> str:
        changed = {n: v for n, v in self.settings if n != "kind" and v != type(self.settings).model_fields[n].default}
        return f"{self.settings.kind} of '{self.column.name}'" + "".join(f" {n}={v}" for n, v in changed.items())


def cases(kind: type[Any], columns: Sequence[pl.Series]) -> Iterator[Case]:
    """Each column that suits a kind, with the proposed settings, plain ones, and (the first) every option."""
    first = True
    for column in columns:
        suits = kind.suits(column)
        if suits is None or suits.score < LIKELY:
            continue
        yield Case(suits.settings, column)
        if kind() != suits.settings:
            yield Case(kind(), column, plain=True)
        yield from (Case(settings, column) for settings in (variants(suits.settings) if first else ()))
        first = False


def suite(kind: type[Any], columns: Sequence[pl.Series]) -> None:
    """All checks on all columns that suit; at least one has to.

    Raises:
        AssertionError: a promise is broken.
    """
    check_settings(kind)
    check_suits(kind, columns)
    found = list(cases(kind, columns))
    expect(found, f"None of the columns given suits '{kind.__name__}'; its `suits` must give {LIKELY} or more for one.")
    for case in found:
        for check in CHECKS:
            check(case)


def check_suits(kind: type[Any], columns: Sequence[pl.Series]) -> None:
    """`suits` looks at any column without failing, and says why it takes one."""
    for column in (*columns, *foreign().values(), *(c.clear() for c in foreign().values())):
        suits = kind.suits(column)
        if suits is None:
            continue
        expect(isinstance(suits, Suits) and 0 <= suits.score <= 1, f"{kind.__name__}.suits must score from 0 to 1.")
        expect(suits.reason, f"{kind.__name__}.suits must give the reason for '{column.name}'.")
        expect(isinstance(suits.settings, kind), f"{kind.__name__}.suits must propose settings of its own kind.")


def summaries_add_up(case: Case) -> None:
    """However the training rows are cut and in whatever order the pieces are merged, the same feature is learnt."""
    wanted = json_round(case.fitted.to_state())
    rows = len(case.column)
    cuts_by_name = {"halves": [rows // 2], "thirds": [rows // 4, rows // 3], "rows": list(range(1, rows))}
    if case.plain:  # how cells are written is found out from a piece, which needs more than a row
        del cuts_by_name["rows"]
    for name, cuts in cuts_by_name.items():
        places = [0, *cuts, rows]
        parts = [case.column[a:b] for a, b in pairwise(places)]
        summaries = [case.settings.summarise(part) for part in (parts[0], case.column.clear(), *parts[1:])]
        left = summaries[0]
        for one in summaries[1:]:
            left = left.merge(one)
        right = summaries[-1]
        for one in reversed(summaries[:-1]):
            right = one.merge(right)
        back = summaries[-1]
        for one in reversed(summaries[:-1]):
            back = back.merge(one)
        for order, merged in (("from the left", left), ("from the right", right), ("backwards", back)):
            state = json_round(case.settings.fit(merged, case.column.name).to_state())
            check_states(state, wanted, f"{case}: summaries of {name} merged {order} teach something else.")


def state_survives_json(case: Case) -> None:
    state = json_round(case.fitted.to_state())
    again = type(case.fitted).from_state(state)
    expect(type(case.settings).fitted is type(case.fitted), f"{case}: `fitted` must name the class that `fit` gives.")
    expect(case.fitted.kind == case.settings.kind, f"{case}: the fitted feature must carry the kind.")
    check_states(json_round(again.to_state()), state, f"{case}: from_state gives another state.")
    check_same(again.encode(case.column), case.stored, f"{case}: encodes differently after from_state.")


def rows_do_not_meet(case: Case) -> None:
    """A cell is encoded the same alone, in any order, and whatever stands in other rows."""
    check_same(case.fitted.encode(case.column), case.stored, f"{case}: encoding twice differs.")
    order = np.random.default_rng(0).permutation(len(case.column))
    check_same(case.fitted.encode(case.column[order]), case.stored[torch.from_numpy(order)],
               f"{case}: encoding depends on the order of rows.")  # fmt: skip
    for row in range(len(case.column)):
        alone = case.fitted.encode(case.column[row : row + 1])
        check_same(
            alone, case.stored[row : row + 1], f"{case}: cell {case.column[row]!r:.60} is encoded otherwise alone."
        )


def new_cells_teach_nothing(case: Case) -> None:
    """What is encoded later never changes what was learnt."""
    fitted = type(case.fitted).from_state(json_round(case.fitted.to_state()))
    before = json_round(fitted.to_state())
    for other in (case.column[[7, 5, 2]], case.column.clear(), *foreign().values()):
        _unless_refused(lambda other=other: fitted.encode(other))  # type: ignore[misc]
        _unless_refused(lambda other=other: fitted.findings(other))  # type: ignore[misc]
    check_states(json_round(fitted.to_state()), before, f"{case}: encoding new cells changed what was learnt.")
    check_same(fitted.encode(case.column), case.stored, f"{case}: encodes differently after new cells.")


def held_out_rows_teach_nothing(case: Case) -> None:
    """Whatever stands in test rows, the same is learnt from a whole table, and training rows are encoded alike."""
    rows = len(case.column)
    places = np.arange(rows)
    parts = pl.Series("split", np.where(places % 3 == 2, "test", np.where(places % 3 == 1, "validation", "train")))
    other = np.where(places % 3 == 2, np.roll(places, 1), places)  # test rows hold cells of others
    found = []
    for column in (case.column, case.column[other]):
        frame = pl.DataFrame({case.column.name: column, "target": places * 1.0, "split": parts})
        draft = Draft({"target": ["target"], "features": {case.column.name: case.settings.model_dump()}}, {})
        found.append(prepare(draft, frame))
    states = [json_round(one.features[case.column.name].to_state()) for one in found]
    check_states(states[1], states[0], f"{case}: cells of test rows change what is learnt.")
    ours, theirs = (one.packed.take(one.rows("train")).inputs[case.column.name] for one in found)
    check_same(ours, theirs, f"{case}: cells of test rows change encoded training rows.")


def _unless_refused(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except InputError as error:
        check_sentence(error)
        return None


def any_column_is_taken(case: Case) -> None:
    """Empty, all missing, one row, another type: encoded, or refused in a sentence."""
    shape, dtype = case.stored.values.shape[1:], case.stored.values.dtype
    gone = pl.Series(case.column.name, [None] * 3, dtype=case.column.dtype)
    for column in (
        case.column.clear(),
        gone,
        case.column[:1],
        *(c.alias(case.column.name) for c in foreign().values()),
    ):
        own = column.dtype == case.column.dtype
        field = case.fitted.encode(column) if own else _unless_refused(lambda column=column: case.fitted.encode(column))  # type: ignore[misc]
        if field is None:
            continue
        what = f"{case}: {len(column)} cells of type {column.dtype}"
        expect(
            field.values.shape == (len(column), *shape), f"{what} become {tuple(field.values.shape)}, not (B, {shape})."
        )
        expect(field.values.dtype == dtype, f"{what} are stored as {field.values.dtype}, not {dtype}.")
        expect(field.values.isfinite().all(), f"{what} give values that are not finite.")
        if isinstance(case.fitted.space, Tokens) and field.values.numel():
            expect(int(field.values.max()) < case.fitted.space.size, f"{what} give ids beyond the space.")


def missing_cells_are_told(case: Case) -> None:
    """Where training rows had gaps, a missing cell comes back as one, or is marked as absent."""
    if not case.column.null_count():
        return
    field = case.fitted.encode(pl.Series(case.column.name, [None] * 2, dtype=case.column.dtype))
    absent = field.present is not None and not bool(field.present.any())
    back = case.fitted.decode(case.z(field))
    expect(
        absent or back.null_count() == 2, f"{case}: a missing cell is decoded as {back[0]!r:.60}; it must stay missing."
    )


def space_fits(case: Case) -> None:
    """Training rows lie inside the space, and have its shape."""
    space, z = case.fitted.space, case.z(case.stored).values
    if isinstance(space, Tokens):
        expect(not z.is_floating_point(), f"{case}: a space of tokens needs ids, got {z.dtype}.")
        expect(int(z.min()) >= 0 and int(z.max()) < space.size, f"{case}: ids lie outside 0 … {space.size - 1}.")
        return
    expect(isinstance(space, Box), f"{case}: no check knows the space {type(space).__name__}.")
    assert isinstance(space, Box)
    expect(z.shape[1:] == space.shape, f"{case}: z is {tuple(z.shape[1:])}, the space says {space.shape}.")
    expect(z.is_floating_point() and bool(z.isfinite().all()), f"{case}: z must be finite floats.")
    for name in ("low", "high", "frozen", "scale"):
        part: Tensor = getattr(space, name)
        torch.broadcast_to(part, space.shape)
        expect(bool(part.isfinite().all()), f"{case}: the space's '{name}' must be finite.")
    expect(bool((space.scale > 0).all()), f"{case}: the space's scale must be positive.")
    there = torch.ones(len(z), dtype=torch.bool) if case.stored.present is None else case.stored.present
    free = ~space.frozen.expand(space.shape)
    low, high = (side.expand(space.shape) for side in (space.low, space.high))
    expect(bool((high >= low).all()), f"{case}: the space's bounds are upside down.")
    outside = ((z < low - 1e-4) | (z > high + 1e-4)) & there.view(-1, *[1] * (z.ndim - 1))
    expect(
        not bool(outside.any()), f"{case}: training rows lie outside the space (free coordinates: {int(free.sum())})."
    )


def decoding_undoes_encoding(case: Case) -> None:
    """Encode, decode, encode again: nothing has changed (up to the decoded cells' own precision)."""
    back = case.fitted.decode(case.z(case.stored))
    expect(len(back) == len(case.column), f"{case}: decode must give one cell a row.")
    again = case.fitted.encode(back.alias(case.column.name))
    check_same(again, case.stored, f"{case}: decoding does not undo encoding.", tolerance=2e-3)
    ours, theirs = (case.fitted.baseline_columns(c.alias(case.column.name)) for c in (back, case.column))
    expect(ours.schema == theirs.schema, f"{case}: baseline columns of decoded cells have other names.")


def augmenting_is_keyed_by_row(case: Case) -> None:
    """A row's change follows from its key alone; the stored form, shape and type stay."""
    field, keys = case.stored, torch.arange(len(case.stored)) * 7 + 3
    whole, warp = case.fitted.augment(field, Draw(4, 9).keyed(keys))
    same = whole.values.shape == field.values.shape and whole.values.dtype == field.values.dtype
    expect(same, f"{case}: augment must keep shape and type.")
    again, _ = case.fitted.augment(field, Draw(4, 9).keyed(keys))
    check_same(again, whole, f"{case}: augmenting twice with one draw differs.")
    rows = torch.tensor([3, 1, 8])
    part, part_warp = case.fitted.augment(field[rows], Draw(4, 9).keyed(keys[rows]))
    check_same(part, whole[rows], f"{case}: augmenting depends on the other rows of the batch.")
    if warp is not None:
        expect(isinstance(warp, Warp) and warp.matrix.shape == (len(field), 2, 3), f"{case}: a warp must be (B, 2, 3).")
        expect(part_warp is not None and torch.allclose(part_warp.matrix, warp.matrix[rows]), f"{case}: warps meet.")


def baselines_get_plain_floats(case: Case) -> None:
    """One row a cell, the same float columns for whatever is asked, missing ones NaN."""
    schema = case.fitted.baseline_columns(case.column).schema
    gone = pl.Series(case.column.name, [None] * 3, dtype=case.column.dtype)
    for column in (case.column, case.column[:1], case.column.clear(), gone):
        frame = case.fitted.baseline_columns(column)
        expect(frame.height == len(column), f"{case}: {frame.height} baseline rows for {len(column)} cells.")
        expect(frame.schema == schema, f"{case}: the baseline columns depend on the cells: {frame.schema}."[:400])
        expect(all(kind.is_float() for kind in schema.dtypes()), f"{case}: baseline columns must be floats: {schema}.")
        holes = frame.null_count().sum_horizontal().sum() + sum(int(c.is_infinite().sum()) for c in frame)
        expect(not holes, f"{case}: baseline columns must hold numbers or NaN, no nulls or infinities.")
    whole = case.fitted.baseline_columns(case.column)
    parts = pl.concat([case.fitted.baseline_columns(case.column[row : row + 1]) for row in range(len(case.column))])
    check_frames(parts, whole, f"{case}: baseline columns depend on other rows.")


def fingerprints_match_equal_cells(case: Case) -> None:
    prints = case.fitted.fingerprint(case.column)
    expect(
        prints.shape == (len(case.column),) and prints.dtype == np.uint64, f"{case}: fingerprint must be (B,) uint64."
    )
    there = case.column.is_not_null().to_numpy()
    there = (
        there if case.stored.present is None else there & case.stored.present.numpy()
    )  # unreadable cells are no pair
    order = np.random.default_rng(1).permutation(len(case.column))
    again = case.fitted.fingerprint(case.column[order])
    expect(bool((again == prints[order])[there[order]].all()), f"{case}: equal cells must have equal fingerprints.")
    distinct = case.column.drop_nulls().n_unique() if case.column.dtype != pl.Categorical else 2
    expect(distinct < 2 or len(np.unique(prints[there])) > 1, f"{case}: all fingerprints are the same.")
    expect(len(case.fitted.fingerprint(case.column.clear())) == 0, f"{case}: fingerprint of nothing must be empty.")


def cells_are_shown(case: Case) -> None:
    for column in (case.column, case.column[:1], case.column.clear()):
        told = case.fitted.show(column)
        good = len(told) == len(column) and all(isinstance(text, str) for text in told)
        expect(good, f"{case}: show must give one text a cell.")
    told = case.fitted.show(case.fitted.decode(case.z(case.stored)))
    expect(len(told) == len(case.column), f"{case}: decoded cells must be shown too.")


def findings_never_fail(case: Case) -> None:
    """Whatever stands in a column, findings say so; another type may be refused in a sentence."""
    for column in (case.column, case.column.clear(), case.column[:1], *foreign().values()):
        column = column.alias(case.column.name)
        own = column.dtype == case.column.dtype
        found = case.fitted.findings(column) if own else _unless_refused(lambda c=column: case.fitted.findings(c))  # type: ignore[misc]
        for finding in found or ():
            json_round(vars(finding))
            expect(finding.severity in ("note", "warning", "error"), f"{case}: unknown severity '{finding.severity}'.")
            expect(finding.code and len(finding.text.split()) > 2, f"{case}: a finding needs a code and a sentence.")
            expect(
                finding.row is None or 0 <= finding.row < len(column),
                f"{case}: row {finding.row} is not in the column.",
            )


def explainers_have_a_baseline(case: Case) -> None:
    """The uninformative input has the shape of z; attributions fold without losing anything."""
    z = case.z(case.stored)
    base = case.fitted.baseline(z)
    same = base.values.shape == z.values.shape and base.values.dtype == z.values.dtype
    expect(same and bool(base.values.isfinite().all()), f"{case}: the baseline must look like z.")
    expect(bool((base.values == base.values[:1]).all()), f"{case}: the baseline must be the same for every row.")
    if isinstance(case.fitted.space, Tokens):
        return
    given = torch.randn(z.values.shape, generator=torch.Generator().manual_seed(0))
    folded = case.fitted.per_unit(given)
    wanted = z.values.shape[:-1]
    expect(folded.shape == wanted, f"{case}: per_unit must give {tuple(wanted)}, got {tuple(folded.shape)}.")
    sums = [part.flatten(1).sum(1) if part.ndim > 1 else part for part in (folded, given.flatten(1).sum(1))]
    expect(torch.allclose(*sums, atol=1e-3), f"{case}: per_unit must keep each row's sum.")


CHECKS: tuple[Callable[[Case], None], ...] = (
    summaries_add_up,
    state_survives_json,
    rows_do_not_meet,
    new_cells_teach_nothing,
    held_out_rows_teach_nothing,
    any_column_is_taken,
    missing_cells_are_told,
    space_fits,
    decoding_undoes_encoding,
    augmenting_is_keyed_by_row,
    baselines_get_plain_floats,
    fingerprints_match_equal_cells,
    cells_are_shown,
    findings_never_fail,
    explainers_have_a_baseline,
)
