"""One fork server for all crash tests of a process."""

import os
from collections.abc import Iterator

import pytest

from tests.crash.server import Server


@pytest.fixture(scope="session")
def crash_server() -> Iterator[Server]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork: a kill would cost the seconds that torch takes to load")
    with Server() as server:
        yield server
