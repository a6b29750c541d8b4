"""Records of creations in files, and pictures made larger, without a run."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError
from deepwright.verbs.creation.pictures import larger
from deepwright.verbs.creation.records import beside, in_mp4, read_record, write_beside


def test_records_of_tables_and_films(tmp_path: Path) -> None:
    record = {"format": 1, "threads": 2}
    (tmp_path / "film.mp4").write_bytes(in_mp4(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x0cmdat1234", record))
    assert read_record(tmp_path / "film.mp4") == record
    (tmp_path / "plain.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")
    (tmp_path / "odd.mp4").write_bytes(b"\0\0\0\x03ftyp\0\0\0\0")
    for name in ("plain.mp4", "odd.mp4"):
        with pytest.raises(DataError, match="carries no record"):
            read_record(tmp_path / name)
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1\n")
    write_beside(rows, record)
    assert read_record(rows) == record == read_record(beside(rows))
    rows.write_text("a\n2\n")
    with pytest.raises(DataError, match=r"is about another file: rows\.csv was changed"):
        read_record(rows)
    beside(rows).write_text("[")
    with pytest.raises(DataError, match="is damaged"):
        read_record(rows)
    frame = pl.DataFrame({"a": [1]})
    frame.write_parquet(tmp_path / "rows.parquet", metadata={"deepwright": json.dumps({"deepwright": record})})
    assert read_record(tmp_path / "rows.parquet") == record
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_record(tmp_path / "bad.parquet")


def test_transparent_edges_get_no_fringe() -> None:
    square = np.zeros((6, 6, 4), np.uint8)
    square[..., :3] = (0, 255, 0)  # what is not seen is green
    square[2:4, 2:4] = (200, 0, 0, 255)
    out = BytesIO()
    Image.fromarray(square).save(out, "PNG")
    cell = larger(pl.DataFrame({"image": [out.getvalue()]}), 4)["image"][0]
    with Image.open(BytesIO(cell)) as picture:
        pixels_ = np.asarray(picture)
    seen = pixels_[pixels_[..., 3] > 20]
    assert pixels_.shape == (24, 24, 4)
    assert seen[:, 1].max() <= 8
