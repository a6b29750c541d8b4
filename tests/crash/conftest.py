"""One fork server for all crash tests of a process."""

import os
from collections.abc import Iterator

import pytest

from tests.crash.families import family
from tests.crash.lives import Reference, reference
from tests.crash.server import Server


@pytest.fixture(scope="session")
def crash_server() -> Iterator[Server]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork: a kill would cost the seconds that torch takes to load")
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def mlp(crash_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """An uninterrupted training of the family that costs least."""
    known = family("mlp", "supervised")
    assert known is not None
    return reference(crash_server, known, known.variants()[0], tmp_path_factory.mktemp("mlp") / "whole")
