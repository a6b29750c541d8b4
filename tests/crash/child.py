"""The life of a forked child: one command of Deepwright, in a folder, with everything that is to happen to it."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from deepwright.cli.main import run
from deepwright.training import loop
from deepwright.verbs import baselines, complete, kinds, train  # noqa: F401  what children need
from tests.crash.disk import Plan, watch
from tests.crash.phases import Marks
from tests.crash.situations import bring_about

__all__ = ["live"]


def live(request: dict[str, Any], folder: Path, marks: Marks) -> None:
    """Never returns."""
    code = 99
    try:
        os.chdir(folder)
        for handle, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), handle)
        os.environ["TMPDIR"] = str(folder)
        sys.argv = ["deepwright", *request["words"]]
        baselines._run = _short_lived
        if request["checkpoints"]:
            loop.SAVE_SHARE = 0
        marks.begin()
        bring_about(request["situation"], folder)
        if request["largest"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest"], request["largest"]))
        if request["plan"] is not None:
            watch(Plan(**request["plan"]))
        try:
            run(request["words"])
        except SystemExit as stop:
            code = int(stop.code or 0)
        for late in (signal.SIGINT, signal.SIGTERM):  # what comes now is too late for the command
            signal.signal(late, signal.SIG_IGN)
        if code == 0:
            ours = [
                name for name in sys.modules if name.split(".")[0] in ("deepwright", "torch", "rich", "PIL", "yaml")
            ]
            (folder / "modules").write_text("\n".join(ours))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _short_lived(place: Path, seconds: float) -> dict[str, str]:
    """Baselines that learn nothing, for scikit-learn takes seconds to load; but in a process of their own, as always."""
    with baselines._lifeline() as line:
        subprocess.run([sys.executable, "-ISc", "import time; time.sleep(0.02)"], stdin=line, check=True)
    return {}
