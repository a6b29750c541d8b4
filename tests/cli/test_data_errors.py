"""Data that cannot be used: one sentence that says what, where and what to do, exit code 2, and no run is left behind."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from tests.cli.conftest import BUDGET, Cli, flats


def write(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    path = Path(name)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


NUMBERS = [(k % 23, k * 7 % 31, k % 23 * 2 + k % 3) for k in range(60)]


def empty() -> None:
    Path("x.csv").touch()


def only_a_header() -> None:
    Path("x.csv").write_text("a,b,y\n", encoding="utf-8")


def one_class() -> None:
    write("x.csv", "aby", [(a, b, "yes") for a, b, _ in NUMBERS])


def one_number() -> None:
    write("x.csv", "aby", [(a, b, 3.5) for a, b, _ in NUMBERS])


def empty_target() -> None:
    write("x.csv", "aby", [(a, b, " ") for a, b, _ in NUMBERS])


def empty_column() -> None:
    write("x.csv", "aby", [(a, " ", y) for a, _, y in NUMBERS])


def empty_columns() -> None:
    write("x.csv", "abcy", [(a, "", "", y) for a, _, y in NUMBERS])


def twin_names() -> None:
    write("x.csv", "aay", NUMBERS)


def names_as_labels() -> None:
    write("x.csv", "aby", [(a, b, f"person {k}") for k, (a, b, _) in enumerate(NUMBERS)])


def too_few_rows() -> None:
    write("x.csv", "aby", NUMBERS[:2])


def target_alone() -> None:
    write("x.csv", "y", [(y,) for *_, y in NUMBERS])


def bytes_of_a_program() -> None:
    Path("x.csv").write_bytes(b"\x7fELF\0\0\1" * 100)


def a_broken_archive() -> None:
    Path("x.csv").write_bytes(b"")
    Path("x.csv.gz").write_bytes(b"\x1f\x8b\x08\0\0")
    Path("x.csv").unlink()
    Path("x.csv.gz").rename("x.gz.csv")


def no_pictures() -> None:
    Path("x.csv").mkdir()
    Path("x.csv/notes.txt").write_text("hello", encoding="utf-8")


CASES = [
    (empty, "x.csv is empty."),
    (only_a_header, "x.csv has a header but no rows."),
    (one_class, "The target 'y' is 'yes' in all 39 training rows."),
    (one_number, "The target 'y' is"),
    (empty_target, "The target 'y' is empty in every row of x.csv."),
    (empty_column, "'b' is empty in every row. Fill it, or leave it out: --ignore 'b'"),
    (
        empty_columns,
        "2 columns are empty in every row: 'b', 'c'. Fill them, or leave them out: --ignore 'b' --ignore 'c'",
    ),
    (twin_names, "x.csv has two columns called 'a': the columns 1 and 2."),
    (names_as_labels, "nearly one a row"),
    (too_few_rows, "too few"),
    (target_alone, "No input column is left in x.csv besides the target 'y'."),
    (bytes_of_a_program, "x.csv is not a text file"),
    (no_pictures, "The folder x.csv holds no pictures (.bmp,"),
]


@pytest.mark.parametrize(("make", "told"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_one_sentence_and_no_run(cli: Cli, here: Path, make, told: str) -> None:
    make()
    words = () if make is no_pictures else ("--target", "y")
    sentence = cli("train", "x.csv", *words, *BUDGET).refused(told)
    assert len(sentence.strip().splitlines()) == 1
    assert not Path("runs").exists()


def test_inspect_shows_what_is_wrong_instead_of_stopping(cli: Cli, here: Path) -> None:
    empty_columns()
    said = cli("inspect", "x.csv", "--target", "y")
    assert said.code == 0
    assert "'b' is empty in every row" in said.out
    assert cli("train", "x.csv", "--target", "y", "--ignore", "b", "--ignore", "c", *BUDGET, "--quiet").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing.csv",), "There is no file or folder nothing.csv."),
        (("flat.csv",), "Did you mean 'flats.csv'?"),
        (("notes.docx",), "files ending in '.docx' are not known. Expected .arrow, .csv"),
        (("flats.csv",), "It is not said what is to be learnt. Name the column with --target, or make new examples like these with --task generate. Columns of flats.csv: größe"),
        (("flats.csv", "--target", "Y"), "flats.csv has no column 'Y' (the target). Did you mean 'y'?"),
        (("flats.csv", "--target", "y", "--target", "y"), "The target 'y' is named twice"),
        (("flats.csv", "--target", "y", "--ignore", "y"), "'y' cannot be the target and an input (or ignored) at once."),
        (("flats.csv", "--target", "y", "--ignore", "grösse"), "no column 'grösse' (--ignore). Did you mean 'größe'?"),
        (("flats.csv", "--target", "y", "--id", "flat"), "no column 'flat' (the id of an example, --id)"),
        (("flats.csv", "--target", "y", "--id", "lage"), "several values for one example: see 'lage' ="),
        (("flats.csv", "--target", "y", "--group", "ort"), "no column 'ort' (--group)"),
        (("flats.csv", "--target", "y", "--time", "jahr"), "no column 'jahr' (--time)"),
        (("flats.csv", "--target", "y", "--time", "lage"), "--time lage: expected dates or numbers, got cells such as '"),
        (("flats.csv", "--target", "y", "--test", "new.csv"), "There is no file or folder new.csv."),
        (("flats.csv", "--target", "y", "--test", "short.csv"), "short.csv has no column 'lage' (an input, in the test file)."),
        (("flats.csv", "--target", "y", "--test", "short.csv", "--ignore", "lage", "--target", "teuer"),
         "short.csv has no column 'teuer' (the target, in the test file)."),
        (("flats.csv", "--target", "lage", "--task", "regress"), "holds no number in any training row"),
        (("flats.csv", "--target", "y", "--task", "clasify"), "there is no task 'clasify'. Did you mean 'classify'?"),
        (("flats.csv", "--target", "y", "--model", "mpl"), "there is no model 'mpl'. Did you mean 'mlp'?"),
        (("flats.csv", "--target", "y", "--metric", "rsme"), "There is no metric 'rsme'. Did you mean 'rmse'?"),
        (("flats.csv", "--target", "y", "--metric", "accuracy"), "does not fit this target. Metrics that do: rmse, mae"),
        (("flats.csv", "--target", "y", "--model", "cnn"), "The model 'cnn' takes exactly one picture column"),
        (("flats.csv", "--target", "y", "--budget", "5 parsecs"), "'5 parsecs' is not a budget"),
        (("flats.csv", "--target", "y", "--budget", "0s"), "must be more than nothing"),
    ],
)  # fmt: skip
def test_wrong_names_and_roles(cli: Cli, here: Path, words: tuple[str, ...], told: str) -> None:
    frame = flats()
    frame.write_csv("flats.csv")
    frame.drop("lage", "teuer").write_csv("short.csv")
    Path("notes.docx").write_text("hello", encoding="utf-8")
    budget = () if "--budget" in words else BUDGET
    cli("train", *words, *budget).refused(told)
    assert not Path("runs").exists()


def test_wrong_cells_are_listed_once_and_training_goes_on(cli: Cli, here: Path) -> None:
    rows = [[f"{k % 40 + k / 1000:.3f}", k % 7, k % 40] for k in range(200)]
    wrong = ["<0,1", "12,5 mg", "n/a", "?", "-", "n/a", *["999"] * 8]
    for place, cell in enumerate(wrong):
        rows[5 + 10 * place][0] = cell
    source = write("lab.csv", ("value", "other", "y"), rows)
    said = cli("train", source, "--target", "y", *BUDGET)
    assert said.code == 0
    (told,) = [line for line in said.err.splitlines() if "'value' is taken as a number" in line]
    assert "6 cells are not and count as missing" in told
    listed = ("'n/a' (2×, first in row 26)", "'<0,1' (1×, first in row 6)", "'12,5 mg' (1×, first in row 16)",
              "'?' (1×, first in row 36)", "'-' (1×, first in row 46)")  # fmt: skip
    assert all(told.count(one) == 1 for one in listed)
    assert "Note: 'value': numbers that count as missing: 999 (8×, first in row 66). If they are" in said.err
    decided = Path("runs/lab-1/recipe.yaml").read_text(encoding="utf-8")
    assert "value:\n    kind: number" in decided
    assert "- 999.0" in decided
    page = Path("runs/lab-1/report.html").read_text(encoding="utf-8")
    assert "12,5 mg" in page
    strict = cli("train", source, "--target", "y", *BUDGET, "--strict")
    strict.refused("'value' is taken as a number", "'12,5 mg' (1×, first in row 16)")
    assert [path.name for path in Path("runs").iterdir()] == ["lab-1"]


def test_unclear_dates_and_few_whole_numbers_are_told_with_reason_and_flag(cli: Cli, here: Path) -> None:
    rows = [(f"{k % 12 + 1:02d}/{k * 5 % 12 + 1:02d}/2021", k % 17, k % 5) for k in range(150)]
    told = cli("inspect", write("visits.csv", ("day", "a", "stars"), rows), "--target", "stars", "--json")
    notes = [finding["text"] for finding in json.loads(told.out)["findings"]]
    (day,) = [text for text in notes if "'day'" in text]
    assert "day and month cannot be told apart" in day
    assert "--set 'features.\"day\".form=%d/%m/%Y'" in day
    (stars,) = [text for text in notes if "'stars' has only" in text]
    assert stars.endswith(
        "5 different whole numbers, so they are taken as labels. If they are amounts: --task regress."
    )
    again = cli("inspect", "visits.csv", "--target", "stars", "--task", "regress", "--json",
                "--set", 'features."day".form=%d/%m/%Y')  # fmt: skip
    assert json.loads(again.out)["task"] == "regress"
    assert "cannot be told apart" not in again.out


@pytest.fixture
def photos(here: Path) -> Path:
    for label, colour in (("cat", (200, 30, 20)), ("dog", (20, 30, 200))):
        Path("photos", label).mkdir(parents=True)
        for k in range(15):
            Image.new("RGB", (8 + k % 2, 9), tuple(value + k for value in colour)).save(f"photos/{label}/{k:02d}.png")
    Path("photos/cat/broken.png").write_bytes(b"no picture at all")
    Path("photos/dog/cut.png").write_bytes(Path("photos/dog/01.png").read_bytes()[:50])
    return Path("photos")


def test_corrupt_pictures_are_counted_and_listed(cli: Cli, photos: Path) -> None:
    said = cli("train", photos, "--budget", "2steps", "--json")
    assert said.code == 0
    (told,) = [line for line in said.err.splitlines() if "cannot be read" in line]
    assert told.startswith("Warning: 2 pictures of 'image' cannot be read and count as missing")
    assert "broken.png" in told
    assert "cut.png" in told
    cli("train", photos, "--budget", "2steps", "--strict").refused("2 pictures of 'image' cannot be read")


def test_leaks_identifiers_and_twins_across_splits_are_warnings_in_terminal_and_page(cli: Cli, here: Path) -> None:
    frame = flats().with_columns(code=pl.format("u-{}", pl.int_range(pl.len()) + 1000), cents=pl.col("y") * 100)
    frame = pl.concat([frame, frame.head(60).with_columns(code=pl.format("v-{}", pl.int_range(pl.len()) + 1000))])
    frame.write_csv("homes.csv")
    said = cli("train", "homes.csv", "--target", "y", *BUDGET)
    page = Path("runs/homes-1/report.html").read_text(encoding="utf-8")
    for words in ("like an identifier, and is left out", "alone gives the target y away", "the same as training rows"):
        assert any(line.startswith("Warning: ") and words in line for line in said.err.splitlines()), words
        assert words in page


@pytest.mark.parametrize(("words", "sign"), [((), "! 'a' is taken as a number"), (("--strict",), "✗ 'a' is taken")])
def test_inspect_shows_what_strict_would_stop_at(cli: Cli, here: Path, words: tuple[str, ...], sign: str) -> None:
    path = write("x.csv", "aby", [("12 mg" if k == 7 else a, b, y) for k, (a, b, y) in enumerate(NUMBERS)])
    assert sign in cli("inspect", path, "--target", "y", "--task", "regress", *words).out
