"""The command group, and how errors become sentences and exit codes: 0 done, 2 the person's input, 1 our fault, 130 stopped."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from deepwright import __version__
from deepwright.cli.commands import answer, arena, data, question, restyle, training, tuning
from deepwright.cli.options import readable
from deepwright.cli.stopping import CODE, asked, say, stoppable
from deepwright.core.errors import DeepwrightError, Interrupted, did_you_mean

__all__ = ["command", "group", "run"]


class _Group(click.Group):
    """Commands in the order of use, and the nearest one for a misspelt name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = click.utils.make_str(args[0])
        if name not in self.commands and not name.startswith("-"):
            raise click.UsageError(f"There is no command '{name}'. {did_you_mean(name, list(self.commands))}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="deepwright")
def group() -> None:
    """Make a deep network from your own data, question it, and ship it, on the computer you have.

    \b
    deepwright train cars.csv --target price
    deepwright predict runs/cars-1 new_cars.csv -o answers.csv
    """


first, *listings = data.COMMANDS
for command in (
    first,
    *training.COMMANDS,
    *tuning.COMMANDS,
    *answer.COMMANDS,
    *question.COMMANDS,
    *restyle.COMMANDS,
    *arena.COMMANDS,
    *listings,
):
    group.add_command(command)


def command(arguments: list[str] | None = None) -> int:
    """Run the command line; its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    return _guarded(lambda: group.main(readable(words), "deepwright", standalone_mode=False), "--debug" in words)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(stoppable(lambda: command(arguments)))


def _guarded(call: Callable[[], Any], debug: bool) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        result = call()
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (BrokenPipeError, SystemExit) as stop:
        if not isinstance(stop, BrokenPipeError) and not _broken_pipe(stop.__context__):
            raise
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  the reader has gone; nothing more is said
        return 0
    except Interrupted as stop:
        say(str(stop))
        return CODE
    except (click.Abort, KeyboardInterrupt):
        if asked():
            raise
        say("Stopped.")
        return CODE
    except Exception as error:
        if asked():
            raise  # it is what others have made of the interrupt
        if debug:
            traceback.print_exc()
        code, text = _told(error)
        click.echo(text, err=True)
        return code


def _broken_pipe(error: BaseException | None) -> bool:
    """Whether the libraries that print have ended the process since nobody reads any more."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _told(error: Exception) -> tuple[int, str]:
    """Exit code and sentence of an error."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        text = error.format_message()
        return 2, f"Error: {text}{'' if text.endswith(('.', '?', ')')) else '.'} Try: {error.ctx.command_path} --help"
    if isinstance(error, click.ClickException):
        return 2, f"Error: {error.format_message()}"
    if isinstance(error, DeepwrightError):
        return error.exit_code, f"Error: {error}"
    if isinstance(error, MemoryError):
        return 2, "Error: The memory is not enough. Try fewer rows, smaller pictures, or --set train.batch=…"
    if isinstance(error, OSError) and error.errno in _PLACES:
        where = "" if error.filename is None else f" ({error.filename})"
        return 2, f"Error: {_PLACES[error.errno]}{where}."
    return 1, (
        f"Error: something went wrong inside deepwright ({type(error).__name__}: {error}). "
        "Run again with --debug to see where."
    )


_PLACES = {
    errno.ENOSPC: "The disk is full; free some space, or choose another place with --out",
    errno.EDQUOT: "Your disk quota is used up; free some space, or choose another place with --out",
    errno.EROFS: "The disk is read-only; choose another place with --out",
    errno.EACCES: "There is no permission for that file or folder",
    errno.EPERM: "There is no permission for that file or folder",
    errno.EMFILE: "Too many files are open; raise the limit with: ulimit -n 4096",
    errno.EIO: "The disk reported a fault",
}
