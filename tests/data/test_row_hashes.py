"""Hashes of raw rows: a changed cell is found, what does not count is not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.data.row_hashes import changed_rows, row_hashes
from deepwright.data.table import FrameTable

PLAIN = pl.DataFrame({"a": ["1", "2,5", None, ""] * 150, "b": np.arange(600) / 7, "c": ["x"] * 600})


def hashes(frame: pl.DataFrame, columns: Sequence[str] = ("a", "b"), pictures: Sequence[str] = ()) -> dict:
    return row_hashes(FrameTable(frame, "t"), columns, pictures)


def test_the_changed_rows_are_named() -> None:
    known = hashes(PLAIN)
    cells = PLAIN["a"].to_list()
    cells[300] = "2.5"
    changed = hashes(PLAIN.with_columns(a=pl.Series(cells)))
    first, last = changed_rows(known, changed, 600) or (0, 0)
    assert first <= 301 <= last <= first + 2
    assert changed_rows(known, known, 600) is None


def test_in_a_small_table_the_row_itself_is_named() -> None:
    small = PLAIN.head(100)
    changed = small.with_columns(b=pl.when(pl.int_range(100) == 41).then(0.0).otherwise("b"))
    assert changed_rows(hashes(small), hashes(changed), 100) == (42, 42)


@pytest.mark.parametrize("cells", [[None, ""], ["", None]])
def test_a_gap_is_not_an_empty_text(cells: list[str | None]) -> None:
    known, other = (pl.DataFrame({"a": pl.Series(one, dtype=pl.String)}) for one in (cells, cells[::-1]))
    assert changed_rows(hashes(known), hashes(other), 2) == (1, 1)


def test_other_columns_their_order_and_the_pieces_do_not_count() -> None:
    class Pieces(FrameTable):
        def chunks(self, columns=None, rows=7):  # type: ignore[no-untyped-def]
            return super().chunks(columns, 7)

    known = hashes(PLAIN)
    assert hashes(PLAIN.with_columns(c=pl.lit("y")).select("c", "b", "a")) == known
    assert row_hashes(Pieces(PLAIN, "t"), ["a", "b"]) == known


def test_rows_that_are_gone_begin_where_the_first_is_missing() -> None:
    short = PLAIN.head(90)
    assert changed_rows(hashes(PLAIN.head(100)), hashes(short), 90) == (91, 91)
    assert changed_rows(hashes(PLAIN), hashes(short), 90) == (1, 90)


def test_pixels_bytes_and_lists_count() -> None:
    pixels = np.arange(5 * 4, dtype=np.uint8).reshape(5, 2, 2)
    frame = pl.DataFrame(
        {
            "a": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (2, 2))),
            "b": [b"x", b"y", None, b"", b"z"],
            "c": [[1], [2, 3], [], None, [4]],
        }
    )
    known = hashes(frame, ["a", "b", "c"])
    pixels[3, 1, 1] += 1
    assert changed_rows(
        known, hashes(frame.with_columns(a=pl.Series(pixels, dtype=pl.Array(pl.UInt8, (2, 2)))), ["a", "b", "c"]), 5
    ) == (4, 4)
    for name, other in (("b", [b"x", b"y", b"", b"", b"z"]), ("c", [[1], [2, 3], None, None, [4]])):
        assert changed_rows(known, hashes(frame.with_columns(pl.Series(name, other)), ["a", "b", "c"]), 5) == (3, 3)


def test_pictures_count_by_their_content_wherever_they_lie(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("a", "b"):
            (tmp_path / folder / f"{name}.png").write_bytes(name.encode())
    one, two = (pl.DataFrame({"a": [str(tmp_path / f / f"{n}.png") for n in "ab"]}) for f in ("one", "two"))
    known = hashes(one, ["a"], ["a"])
    assert hashes(two, ["a"], ["a"]) == known
    (tmp_path / "two" / "b.png").write_bytes(b"c")
    assert changed_rows(known, hashes(two, ["a"], ["a"]), 2) == (2, 2)
    (tmp_path / "two" / "a.png").unlink()
    assert changed_rows(known, hashes(two, ["a"], ["a"]), 2) == (1, 1)
