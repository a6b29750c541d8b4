"""The command line: parse, call a verb, render blocks. Its front imports no torch, so that --help is instant."""


def main() -> None:
    """Entry point of `deepwright` and `dw`."""
    import atexit
    import gc
    import signal
    import sys

    from deepwright.cli.stopping import leave, stoppable

    atexit.register(leave)  # the first one registered is called last
    gc.set_threshold(
        20_000, 50, 100
    )  # imports make many lasting objects; looking through them again and again costs 0.1 s
    code = stoppable(_command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the last moments belong to the interpreter
    leave.code = code
    sys.exit(code)


def _command() -> int:
    from deepwright.cli.main import command
    from deepwright.core.waiting import choose_waiting

    choose_waiting()
    return command()
