"""What must start at once pulls in nothing heavy."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "sklearn", "pandas", "scipy"}


@pytest.mark.parametrize(
    "module", ["deepwright", "deepwright.core.report", "deepwright.core.registry", "deepwright.cli"]
)
def test_importing_pulls_in_no_heavy_library(module):
    show = f"import sys, {module}; print(*sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
