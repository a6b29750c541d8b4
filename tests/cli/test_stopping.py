"""Being stopped: what an interrupt becomes on its way, a second one, one that is swallowed, one that is to be ignored."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

START = """
import os, signal, sys
from deepwright.cli.stopping import asked, say, stoppable, will_say

def stop():
    os.kill(os.getpid(), signal.SIGINT)
"""


def ended(body: str, ignored: bool = False) -> tuple[int, str]:
    """A process that does this: its exit code, and what it said."""
    script = START + textwrap.dedent(body)
    before = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, preexec_fn=before
    )
    return done.returncode, done.stderr


pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals differ there")


def test_what_others_make_of_an_interrupt_is_an_interrupt() -> None:
    body = """
    def call():
        will_say(lambda: "Go on so.")
        try:
            stop()
        except BaseException as error:
            raise ImportError("numpy is half there") from error
    sys.exit(stoppable(call))
    """
    assert ended(body) == (130, "Go on so.\n")


def test_the_second_one_ends_the_process_in_the_middle_of_cleaning_up() -> None:
    body = """
    def call():
        will_say(lambda: "Go on so.")
        try:
            stop()
        finally:
            stop()
            print("still here", file=sys.stderr)
    sys.exit(stoppable(call))
    """
    assert ended(body) == (130, "Go on so.\n")


def test_one_that_cannot_go_up_is_heard() -> None:
    body = """
    class Held:
        def __del__(self):
            stop()
    def call():
        Held()
        print("still here", file=sys.stderr)
        return 0
    sys.exit(stoppable(call))
    """
    assert ended(body) == (130, "Stopped.\n")


def test_after_the_last_word_nothing_more_is_said() -> None:
    body = """
    def call():
        say("All is said.")
        stop()
        stop()
        return 130
    sys.exit(stoppable(call))
    """
    assert ended(body) == (130, "All is said.\n")


def test_what_is_ignored_from_outside_stays_ignored() -> None:
    body = """
    def call():
        stop()
        return 3 if not asked() else 4
    sys.exit(stoppable(call))
    """
    assert ended(body, ignored=True) == (3, "")


def test_a_sentence_that_cannot_be_made_and_errors_of_its_own() -> None:
    body = """
    def broken():
        raise OSError
    def call():
        will_say(broken)
        stop()
    sys.exit(stoppable(call))
    """
    assert ended(body) == (130, "Stopped.\n")
    code, said = ended("""
    def call():
        raise ValueError("not stopped")
    sys.exit(stoppable(call))
    """)
    assert (code, said.splitlines()[-1]) == (1, "ValueError: not stopped")


def test_the_process_ends_when_all_is_in_order_and_before_its_libraries_are_taken_down() -> None:
    body = """
    import atexit
    from deepwright.cli.stopping import leave
    class Library:
        def __del__(self):
            sys.stderr.write("taken down")
    library = Library()
    atexit.register(leave)
    atexit.register(lambda: sys.stderr.write("in order, "))
    leave.code = {code}
    sys.exit(2)
    """
    assert ended(body.format(code=2)) == (2, "in order, ")
    assert ended(body.format(code=None)) == (2, "in order, taken down")
