"""Files are whole or absent, and a wrong place gives a sentence."""

import errno
import hashlib
import os
import stat

import pytest

from deepwright.core.errors import InputError
from deepwright.core.files import file_hash, place_errors, read_json, sweep, write_atomic, write_json, write_text


def test_what_is_written_is_read(tmp_path):
    value = {"é": [1, 2.5, None, True], "b": {"c": "\u2028"}}
    write_json(tmp_path / "deep" / "a.json", value)
    assert read_json(tmp_path / "deep" / "a.json") == value
    assert "é" in (tmp_path / "deep" / "a.json").read_text(encoding="utf-8")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_line_ends_stay(tmp_path):
    write_text(tmp_path / "a", "one\ntwo\n")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")

    def half(part):
        part.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, half)
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, float("nan"))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_others_may_read_where_the_umask_says_so(tmp_path):
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_what_killed_processes_left_is_swept_away(tmp_path):
    dead, living = tmp_path / f".a.json.{2**22 + 1}-00.part", tmp_path / f".a.json.{os.getpid()}-00.part"
    for path in (dead, living, tmp_path / "a.json", tmp_path / ".odd.part"):
        path.write_text("x")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, "a.json"])


def test_wrong_places_give_a_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    for path, sentence in (
        (tmp_path / "file" / "a", "is a file, not a folder"),
        (tmp_path / "file" / "a" / "b", "is a file, not a folder"),
        (tmp_path / "folder", "there is a folder with that name"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        with pytest.raises(InputError, match=sentence):
            write_text(path, "y")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_refusals_of_the_system_give_a_sentence(tmp_path, code, sentence):
    def refuse(part):
        raise OSError(code, os.strerror(code))

    with pytest.raises(InputError, match=sentence):
        write_atomic(tmp_path / "a", refuse)
    assert not list(tmp_path.iterdir())


def test_other_faults_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="no idea"), place_errors(tmp_path):
        raise OSError(errno.EDOM, "no idea")


def test_hash(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
