"""Sizes as people write them, and the memory of this process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.core import memory
from deepwright.core.size import Size, told


@pytest.mark.parametrize(
    ("text", "size"),
    [("512MB", 512e6), ("2GB", 2e9), ("1.5GiB", 1.5 * 2**30), (" 2 gb ", 2e9), ("800m", 800e6), (".5TiB", 2**39), ("1_000MB", 1e9)],
)  # fmt: skip
def test_amounts_are_read(text: str, size: float) -> None:
    assert Size.parse(text).bytes == size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (2, "2 of what? Write for example 2GB, or 2MB"), ("1.5", "1.5 of what"), ("lots", "not an amount of memory"), ("2 apples", "unit 'apples'"),
        ("", "not an amount"), ("-2GB", "not an amount"), ("0GB", "cannot be"), (True, "not an amount"), ("9e9GB", "not an amount"),
        ("99999999TB", "cannot be"),
    ],
)  # fmt: skip
def test_what_is_none_gets_a_sentence(text: object, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("?", r"\?")):
        Size.parse(text)


@given(st.floats(0.1, 999), st.sampled_from(["kB", "MB", "GB", "KiB", "MiB", "GiB"]))
def test_what_is_written_is_read_back(amount: float, unit: str) -> None:
    size = Size.parse(f"{amount:.4g}{unit}")
    assert Size.parse(str(size)) == size


def test_few_digits_are_told() -> None:
    assert [told(n) for n in (12, 999_999_999, 1_960_000_000, 43_000_000_000)] == ["12 bytes", "1 GB", "2 GB", "43 GB"]


def test_the_peak_is_never_below_what_is_held() -> None:
    before = memory.resident()
    block = bytearray(64_000_000)
    block[::4096] = b"x" * len(block[::4096])
    assert memory.peak() >= memory.resident() >= before + 50_000_000
    del block
    assert memory.peak() >= before + 50_000_000


def test_the_peak_is_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: "")
    assert memory.peak() > 10_000_000


def test_a_container_may_have_less_than_its_machine(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    whole = memory.free()
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free() > 10_000 < whole
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.free() == 2000
