"""Looking on while a trained network is asked: a bar with the time that is left, once there is something to wait for."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from deepwright.core.telling import shown_by

__all__ = ["looking_on"]

PATIENCE = 1.0  # seconds without a word: most answers are there by then


@contextmanager
def looking_on(quiet: bool) -> Iterator[None]:
    """Show how far the work inside is."""
    from deepwright.cli.progress import Progress, duration

    began = time.monotonic()
    first: dict[str, tuple[float, int]] = {}  # when a piece of work began, and how much was done then
    faces: list[Progress] = []
    with ExitStack() as stack:

        def show(what: str, done: int, total: int) -> None:
            now = time.monotonic()
            if not done:  # also where the same is done once more
                first[what] = (now, 0)
            since, before = first.setdefault(what, (now, done))
            if now - began < PATIENCE:
                return
            if not faces:
                faces.append(stack.enter_context(Progress(quiet)))
            left = "" if done == before else f"; {duration((now - since) * (total - done) / (done - before))} left"
            faces[0].part(what, min(1.0, done / max(1, total)), f"{done:,} of {total:,}{left}")

        stack.enter_context(shown_by(show))
        yield
