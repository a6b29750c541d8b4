"""The command group, and how errors become sentences and exit codes: 0 done, 2 the person's input, 1 our fault, 130 stopped."""

import sys
from collections.abc import Callable
from typing import Any

import click

from deepwright import __version__
from deepwright.cli.commands import answer, data, question, training
from deepwright.core.errors import DeepwrightError, Interrupted

__all__ = ["group", "run"]


class _Group(click.Group):
    """Commands in the order of use, and the nearest one for a misspelt name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = click.utils.make_str(args[0])
        if name not in self.commands and not name.startswith("-"):
            from deepwright.core.errors import did_you_mean

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


for command in (*data.COMMANDS, *training.COMMANDS, *answer.COMMANDS, *question.COMMANDS):
    group.add_command(command)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_guarded(lambda: group.main(words, "deepwright", standalone_mode=False), "--debug" in words))


def _guarded(call: Callable[[], Any], debug: bool) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        result = call()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:
        sys.stdout = open((sys.platform == "win32" and "NUL") or "/dev/null", "w")  # noqa: SIM115  the reader has gone
        return 0
    except DeepwrightError as error:
        if debug:
            raise
        words = "" if isinstance(error, Interrupted) else "Error: "
        click.echo(f"{words}{error}", err=True)
        return error.exit_code
    except MemoryError:
        if debug:
            raise
        click.echo(
            "Error: The memory is not enough. Try fewer rows, smaller pictures, or --set train.batch=…", err=True
        )
        return 2
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"Error: something went wrong inside deepwright ({type(error).__name__}: {error}). Run again with --debug to see where.",
            err=True,
        )
        return 1
