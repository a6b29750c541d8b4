"""New data with another decimal sign: the same numbers."""

import polars as pl
import pytest

from deepwright.data.decimals import with_sign
from deepwright.data.table import FrameTable

CELLS = {
    ",": ["1.234,5", "0,25", "-7", "1.234", "€ 12,50", "5,5 kg", "a,b", "1,2,3", "01.02.2024", None],
    ".": ["1234.5", "0.25", "-7", "1234", "€ 12.50", "5.5 kg", "a,b", "1,2,3", "01.02.2024", None],
}


def table(cells: list[str | None], sign: str | None) -> FrameTable:
    return FrameTable(pl.DataFrame({"x": cells, "n": range(len(cells))}), "t.csv", decisions={"decimal": sign})


def test_numbers_are_written_with_the_other_sign_and_words_stay() -> None:
    made = with_sign(table(CELLS[","], ","), ".")
    assert made.select(["x"])["x"].to_list() == CELLS["."]
    assert made.take([1, 0], ["x"])["x"].to_list() == CELLS["."][1::-1]
    assert pl.concat(made.chunks(rows=3))["x"].to_list() == CELLS["."]
    assert (made.columns, made.height, made.findings[0].code) == (("x", "n"), 10, "decimal")
    back = with_sign(table(["1,234.5", "0.25", "1,234"], "."), ",")
    assert back.select(["x"])["x"].to_list() == ["1234,5", "0,25", "1234"]


@pytest.mark.parametrize(("own", "wanted"), [(",", ","), (None, "."), (",", None)])
def test_where_the_signs_are_alike_or_not_known_nothing_changes(own: str | None, wanted: str | None) -> None:
    same = table(CELLS[","], own)
    assert with_sign(same, wanted) is same
