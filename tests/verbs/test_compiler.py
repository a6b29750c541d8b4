"""The compiler of torch is not loaded: it takes 200 MB and seconds, and nothing here compiles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import sys
import numpy as np
import polars as pl
import deepwright as dw
chance = np.random.default_rng(0)
rows = pl.DataFrame({"x": chance.normal(size=200), "kind": chance.choice(["a", "b"], 200), "y": chance.normal(size=200)})
dw.train(rows, out=sys.argv[1], budget="20steps", WISH)
sys.exit("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize("wish", ['target="y"', 'task="generate"', 'task="generate", model="gan"'])
def test_training_does_not_load_the_compiler_of_torch(wish: str, tmp_path: Path) -> None:
    code = TRAIN.replace("WISH", wish)
    free = {
        name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"
    }  # there is a choice of threads
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True, env=free
    )
    assert done.returncode == 0, done.stderr[-400:]
