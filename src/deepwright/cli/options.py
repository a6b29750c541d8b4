"""Flags that commands share, and what they become."""

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepwright.core.allocating import choose_allocating
from deepwright.core.errors import InputError

if TYPE_CHECKING:
    from deepwright.core.report import Report
    from deepwright.core.size import Size
    from deepwright.draft import Draft

__all__ = [
    "Shared",
    "Threads",
    "Whole",
    "as_json",
    "build_draft",
    "data_options",
    "emit",
    "finite",
    "given_size",
    "memory_option",
    "moved_option",
    "personal_option",
    "readable",
    "same_threads_option",
    "shared",
    "take_flags",
    "threads_option",
]

Command = Callable[..., Any]


@dataclass(frozen=True)
class Shared:
    """The flags all verbs have."""

    out: str | None
    seed: int | None
    json: bool
    quiet: bool
    debug: bool
    force: bool

    @property
    def path(self) -> Path | None:
        return None if self.out is None else Path(self.out)

    def say(self, text: str) -> None:
        """A line for people, on standard error."""
        if not self.quiet:
            click.echo(text, err=True)

    def show(self, report: "Report") -> None:
        """A report: JSON on standard output with --json, otherwise rendered."""
        if self.json:
            emit(as_json(report.data))
        elif not self.quiet:
            from rich.console import Console

            from deepwright.cli.terminal import render

            render(report, Console())

    def free(self, path: Path | None) -> None:
        """Raises OutputExists: something is at the place to write to, before any work is done."""
        from deepwright.core.files import refuse_existing

        if path is not None:
            refuse_existing(path, self.force)

    def tell(self, work: Callable[[], "Report"]) -> None:
        """Do the work and show its report; with --out, write all of it there as JSON."""
        self.free(self.path)
        report = work()
        if self.path is not None:
            from deepwright.core.files import write_json

            write_json(self.path, finite(report.to_dict()))
        self.show(report)


def as_json(value: Any) -> str:
    """JSON for programs; a number that is none (NaN, infinity) is null."""
    import json

    return json.dumps(finite(value), ensure_ascii=False, indent=1, allow_nan=False, default=str) + "\n"


def finite(value: Any) -> Any:
    """The same value with null for NaN and infinity, which JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def emit(text: str) -> None:
    """Results on standard output: UTF-8 whatever the terminal's encoding is, since programs and files read it."""
    stream = sys.stdout
    if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8" or stream.isatty():
        stream.write(text)
        stream.flush()
        return
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "replace"))
    stream.buffer.flush()


class Whole(click.IntRange):
    """A whole number in a range, called so when it is none."""

    name = "whole number"


class Threads(click.ParamType):
    """A number of processor threads, or "auto"."""

    name = "threads"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "auto" or isinstance(value, int):
            return value
        if not str(value).isdecimal() or not 1 <= int(value) <= 1024:
            self.fail(f"'{value}' is not a number of threads; give auto, or a whole number from 1 to 1024.", param, ctx)
        return int(value)


def given_size(text: str | None) -> "Size | None":
    """An amount of memory. Raises InputError: it is none."""
    from deepwright.core.size import Size

    try:
        return None if text is None else Size.parse(text)
    except ValueError as error:
        raise InputError(f"--memory: {error}.") from error


def shared(command: Command) -> Command:
    """Add --out, --seed, --json, --quiet, --debug, --force; the command gets one `shared` argument."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        names = ("out", "seed", "json", "quiet", "debug", "force")
        return command(*args, shared=Shared(**{name: kwargs.pop(name) for name in names}), **kwargs)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = (
        click.option("-o", "--out", metavar="PATH", help="Where to write: a file or a folder, by the command."),
        click.option("--seed", type=Whole(min=0), metavar="N", help="Seed of all chance (default 0)."),
        click.option("--json", is_flag=True, help="The report as JSON on standard output, nothing else there."),
        click.option("--quiet", is_flag=True, help="No progress, no text."),
        click.option("--debug", is_flag=True, help="Show where an error came from."),
        click.option("--force", is_flag=True, help="Replace an existing output (runs are never overwritten)."),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def readable(words: Sequence[str]) -> list[str]:
    """Words of the command line as UTF-8, where a plain locale (LC_ALL=C) could not read them.

    Raises:
        InputError: such a word names a file: then everything that opens it would need that locale's way.
    """
    found = []
    for word in words:
        if not word.isascii() and any("\udc80" <= sign <= "\udcff" for sign in word):  # bytes no one could read
            text = os.fsencode(word).decode("utf-8", "replace")
            if os.path.exists(word):
                raise InputError(
                    f"This locale cannot read the name '{text}'. Set the environment variable PYTHONUTF8=1."
                )
            word = text
        found.append(word)
    return found


moved_option = click.option("--data", metavar="PATH", help="Where the training data is now, if it moved.")
threads_option = click.option(
    "--threads", type=Threads(), metavar="auto|N", help="Processor threads; auto takes what is fastest now."
)


def _frugal(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Before polars is loaded."""
    if value is not None:
        choose_allocating()
    return value


memory_option = click.option(
    "--memory",
    metavar="SIZE",
    callback=_frugal,
    help="Memory to keep to: 512MB, 2GB, 1.5GiB; refused before the first step if it cannot.",
)
same_threads_option = click.option(
    "--threads", type=Threads(), metavar="auto|N", help="Processor threads; auto, as in training (the same last bits)."
)
personal_option = click.option(
    "--show-personal", is_flag=True, help="Show cells that look personal (masked otherwise)."
)


def data_options(command: Command) -> Command:
    """Add the flags that say what the data is."""
    options = (
        click.option("--target", "targets", multiple=True, metavar="COLUMN", help="What is to be learnt; repeatable."),
        click.option(
            "--task",
            metavar="KIND",
            help="classify, regress, tag, or generate: new examples like these; found out otherwise.",
        ),
        click.option("--id", "key", metavar="COLUMN", help="One example = all rows with this value."),
        click.option("--time", metavar="COLUMN", help="Train on earlier rows, test on later ones."),
        click.option("--group", metavar="COLUMN", help="Rows that are never divided by a split."),
        click.option("--test", metavar="FILE", help="Data to test on."),
        click.option("--ignore", multiple=True, metavar="COLUMN", help="Leave a column out; repeatable."),
        click.option("--strict", is_flag=True, help="Wrong cells and unreadable pictures are errors."),
        click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any recipe key: --set train.batch=64."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def build_draft(source: str, shared: Shared, **flags: Any) -> "Draft":
    """A draft of a recipe from a source (or a recipe file) and the flags given."""
    from deepwright.draft import Draft

    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        draft = Draft.read(path)
        _relative_to(draft, path.parent)
    elif (path / "recipe.yaml").is_file() and (path / "events.jsonl").is_file():
        raise InputError(
            f"{source} is a run, not data. Go on with it: deepwright resume {source}. "
            f"Train a new one by its recipe: deepwright train {path / 'recipe.yaml'}"
        )
    else:
        draft = Draft()
        draft.put(("data", "source"), source, "the command line")
    take_flags(draft, shared, **flags)
    return draft


def take_flags(draft: "Draft", shared: Shared, **flags: Any) -> None:
    """Put the flags given into a draft."""
    names = {
        "key": ("data", "id"), "time": ("data", "time"), "group": ("data", "group"), "test": ("data", "test"),
        "task": ("task",), "model": ("model",), "metric": ("evaluate", "metric"), "budget": ("train", "budget"),
        "threads": ("train", "threads"), "memory": ("train", "memory"),
    }  # fmt: skip
    for flag, where in names.items():
        if flags.get(flag) is not None:
            draft.put(where, flags[flag], f"--{'id' if flag == 'key' else flag}")
    if flags.get("style") is not None:
        if not draft.has("model"):
            draft.put(("model",), "stylist", "--style")
        draft.put(("model", "style"), flags["style"], "--style")
    if flags.get("targets"):
        draft.put(("target",), list(flags["targets"]), "--target")
    if flags.get("ignore"):
        draft.put(("data", "ignore"), list(flags["ignore"]), "--ignore")
    if flags.get("track"):
        draft.put(("track",), list(flags["track"]), "--track")
    if flags.get("strict"):
        draft.put(("data", "strict"), True, "--strict")
    if shared.seed is not None:
        draft.put(("seed",), shared.seed, "--seed")
    for assignment in flags.get("sets") or ():
        draft.set(assignment)


def _relative_to(draft: Any, folder: Path) -> None:
    """Paths in a recipe file are meant from the file's folder."""
    for where in (("data",), ("data", "source"), ("data", "source", "path"), ("data", "test"), ("model", "style")):
        value = draft.get(*where)
        if isinstance(value, str) and not Path(value).is_absolute() and (folder / value).exists():
            draft.put(where, str(folder / value), draft.place(where))
