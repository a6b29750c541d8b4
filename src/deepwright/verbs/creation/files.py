"""Where creations are written, and as what: a folder with a file each and a sheet, or one file by the end of its name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from deepwright.core.errors import InputError, OutputExists
from deepwright.core.files import write_atomic
from deepwright.verbs.creation.pictures import MOVING, moving, sheet, still
from deepwright.verbs.creation.records import KEYWORD, beside, text_of, write_beside
from deepwright.verbs.files import write_frame

__all__ = ["Place", "Writer", "place_of"]

_STILL = (".png", ".webp")
_AN_END = re.compile(r"\.[a-z]{2,5}")  # hardly the end of a folder's name, as one with digits may be
_ROWS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".feather")
_ON_SHEET = 400
FILE = "file"  # the column that names a picture


@dataclass(frozen=True)
class Place:
    """A folder, or one file (`end` is the end of its name)."""

    path: Path
    end: str = ""


def place_of(run_folder: Path, out: Path | None, moves: bool, pictures: bool, force: bool, walks: bool = True) -> Place:
    """Where to write.

    Args:
        moves: it is a walk. pictures: there are pictures among the columns. walks: the network could walk.

    Raises:
        OutputExists: something is there. InputError: creations of this kind are not written as such a file.
    """
    if out is None:
        home = run_folder / "creations"
        taken = [int(path.name) for path in home.glob("*") if re.fullmatch(r"\d+", path.name)]
        return Place(home / f"{1 + max(taken, default=0):03d}")
    end = out.suffix.lower()
    if out.is_dir() or not (end in (*_STILL, *MOVING, *_ROWS) or _AN_END.fullmatch(end)):
        if out.exists() and not force and (not out.is_dir() or any(out.iterdir())):
            raise OutputExists(
                f"{out} exists already; nothing was written. Use --force to write into it, or another name with -o."
            )
        return Place(out)
    fitting = (*MOVING, ".png") if pictures and moves else _STILL if pictures else _ROWS
    if end not in fitting:
        what = "A walk is" if pictures and moves else "These pictures are" if pictures else "These rows are"
        more = (
            " (moving pictures are made by --interpolate)" if end in MOVING and pictures and not moves and walks else ""
        )
        raise InputError(f"{out.name}: {what} written as {', '.join(fitting)}, or into a folder{more}.")
    if out.exists() and not force:
        raise OutputExists(
            f"{out} exists already; nothing was written. Use --force to replace it, or another name with -o."
        )
    return Place(out, end)


@dataclass
class Writer:
    """Takes creations piece by piece and writes them: each picture at once, sheets, walks and rows at the end.

    Args:
        stem: files of numbers are STEM-0003.png. record: of each file, without what the file shows; None: no records.
        names: of stored latents, by their key. per_second: frames of a walk; None: it is no walk.
    """

    place: Place
    stem: str
    record: Mapping[str, Any] | None
    names: Mapping[str, str] = field(default_factory=dict)
    per_second: float | None = None
    written: list[str] = field(default_factory=list)
    _listed: bool = False  # rows are names of files alone, each of which has its own record
    _cells: dict[str, list[bytes | None]] = field(default_factory=dict)
    _rows: list[pl.DataFrame] = field(default_factory=list)

    def take(self, at: Sequence[int | str], frame: pl.DataFrame) -> None:
        """Creations of these numbers or keys, one row each."""
        files = [name for name, kind in frame.schema.items() if kind == pl.Binary]
        for place, name in enumerate(files):
            kept = self._cells.setdefault(name, [])
            for anchor, cell in zip(at, frame[name].to_list(), strict=True):
                if self.per_second is not None or len(kept) < _ON_SHEET:
                    kept.append(cell)
                if cell is not None and not self.place.end and self.per_second is None:
                    shown = self._marked({"number": anchor} if isinstance(anchor, int) else {"latent": anchor})
                    self._write(self.place.path / self._name(anchor, place, len(files)), still(cell, ".png", shown))
        rest, alone = frame.drop(files), self._alone(files)
        self._listed = not rest.width
        if rest.width or not alone:
            self._rows.append(rest if alone else self._named(at, rest))

    def _alone(self, files: Sequence[str]) -> bool:
        """Whether rows stand for themselves, and not for one file each."""
        return len(files) != 1 or bool(self.place.end) or self.per_second is not None

    def _named(self, at: Sequence[int | str], rest: pl.DataFrame) -> pl.DataFrame:
        """Rows with the name of the picture that each is about, where no column is called so already."""
        if FILE in rest.columns:
            return rest
        names = pl.Series(FILE, [self._name(anchor, 0, 1) for anchor in at], dtype=pl.String)
        return rest.insert_column(0, names) if rest.width else names.to_frame()

    def finish(self, at: Mapping[str, Any]) -> list[str]:
        """Write what shows several; returns the names of all files.

        Args:
            at: what a record says of several: {"n": 64}, {"at": [3, 9]}.
        """
        for place, cells in enumerate(self._cells.values()):
            ending = "" if len(self._cells) == 1 else f"-{place}"  # names of columns may hold any sign
            record = self._marked(at)
            if self.per_second is not None and self.place.end != ".png":
                end = self.place.end or ".webp"
                path = self.place.path if self.place.end else self.place.path / f"walk{ending}{end}"
                self._write(path, moving([cell for cell in cells if cell is not None], end, self.per_second, record))
            elif not self.place.end:
                self._write(self.place.path / f"sheet{ending}.png", still(sheet(cells), ".png", record))
            elif place == 0:
                alone = len(cells) == 1 and cells[0] is not None
                self._write(self.place.path, still(cells[0] if alone else sheet(cells), self.place.end, record))  # type: ignore[arg-type]
        if self._rows and (not self.place.end or self.place.end in _ROWS):
            self._write_rows(pl.concat(self._rows), at)
        return self.written

    def _write_rows(self, rows: pl.DataFrame, at: Mapping[str, Any]) -> None:
        path = self.place.path if self.place.end else self.place.path / "creations.csv"
        record = self._marked(at)
        if path.suffix.lower() == ".parquet":
            metadata = None if record is None else {KEYWORD: text_of(record)}
            write_atomic(path, lambda part: rows.write_parquet(part, metadata=metadata))
            self.written.append(path.name)
            return
        write_frame(rows, path)
        self.written.append(path.name)
        if record is None or self._listed:
            beside(path).unlink(missing_ok=True)  # of what was there before
        else:
            self.written.append(write_beside(path, record).name)

    def _marked(self, shown: Mapping[str, Any]) -> dict[str, Any] | None:
        return None if self.record is None else {**self.record, **shown}

    def _name(self, anchor: int | str, place: int, columns: int) -> str:
        ending = "" if columns == 1 else f"-{place}"
        if isinstance(anchor, str):
            return f"{self.names.get(anchor, anchor)}{ending}.png"
        return f"{self.stem}-{anchor:04d}{ending}.png"

    def _write(self, path: Path, content: bytes) -> None:
        write_atomic(path, lambda part: part.write_bytes(content))
        self.written.append(path.name)
