"""Flags that commands share, and what they become."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from deepwright.core.report import Report
    from deepwright.draft import Draft

__all__ = ["Shared", "build_draft", "data_options", "shared"]

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

    def say(self, text: str) -> None:
        """A line for people, on standard error."""
        if not self.quiet:
            click.echo(text, err=True)

    def show(self, report: "Report") -> None:
        """A report: JSON on standard output with --json, otherwise rendered."""
        if self.json:
            import json

            click.echo(json.dumps(report.data, ensure_ascii=False, indent=1))
        elif not self.quiet:
            from rich.console import Console

            from deepwright.cli.terminal import render

            render(report, Console())


def shared(command: Command) -> Command:
    """Add --out, --seed, --json, --quiet, --debug, --force; the command gets one `shared` argument."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        names = ("out", "seed", "json", "quiet", "debug", "force")
        return command(*args, shared=Shared(**{name: kwargs.pop(name) for name in names}), **kwargs)

    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = (
        click.option("-o", "--out", metavar="PATH", help="Where to write: a file or a folder, by the command."),
        click.option("--seed", type=click.IntRange(min=0), help="Seed of all chance (default 0)."),
        click.option("--json", is_flag=True, help="The report as JSON on standard output, nothing else there."),
        click.option("--quiet", is_flag=True, help="No progress, no text."),
        click.option("--debug", is_flag=True, help="Show where an error came from."),
        click.option("--force", is_flag=True, help="Replace an existing output (runs are never overwritten)."),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def data_options(command: Command) -> Command:
    """Add the flags that say what the data is."""
    options = (
        click.option("--target", "targets", multiple=True, metavar="COLUMN", help="What is to be learnt; repeatable."),
        click.option("--task", metavar="KIND", help="classify, regress, tag; found out otherwise."),
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
    else:
        draft = Draft()
        draft.put(("data", "source"), source, "the command line")
    names = {
        "key": ("data", "id"), "time": ("data", "time"), "group": ("data", "group"), "test": ("data", "test"),
        "task": ("task",), "model": ("model",), "metric": ("evaluate", "metric"), "budget": ("train", "budget"),
    }  # fmt: skip
    for flag, where in names.items():
        if flags.get(flag) is not None:
            draft.put(where, flags[flag], f"--{'id' if flag == 'key' else flag}")
    if flags.get("targets"):
        draft.put(("target",), list(flags["targets"]), "--target")
    if flags.get("ignore"):
        draft.put(("data", "ignore"), list(flags["ignore"]), "--ignore")
    if flags.get("strict"):
        draft.put(("data", "strict"), True, "--strict")
    if shared.seed is not None:
        draft.put(("seed",), shared.seed, "--seed")
    for assignment in flags.get("sets") or ():
        draft.set(assignment)
    return draft


def _relative_to(draft: Any, folder: Path) -> None:
    """Paths in a recipe file are meant from the file's folder."""
    for where in (("data",), ("data", "source"), ("data", "source", "path"), ("data", "test")):
        value = draft.get(*where)
        if isinstance(value, str) and not Path(value).is_absolute() and (folder / value).exists():
            draft.put(where, str(folder / value), draft.place(where))
