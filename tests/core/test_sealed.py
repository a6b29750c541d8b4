"""Sealed records: what is read is what was written."""

from pathlib import Path

import pytest

from deepwright.core.files import read_json
from deepwright.core.sealed import unsealed, write_sealed


def test_a_record_comes_back_and_a_changed_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_sealed(path, {"é": [0.1, None], "numbers": {2: "a", 10: "b"}})
    assert unsealed(read_json(path)) == {"é": [0.1, None], "numbers": {"2": "a", "10": "b"}}
    path.write_text(path.read_text(encoding="utf-8").replace("0.1", "0.3"), encoding="utf-8")
    with pytest.raises(ValueError, match="not what was written"):
        unsealed(read_json(path))


def test_nothing_and_records_of_earlier_versions_have_no_seal(tmp_path: Path) -> None:
    write_sealed(tmp_path / "nothing.json", None)
    assert unsealed(read_json(tmp_path / "nothing.json")) is None
    assert unsealed({"format": 1}) == {"format": 1}
