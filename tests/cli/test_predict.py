"""Answers: columns, order, formats, and inputs that are not like those of the training."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.conftest import BUDGET, Cli, flats


def answers(path: Path | str) -> pl.DataFrame:
    return pl.read_csv(path)


def test_columns_and_their_order(cli: Cli, here: Path, trained: dict[str, Path], table: Path) -> None:
    assert cli("predict", trained["number"], table, "-o", "a.csv").err == "120 answers in a.csv.\n"
    assert answers("a.csv").schema == {"y_predicted": pl.Float64}
    cli("predict", trained["label"], table, "-o", "b.csv")
    found = answers("b.csv")
    assert found.columns == ["teuer_predicted", "teuer_probability_ja", "teuer_probability_nein"]
    assert found.height == 120
    sums = found["teuer_probability_ja"] + found["teuer_probability_nein"]
    assert ((sums - 1).abs() < 1e-5).all()
    cli("predict", trained["label"], table, "--with-inputs", "-o", "c.csv")
    assert answers("c.csv").columns == ["größe", "lage", "y", "teuer", *found.columns]
    assert_frame_equal(answers("c.csv").select(found.columns), found)


def test_with_an_id_a_row_is_an_example_in_order_of_first_appearance(
    cli: Cli, here: Path, trained: dict[str, Path], table: Path
) -> None:
    source = table.with_name("long.csv")
    cli("predict", trained["id"], source, "-o", "a.csv")
    assert answers("a.csv").columns == ["flat", "y_predicted"]
    assert answers("a.csv")["flat"].to_list() == answers(source)["flat"].unique(maintain_order=True).to_list()
    cli("predict", trained["id"], source, "--with-inputs", "-o", "b.csv")
    columns = answers("b.csv").columns
    assert (columns[0], columns[-1]) == ("flat", "y_predicted")
    assert {"größe", "offer mean", "offer last"} <= set(columns)
    assert answers("b.csv").height == 120


def test_every_format_of_source_and_answer_tells_the_same(
    cli: Cli, here: Path, trained: dict[str, Path], table: Path
) -> None:
    frame = pl.read_csv(table).drop("y", "teuer")
    frame.write_csv("in.csv", separator=";", decimal_comma=True)
    frame.write_parquet("in.parquet")
    frame.write_ndjson("in.jsonl")
    frame.write_ipc("in.arrow")
    cli("predict", trained["number"], table, "-o", "a.csv")
    expected = answers("a.csv")
    for end in ("csv", "parquet", "jsonl", "arrow"):
        assert cli("predict", trained["number"], f"in.{end}", "-o", f"{end}.csv").code == 0
        assert_frame_equal(answers(f"{end}.csv"), expected)
    readers = {"tsv": lambda p: pl.read_csv(p, separator="\t"), "parquet": pl.read_parquet, "jsonl": pl.read_ndjson,
               "json": pl.read_json, "arrow": pl.read_ipc, "feather": pl.read_ipc}  # fmt: skip
    for end, read in readers.items():
        assert cli("predict", trained["number"], table, "-o", f"out.{end}").code == 0
        assert_frame_equal(read(f"out.{end}"), expected)


def test_csv_is_utf8_and_excel_gets_what_it_wants(cli: Cli, here: Path, trained: dict[str, Path], table: Path) -> None:
    cli("predict", trained["number"], table, "--with-inputs", "-o", "a.csv")
    plain = Path("a.csv").read_bytes()
    assert plain.decode("utf-8").startswith("größe,lage,")
    cli("predict", trained["number"], table, "--with-inputs", "--csv", "excel", "-o", "b.csv")
    excel = Path("b.csv").read_bytes()
    assert excel.startswith(b"\xef\xbb\xbf")
    assert excel.decode("utf-8-sig").startswith("größe;lage;y;teuer;y_predicted\n")
    assert_frame_equal(pl.read_csv("b.csv", separator=";", decimal_comma=True), answers("a.csv"))
    cli("predict", trained["number"], table, "--csv", "excel", "-o", "b.parquet").refused("--csv excel writes CSV")


def test_without_out_answers_go_to_standard_output(cli: Cli, here: Path, trained: dict[str, Path], table: Path) -> None:
    said = cli("predict", trained["number"], table)
    assert said.out.splitlines()[0] == "y_predicted"
    assert len(said.out.splitlines()) == 121
    rows = json.loads(cli("predict", trained["number"], table, "--json").out)
    assert [list(row) for row in rows] == [["y_predicted"]] * 120


def test_other_order_other_types_and_more_columns_do_not_matter(
    cli: Cli, here: Path, trained: dict[str, Path], table: Path
) -> None:
    frame = flats()
    cli("predict", trained["number"], table, "-o", "a.csv")
    changed = frame.select(
        extra=pl.lit(1), lage=pl.col("lage").cast(pl.Categorical), größe=pl.col("größe").cast(pl.Float32)
    )
    changed.write_parquet("b.parquet")
    cli("predict", trained["number"], "b.parquet", "-o", "b.csv")
    assert_frame_equal(answers("b.csv"), answers("a.csv"))


def test_a_missing_column_is_refused_with_the_nearest_name(cli: Cli, here: Path, trained: dict[str, Path]) -> None:
    flats().rename({"größe": "grösse"}).write_csv("in.csv")
    cli("predict", trained["number"], "in.csv").refused(
        "in.csv has no column 'größe' (an input of this run).", "'grösse'?"
    )
    flats().drop("y").write_csv("in.csv")
    cli("evaluate", trained["number"], "in.csv").refused("no column 'y' (the target, needed to evaluate)")


def test_cells_that_cannot_be_read_are_told(cli: Cli, here: Path, trained: dict[str, Path]) -> None:
    flats().with_columns(größe=pl.lit("groß")).write_csv("in.csv")
    said = cli("predict", trained["number"], "in.csv", "-o", "a.csv")
    assert said.code == 0
    assert "Warning: 'größe' is taken as a number; 120 cells are not and count as missing: 'groß' (120×" in said.err
    assert "--set" not in said.err


def test_numbers_written_in_another_country_are_the_same_numbers(cli: Cli, here: Path) -> None:
    frame = flats().with_columns(preis=pl.col("y") / 7)
    frame.write_csv("en.csv")
    frame.write_csv("de.csv", separator=";", decimal_comma=True)
    for train, other in (("en.csv", "de.csv"), ("de.csv", "en.csv")):
        assert cli("train", train, "--target", "teuer", "--ignore", "y", *BUDGET, "--quiet").code == 0
        run = Path("runs") / f"{train[:2]}-1"
        cli("predict", run, train, "-o", "a.csv", "--force")
        said = cli("predict", run, other, "-o", "b.csv", "--force")
        assert "its numbers are read accordingly" in said.err
        assert "count as missing" not in said.err
        assert_frame_equal(answers("b.csv"), answers("a.csv"))


def test_rows_that_get_no_answer_are_told(cli: Cli, here: Path, trained: dict[str, Path]) -> None:
    """Whoever puts answers beside rows by their place has to know."""
    Path("in.csv").write_text("größe,lage\n50,Stadt\n,\n70,Land\n", encoding="utf-8")
    said = cli("predict", trained["number"], "in.csv", "-o", "a.csv")
    assert "1 row without any filled cell was left out" in said.err
    assert answers("a.csv").height == 2


@pytest.mark.parametrize("content", ["", "größe,lage\n"])
def test_an_empty_file_is_refused(cli: Cli, here: Path, trained: dict[str, Path], content: str) -> None:
    Path("in.csv").write_text(content, encoding="utf-8")
    cli("predict", trained["number"], "in.csv", "-o", "a.csv").refused("in.csv")
    assert not Path("a.csv").exists()


def test_new_labels_are_told_when_there_is_nothing_to_judge(cli: Cli, here: Path, trained: dict[str, Path]) -> None:
    flats().with_columns(teuer=pl.lit("vielleicht")).write_csv("in.csv")
    cli("evaluate", trained["label"], "in.csv").refused("No row of in.csv has a target this run knows")


def test_an_answer_never_takes_the_place_of_a_column(
    cli: Cli, here: Path, trained: dict[str, Path], table: Path
) -> None:
    cli("predict", trained["number"], table, "--with-inputs", "-o", "a.csv")
    cli("predict", trained["number"], "a.csv", "--with-inputs").refused("a.csv has a column 'y_predicted'")
    assert cli("predict", trained["number"], "a.csv").code == 0


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("a.xlsx", "answers can be written as .csv, .tsv"),
        ("answers", "answers can be written as"),
        (".", "is a folder; name a file in it"),
    ],
)
def test_the_place_is_looked_at_before_the_work(cli: Cli, here: Path, table: Path, place: str, told: str) -> None:
    cli("predict", "no run at all", table, "-o", place).refused(told)
