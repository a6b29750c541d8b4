"""The command line: parse, call a verb, render blocks. Its front imports no torch, so that --help is instant."""


def main() -> None:
    """Entry point of `deepwright` and `dw`."""
    import gc

    gc.set_threshold(
        20_000, 50, 100
    )  # imports make many lasting objects; looking through them again and again costs 0.1 s
    from deepwright.cli.main import run
    from deepwright.core.waiting import wait_asleep

    wait_asleep()
    run()
