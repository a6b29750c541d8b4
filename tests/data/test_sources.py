"""Every other source: the same table from the same data, a sentence for what cannot be read."""

import gzip
import io
import json
import struct

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image
from pydantic import TypeAdapter
from sklearn.datasets import load_digits, load_iris

from deepwright.core.config import Config
from deepwright.core.errors import DataError, Refused
from deepwright.data.room import within
from deepwright.data.sources import CSV, IDX, JSONL, NPZ, Arrow, Folder, Frame, Parquet, columnar, detect, open_source
from deepwright.data.sources.frame import as_frame, frame_table
from deepwright.data.table import ScannedTable, require_columns
from deepwright.registries import sources

FRAME = pl.DataFrame({"number": [1.5, 2.5, None], "word": ["x", None, "z"], "picture": ["a.png", "b/b.png", None]})


def all_rows(table):
    return table.select(table.columns).rows()


def test_files_that_know_types_agree(tmp_path):
    FRAME.write_parquet(tmp_path / "t.parquet")
    FRAME.write_ipc(tmp_path / "t.arrow", compression="zstd")
    FRAME.write_ipc_stream(tmp_path / "stream.feather")
    FRAME.write_ndjson(tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + (tmp_path / "t.jsonl").read_bytes()))
    base = str(tmp_path.resolve())
    wanted = [(1.5, "x", f"{base}/a.png"), (2.5, None, f"{base}/b/b.png"), (None, "z", None)]
    for name in ("t.parquet", "t.arrow", "stream.feather", "t.jsonl", "t.jsonl.gz"):
        settings, table = open_source(tmp_path / name)
        assert all_rows(table) == wanted, name
        assert type(settings).model_validate(settings.model_dump()).open().height == 3


def test_a_large_parquet_file_is_read_in_chunks_with_the_same_cells(tmp_path, monkeypatch):
    FRAME.write_parquet(tmp_path / "t[1].parquet")
    small = Parquet(path=str(tmp_path / "t[1].parquet")).open()
    monkeypatch.setattr(columnar, "_IN_MEMORY", 0)
    large = Parquet(path=str(tmp_path / "t[1].parquet")).open()
    assert isinstance(large, ScannedTable)
    assert all_rows(large) == all_rows(small)
    assert large.take([2, 0], ["picture"]).rows() == small.take([2, 0], ["picture"]).rows()


def test_large_files_of_objects_and_of_arrow_are_copied_with_the_same_cells(tmp_path, monkeypatch):
    FRAME.write_ipc(tmp_path / "t[1].arrow", compression="zstd")
    text = FRAME.write_ndjson().encode() + b'{"number": 3, "late": [1, 2]}\n'
    (tmp_path / "t[1].jsonl").write_bytes(text)
    (tmp_path / "marked.jsonl.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + text))
    for name in ("t[1].arrow", "t[1].jsonl", "marked.jsonl.gz"):
        with monkeypatch.context() as patched:
            small = open_source(tmp_path / name)[1]
            patched.setattr(columnar, "_IN_MEMORY", 0)
            large = open_source(tmp_path / name)[1]
        assert isinstance(large, ScannedTable), name
        assert large.select(large.columns).equals(small.select(small.columns)), name


def test_what_can_only_be_read_whole_is_refused_where_there_is_no_room(tmp_path):
    FRAME.write_ipc_stream(tmp_path / "t.arrow")
    with within(1), pytest.raises(Refused, match=r"is an Arrow stream of .*, which is read whole"):
        open_source(tmp_path / "t.arrow")
    FRAME.write_csv(tmp_path / "t.csv")
    with within(1), pytest.raises(Refused, match=r"--memory 1 bytes is not enough to copy t\.csv .* Give at least"):
        open_source(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.parquet", b"PAR1 and no more", "not a whole Parquet file"),
        ("a.arrow", b"ARROW1 and no more", "not a whole Arrow file"),
        ("a.feather", b"nothing", "not a whole Arrow file"),
        ("a.jsonl", b'{"a": 1}\n{"a":\n', "not JSON lines"),
        ("a.jsonl.gz", b"nothing", "is not JSON lines"),
        ("a.npz", b"PK nothing", "cannot be read as NPZ"),
        ("train-images-idx3-ubyte", b"\0\0\x08", "not an IDX file"),
        ("train-images-idx3-ubyte.gz", gzip.compress(b"\0\0\x08\x03\0\0\0\x01", mtime=0), "cut short"),
        ("train-images-idx3-ubyte.gz", gzip.compress(b"\0\0\x08" * 100, mtime=0)[:-9], "cut short or damaged"),
        ("a.xlsx", b"PK", r"'.xlsx' are not known.*\.csv.*Save the sheet as CSV first"),
        ("a.csv", b"", "is empty"),
    ],
)
def test_broken_files_give_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        open_source(tmp_path / name)


@pytest.mark.parametrize("kind", [CSV, JSONL, Parquet, Arrow, NPZ, IDX, Folder])
def test_a_missing_file_gives_a_sentence(tmp_path, kind):
    with pytest.raises(DataError, match="There is no f"):
        kind(path=str(tmp_path / "nowhere")).open()


def test_a_misspelt_path_names_the_nearest(tmp_path):
    (tmp_path / "prices.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"Did you mean 'prices.csv'"):
        detect(tmp_path / "price.csv")
    with pytest.raises(DataError, match=r"There is no file or folder /nowhere/at/all.csv\.$"):
        detect("/nowhere/at/all.csv")


def test_empty_frames_and_files_give_a_sentence(tmp_path):
    for empty in (pl.DataFrame(), pl.DataFrame({"a": []}), {}, np.zeros((0, 3))):
        with pytest.raises(DataError, match="no rows"):
            frame_table(empty)
    FRAME.clear().write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="has no rows"):
        open_source(tmp_path / "t.parquet")


def test_frames_of_all_libraries_agree():
    iris = load_iris(as_frame=True).frame
    wanted = pl.DataFrame({name: iris[name].to_numpy() for name in iris.columns})
    given = [wanted, wanted.lazy(), iris, pa.Table.from_pandas(iris), {n: iris[n] for n in iris}, dict(iris.items()),
             {name: iris[name].to_list() for name in iris}]  # fmt: skip
    for data in given:
        assert as_frame(data).equals(wanted), type(data)


def test_arrays_become_columns():
    bunch = load_digits()
    frame = as_frame({"data": bunch.data, "images": bunch.images / 16, "target": bunch.target})
    assert frame.columns == [*(f"x{k}" for k in range(64)), "images", "target"]
    assert frame.schema["images"] == pl.Array(pl.UInt8, (8, 8))
    assert frame["images"].to_numpy().max() == 255
    assert as_frame(bunch.data[:, :2]).columns == ["x0", "x1"]
    both = as_frame({"X": np.zeros((2, 2)), "data": np.ones((2, 2))})
    assert both.rows() == [(0, 0, 1, 1)] * 2


def test_pictures_with_channels_first_and_holes():
    torch_like = np.zeros((2, 3, 8, 9), np.uint8)
    torch_like[:, 1] = 7
    column = as_frame({"image": torch_like})["image"]
    assert column.dtype == pl.Array(pl.UInt8, (8, 9, 3))
    assert column.to_numpy()[0, 4, 4].tolist() == [0, 7, 0]
    assert as_frame({"image": np.array([[[np.nan, 1.0], [-1.0, 0.0]]])})["image"].to_numpy().tolist() == [
        [[128, 255], [0, 128]]
    ]


def test_mixed_columns_become_text():
    assert as_frame({"a": [1, "x", None]})["a"].to_list() == ["1", "x", None]
    assert as_frame(pd.DataFrame({"a": [1, "x", None]}))["a"].to_list() == ["1", "x", None]
    assert as_frame({"a": np.array([1, "x", None], dtype=object)})["a"].to_list() == ["1", "x", None]
    assert as_frame(pl.DataFrame({"a": pl.Series([1j, None], dtype=pl.Object)}))["a"].to_list() == ["1j", None]


def test_series_and_odd_names():
    assert as_frame(pd.Series([1, 2], name="z")).columns == ["z"]
    assert as_frame(pl.Series("z", [1, 2])).columns == ["z"]
    assert as_frame(pd.DataFrame(np.zeros((2, 2)))).columns == ["0", "1"]
    assert as_frame({3: [1], "b": (2,)}).rows() == [(1, 2)]
    assert as_frame(np.array([(1, "a")], dtype=[("i", int), ("s", "U3")])).rows() == [(1, "a")]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"a": [1, 2], "b": [1]}, r"differ in length \(a: 2, b: 1\)"),
        ({"a": 5}, "'a' is a single int"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns called 'a'"),
        (None, "got NoneType"),
        ([{"a": 1}], "got list"),
        (np.array(5), "has 0 axes"),
        (np.zeros((1, 1, 1, 1, 1)), "has 5 axes"),
        (np.array([1j]), "complex"),
        (np.full((2, 2, 2), 300), "runs from 300 to 300"),
        (np.full((2, 2, 2), np.inf), "runs from inf"),
        (np.array([[["a"]]]), "holds no pixels"),
    ],
)
def test_what_is_no_frame_gives_a_sentence(data, sentence):
    with pytest.raises(DataError, match=sentence):
        as_frame(data)


def test_a_frame_cannot_be_opened_from_a_recipe():
    with pytest.raises(DataError, match="handed over in memory"):
        Frame().open()


def write_picture(path, size=(4, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def test_folder_with_classes(tmp_path):
    for name in ("cat/1.png", "cat/deep/2.JPG", "dog/3.jpeg", "root.png", ".hidden/4.png", "__MACOSX/cat/._1.png"):
        write_picture(tmp_path / name)
    (tmp_path / "cat" / "notes.txt").write_text("x")
    (tmp_path / "dog" / "5.heic").write_bytes(b"x")
    settings, table = open_source(tmp_path)
    assert isinstance(settings, Folder)
    assert table.select(["label"])["label"].to_list() == ["cat", "cat", "dog", None]
    assert all(path.startswith("/") for path in table.select(["image"])["image"])
    assert {f.code: f.count for f in table.findings} == {"unreadable-format": 1, "not-a-picture": 1, "hidden": 2}


def test_folder_with_splits(tmp_path):
    for name in ("Train/cat/1.png", "Train/dog/2.png", "val/cat/3.png", "test/dog/4.png"):
        write_picture(tmp_path / name)
    table = Folder(path=str(tmp_path)).open()
    rows = sorted(table.select(["split", "label"]).rows())
    assert rows == [("test", "dog"), ("train", "cat"), ("train", "dog"), ("validation", "cat")]


def test_a_class_called_test_is_a_class(tmp_path):
    for name in ("test/1.png", "bus/2.png"):
        write_picture(tmp_path / name)
    table = Folder(path=str(tmp_path)).open()
    assert sorted(table.select(["label"])["label"]) == ["bus", "test"]


def test_folders_without_pictures_give_a_sentence(tmp_path):
    with pytest.raises(DataError, match="it is empty"):
        open_source(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"1 other file, such as a.txt"):
        open_source(tmp_path)


def idx(array, code=8):
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx_pairs(tmp_path):
    digits = load_digits()
    pixels, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels[:1500])))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels[:1500])))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(pixels[1500:]))
    settings, table = open_source(tmp_path)
    assert isinstance(settings, IDX)
    frame = table.select(table.columns)
    assert frame["split"].to_list() == ["test"] * 297 + ["train"] * 1500
    train = frame.filter(split="train")
    assert np.array_equal(train["image"].to_numpy(), pixels[:1500])
    assert train["label"].to_list() == [str(label) for label in labels[:1500]]
    assert frame.filter(split="test")["label"].null_count() == 297
    assert open_source(tmp_path / "train-labels-idx1-ubyte.gz")[1].height == 1500
    assert len(table.files) == 3


def test_idx_that_does_not_fit_gives_a_sentence(tmp_path):
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 2, 2), np.uint8)))
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(np.zeros(2, np.uint8)))
    with pytest.raises(DataError, match="holds 3 images but a-labels-idx1-ubyte 2 labels"):
        open_source(tmp_path / "a-images-idx3-ubyte")
    (tmp_path / "b-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 2, 2), np.uint8))[:-1])
    with pytest.raises(DataError, match="cut short: 3 items"):
        open_source(tmp_path / "b-images-idx3-ubyte")
    (tmp_path / "a-labels-idx1-ubyte").unlink()
    (tmp_path / "b-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 4, 4), np.uint8)))
    with pytest.raises(DataError, match="differ in size"):
        open_source(tmp_path)


def test_idx_numbers_wider_than_a_byte(tmp_path):
    (tmp_path / "a-images-idx3-float").write_bytes(idx(np.full((1, 2, 2), 0.5, ">f4"), 13))
    assert IDX(path=str(tmp_path / "a-images-idx3-float")).open().select(["image"])["image"].to_numpy().max() == 128


def test_npz(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(
        path, x_train=np.zeros((3, 4, 4), np.uint8), y_train=np.arange(3), x_test=np.zeros((2, 4, 4)), note=np.array(1)
    )
    table = NPZ(path=str(path)).open()
    assert table.columns == ("x_train", "y_train")
    assert [f.text for f in table.findings] == ["Arrays without 3 rows were left out: note (no rows), x_test (2 rows)."]
    with pytest.raises(DataError, match=r"no column 'x_test' .* left out: note \(no rows\), x_test \(2 rows\)"):
        require_columns(table, ["x_test"], "the target")
    np.savez(path, only=np.array(1))
    with pytest.raises(DataError, match="no arrays with rows"):
        NPZ(path=str(path)).open()
    np.savez(path, bad=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="never unpickled"):
        NPZ(path=str(path)).open()
    content = io.BytesIO()
    np.savez_compressed(content, x=np.arange(10_000))
    path.write_bytes(content.getvalue()[:-40])
    with pytest.raises(DataError, match="cannot be read as NPZ"):
        NPZ(path=str(path)).open()


def test_kinds_have_a_schema_and_round_trip():
    for kind in sources:
        assert issubclass(kind, Config)
        schema = TypeAdapter(kind).json_schema()
        assert json.loads(json.dumps(schema))["properties"]["kind"]["const"] == kind.model_fields["kind"].default
