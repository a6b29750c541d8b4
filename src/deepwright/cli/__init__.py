"""The command line: parse, call a verb, render blocks. Its front imports no torch, so that --help is instant."""


def main() -> None:
    """Entry point of `deepwright` and `dw`."""
    from deepwright.cli.main import run

    run()
