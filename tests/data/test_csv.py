"""CSV in the wild: the same cells come back, and what was found out is told."""

import csv as csvlib
import gzip
import io

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError
from deepwright.data.sources import csv as source
from deepwright.data.sources.csv import CSV
from deepwright.data.sources.paths import PICTURES
from deepwright.data.table import FrameTable, ScannedTable


@pytest.fixture(params=["memory", "disk"])
def where(request, monkeypatch):
    """Both ways of reading must give the same."""
    if request.param == "disk":
        monkeypatch.setattr(source, "_IN_MEMORY", 4)
    return {"memory": FrameTable, "disk": ScannedTable}[request.param]


def opened(tmp_path, content, name="t.csv", **settings):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CSV(path=str(path), **settings).open()


def rows(table):
    return table.select(table.columns).rows()


def codes(table):
    return {finding.code for finding in table.findings}


@pytest.mark.parametrize("sign", [",", ";", "\t", "|", " "])
def test_delimiters_are_found(tmp_path, where, sign):
    table = opened(tmp_path, "".join(f"{sign.join(row)}\n" for row in ["abc", "123", "456"]))
    assert isinstance(table, where)
    assert (table.columns, rows(table)) == (("a", "b", "c"), [("1", "2", "3"), ("4", "5", "6")])
    assert table.decisions == {"delimiter": sign, "encoding": "utf-8", "header": True, "decimal": None}
    assert ("format" in codes(table)) == (sign != ",")


@pytest.mark.parametrize("sign", [":", "^", "~", "\x01", "¦", "#"])
def test_rare_delimiters_are_found_where_they_divide_every_line(tmp_path, where, sign):
    table = opened(tmp_path, "".join(f"{sign.join(row)}\n" for row in ["abc", "123", "456"]))
    assert (table.columns, rows(table)) == (("a", "b", "c"), [("1", "2", "3"), ("4", "5", "6")])
    assert opened(tmp_path, "time\n10:30\n11:45\n").columns == ("time",)
    assert opened(tmp_path, "10:30\n11:45\n12:15\n").columns == ("10:30",)


def test_the_decimal_sign_of_the_file_is_found(tmp_path, where):
    table = opened(tmp_path, "a;b\n1,5;1.234\n22,75;567\n0,125;2.000\n")
    assert table.decisions["decimal"] == ","
    assert "numbers have a decimal comma" in next(f.text for f in table.findings if f.code == "format")
    for sign, text in (
        (".", "a;b\n1,234;1.5\n2,345;2.5\n3,456;2.5\n"),
        (".", "a,b\n1.5,x\n2.5,y\n3.5,z\n"),
        (None, "a;b\n1,234;5\n2,345;6\n3,456;7\n"),
        (None, 'a,b\n"1,5",x\n"2,5",y\n"3,5",z\n'),
        (None, "a;b\n1,5;1.5\n2,5;2.5\n3,5;3.5\n"),
    ):
        assert opened(tmp_path, text).decisions["decimal"] == sign
    assert opened(tmp_path, "a;b\n1.234;5\n", decimal=",").decisions["decimal"] == ","


def test_decimal_commas_do_not_divide(tmp_path):
    assert opened(tmp_path, "1,5;2,5\n3,5;4,5\n").columns == ("x0", "x1")
    wide = "\n".join(";".join(f"{k},{k}" for k in range(60)) for _ in range(3))
    assert len(opened(tmp_path, wide).columns) == 60
    text = opened(tmp_path, "a;b,c\nx;y,z\n")
    assert text.decisions["delimiter"] == ","


def test_blank_delimiter_needs_numbers_and_swallows_runs(tmp_path, where):
    assert opened(tmp_path, "full name\nAnn Lee\nBo Day\n").columns == ("full name",)
    table = opened(tmp_path, " 1   2.5  3 \n 4  5  6\n")
    assert rows(table) == [("1", "2.5", "3"), ("4", "5", "6")]


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp1252", "cp1252"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32"), ("utf-32-le", "utf-32-le"), ("utf-32-be", "utf-32-be")],
)  # fmt: skip
def test_encodings_are_found(tmp_path, where, encoding, found):
    table = opened(tmp_path, "größe,b\nä€,1\n1,é".encode(encoding))
    assert table.decisions["encoding"] == found
    assert table.columns == ("größe", "b")
    assert rows(table) == [("ä€", "1"), ("1", "é")]


def test_cp1252_beyond_the_looked_at_beginning(tmp_path, where):
    body = "a,b\n" + "x,1\n" * 300_000
    table = opened(tmp_path, body.encode() + "é,2\n".encode("cp1252"))
    assert table.take([table.height - 1]).rows() == [("é", "2")]
    assert table.decisions["encoding"] == "cp1252"


def test_one_broken_character_does_not_change_the_encoding(tmp_path, where):
    table = opened(tmp_path, "a,b\näöü,1\nß,2\n".encode() + b"\xff,3\n")
    assert [row[0] for row in rows(table)] == ["äöü", "ß", "\ufffd"]


def test_quoted_newlines_delimiters_and_quotes(tmp_path, where):
    table = opened(tmp_path, '"a\nx",b\n"one\ntwo","p,q"\n"say ""hi""",2\n')
    assert table.columns == ("a\nx", "b")
    assert rows(table) == [("one\ntwo", "p,q"), ('say "hi"', "2")]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(tmp_path, where, end):
    assert rows(opened(tmp_path, end.join(["a,b", "1,2", "3,4", ""]))) == [("1", "2"), ("3", "4")]


def test_line_ends_of_several_kinds_in_one_file(tmp_path, where):
    """A carriage return on its own ends a line too: no row may hang on to the one before."""
    every = [(str(n), str(n * n)) for n in range(12)]
    mixed = "a,b\n" + "".join(f"{','.join(row)}{end}" for row, end in zip(every, ["\r\n", "\n", "\r"] * 4, strict=True))
    assert rows(opened(tmp_path, mixed)) == every
    joined = (
        "a,b\n"
        + "".join(f"{','.join(row)}\n" for row in every[:6])
        + "".join(f"{','.join(row)}\r" for row in every[6:])
    )
    assert rows(opened(tmp_path, joined)) == every
    assert rows(opened(tmp_path, joined.encode("utf-16"))) == every


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_files_are_known_by_their_bytes(tmp_path, where, pack):
    """A download may be unpacked, or packed, without a new name."""
    assert rows(opened(tmp_path, pack(b"a,b\n1,2\n"))) == [("1", "2")]
    assert rows(opened(tmp_path, "a,b\n1,2\n", name="t.csv.gz")) == [("1", "2")]


def test_stray_quotes_are_ordinary_characters(tmp_path, where):
    table = opened(tmp_path, 'size,n\n5" pipe,1\n6,2\n7" pipe,3\n"8,4\n9,5\n')
    assert [row[0] for row in rows(table)] == ['5" pipe', "6", '7" pipe', '"8', "9"]
    assert "quotes" in codes(table)


def test_ragged_rows_are_padded_cut_and_told(tmp_path, where):
    table = opened(tmp_path, "a,b,c\n1\n1,2\n1,2,3,4\n5,6,7\n")
    assert rows(table) == [("1", None, None), ("1", "2", None), ("1", "2", "3"), ("5", "6", "7")]
    (finding,) = [f for f in table.findings if f.code == "ragged"]
    assert (finding.count, finding.row) == (3, 0)


def test_blank_lines_and_rows_are_left_out_and_told(tmp_path, where):
    table = opened(tmp_path, "\n\na,b\n\n1,2\n\n,\n3,4\n\n")
    assert (table.columns, rows(table)) == (("a", "b"), [("1", "2"), ("3", "4")])
    assert "blank-rows" in codes(table)


def test_columns_without_a_name_get_one_that_is_free(tmp_path, where):
    table = opened(tmp_path, "a,,b,column_2,\n1,2,3,4,5\n")
    assert table.columns == ("a", "column_2_2", "b", "column_2", "column_5")
    assert [f.column for f in table.findings if f.code == "column-name"] == ["column_2_2", "column_5"]


def test_two_columns_of_one_name_are_refused(tmp_path, where):
    with pytest.raises(DataError, match=r"two columns called 'a': the columns 1 and 3\."):
        opened(tmp_path, "a,b,a \n1,2,3\n")


def test_a_first_row_of_numbers_is_data(tmp_path, where):
    table = opened(tmp_path, "1;2,5\n3;4,5\n")
    assert (table.columns, table.height, table.decisions["header"]) == (("x0", "x1"), 2, False)
    assert "no-header" in codes(table)
    assert opened(tmp_path, "1;2,5\n3;4,5\n", header=True).columns == ("1", "2,5")


def test_a_first_row_with_known_words_is_data(tmp_path):
    flowers = "5.1,3.5,setosa\n4.9,3.0,setosa\n6.1,2.2,virginica\n"
    assert opened(tmp_path, flowers).height == 3
    years = "country,2019,2020\nPeru,1,2\nChad,3,4\n"
    assert opened(tmp_path, years).columns == ("country", "2019", "2020")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst", "t.CSV.GZ"])
def test_compressed(tmp_path, where, name):
    text = b"a,b\n" + b"1,x\n" * 100_000
    pack = zstandard.compress if name.endswith("zst") else gzip.compress
    frames = pack(text[:200_000]) + pack(text[200_000:])  # several frames, as parallel packers write them
    assert opened(tmp_path, frames, name).height == 100_000


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst"])
def test_truncated_and_damaged_archives_give_a_sentence(tmp_path, where, name):
    lines = "".join(f"{k},{k * 7919 % 1000}\n" for k in range(50_000)).encode()
    packed = (zstandard.compress if name.endswith("zst") else gzip.compress)(b"a,b\n" + lines)
    for broken in (packed[: len(packed) // 2], packed[:-3], packed[:4] + b"no archive at all"):
        with pytest.raises(DataError, match=r"cut short or damaged"):
            opened(tmp_path, broken, name)


def test_single_column(tmp_path, where):
    assert rows(opened(tmp_path, "a\n1\n2\n")) == [("1",), ("2",)]
    assert rows(opened(tmp_path, "a\nx, y\nz\n", delimiter="|")) == [("x, y",), ("z",)]


def test_trailing_delimiters(tmp_path, where):
    table = opened(tmp_path, "a;b;\n1;2;\n3;4;\n")
    assert (table.columns, rows(table)) == (("a", "b"), [("1", "2"), ("3", "4")])
    assert "ragged" not in codes(table)
    assert opened(tmp_path, "a,b\n1,2,\n3,4,\n").columns == ("a", "b")


def test_row_names_without_a_header_of_their_own(tmp_path, where):
    table = opened(tmp_path, '"mpg" "cyl"\n"Mazda" 21 6\n"Fiat" 22 4\n')
    assert (table.columns, rows(table)[0]) == (("row_name", "mpg", "cyl"), ("Mazda", "21", "6"))


def test_titles_above_the_table_are_passed_over(tmp_path, where):
    table = opened(tmp_path, "Sales of 2024\n\na,b,c\n1,2,3\n4,5,6\n")
    assert (table.columns, rows(table)) == (("a", "b", "c"), [("1", "2", "3"), ("4", "5", "6")])
    assert "preamble" in codes(table)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"a,b\n", "header but no rows"),
        (b"a,b", "header but no rows"),
        (b"a,b\n,\n,\n", "no row with a filled cell"),
        (b"\x89PNG\r\n\x00\x01\x02\x03,\x00,\n\x05", "not a text file"),
    ],
)
def test_nothing_to_read_gives_a_sentence(tmp_path, where, content, sentence):
    with pytest.raises(DataError, match=sentence):
        opened(tmp_path, content)


def test_missing_file_folder_and_encoding_give_a_sentence(tmp_path):
    with pytest.raises(DataError, match="no file"):
        CSV(path=str(tmp_path / "nowhere.csv")).open()
    with pytest.raises(DataError, match="is a folder"):
        CSV(path=str(tmp_path)).open()
    with pytest.raises(DataError, match="no encoding 'latin-99'"):
        opened(tmp_path, "a,b\n1,2\n", encoding="latin-99")


def test_nul_bytes_far_inside_are_cells(tmp_path, where):
    table = opened(tmp_path, b"a,b\n" + b"x,1\n" * 5000 + b"\x00,2\n")
    assert table.height == 5001


def test_picture_paths_become_absolute(tmp_path, where):
    table = opened(tmp_path, "file,n\na.png,1\nb/c.JPG,2\n/abs/d.png,3\nhttps://x.org/e.png,4\n")
    base = str(tmp_path.resolve())
    wanted = [f"{base}/a.png", f"{base}/b/c.JPG", "/abs/d.png", "https://x.org/e.png"]
    assert table.select(["file"])["file"].to_list() == wanted
    assert [frame["file"].to_list() for frame in table.chunks(["file"], rows=2)] == [wanted[:2], wanted[2:]]
    assert table.take([3, 0], ["n", "file"]).rows() == [("4", wanted[3]), ("1", wanted[0])]


def test_a_huge_cell_and_a_wide_table(tmp_path, where):
    assert len(rows(opened(tmp_path, f'a,b\n"{"x" * 3_000_000}",1\n'))[0][0]) == 3_000_000
    wide = ",".join(f"c{k}" for k in range(3000)) + "\n" + ",".join("1" * 3000) + "\n"
    assert len(opened(tmp_path, wide).columns) == 3000


def test_names_with_pattern_signs(tmp_path, where):
    assert opened(tmp_path, "a,b\n1,2\n", name="data[1]*.csv").height == 1


def test_given_settings_win(tmp_path):
    table = opened(tmp_path, "a;b\n1;2\n", delimiter=",", header=False, encoding="cp1252")
    assert (table.columns, rows(table)) == (("x0",), [("a;b",), ("1;2",)])
    assert table.decisions == {"delimiter": ",", "encoding": "cp1252", "header": False, "decimal": None}
    again = CSV(path=str(tmp_path / "t.csv"), **table.decisions).open()
    assert rows(again) == rows(table)


def test_a_delimiter_and_a_blank_at_the_end_of_a_quoted_cell(tmp_path, where):
    assert rows(opened(tmp_path, 'a;b\n ;"; "\n', delimiter=";", encoding="utf-8", header=True)) == [(" ", "; ")]
    assert rows(opened(tmp_path, 'a;b\n1; "x;y"\n', delimiter=";", encoding="utf-8", header=True)) == [("1", "x;y")]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=8)
ODD = st.sampled_from(['"', '""', 'x"y', "a,b", "a;b", "\n", " ", "\r\n", "1,5", "NA", "null", "#x", "\ufeff", ".png"])
CELL = (TEXT | ODD).filter(lambda cell: cell == ".png" or not cell.strip().lower().endswith(PICTURES))  # no paths


@st.composite
def frames(draw):
    width, height = draw(st.integers(2, 4)), draw(st.integers(1, 6))
    cells = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=height, max_size=height))
    return [row for row in cells if any(row)] or [["x"] * width]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=frames(), by=st.sampled_from(["csv", "polars"]))
def test_any_cells_come_back(tmp_path, where, sign, cells, by):
    names = [f"name{k}" for k in range(len(cells[0]))]
    if by == "csv":
        text = io.StringIO(newline="")
        writer = csvlib.writer(text, delimiter=sign)
        writer.writerows([names, *cells])
        content = text.getvalue()
    else:
        content = pl.DataFrame(cells, schema=names, orient="row").write_csv(separator=sign)
    table = opened(tmp_path, content, delimiter=sign, encoding="utf-8", header=True)
    assert list(table.columns) == names
    assert [tuple(cell or "" for cell in row) for row in rows(table)] == [tuple(row) for row in cells]
