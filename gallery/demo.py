"""make demo: real measurements of tumours (ships with scikit-learn), trained through the command line in a minute.

Street, Wolberg & Mangasarian 1993, "Nuclear feature extraction for breast tumor diagnosis" (569 patients, 30 columns).
"""

import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

FOLDER = Path("build/demo").resolve()
COMMAND = Path(sys.executable).parent / "deepwright"


def write_table(path: Path) -> None:
    """The table as a person would have it: one header line, the diagnosis in words."""
    data = load_breast_cancer()
    columns = [str(name).replace(" ", "_") for name in data.feature_names]
    lines = [",".join([*columns, "diagnosis"])]
    for cells, target in zip(data.data, data.target, strict=True):
        lines.append(",".join([*(f"{cell:g}" for cell in cells), str(data.target_names[target])]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """The exit code of the command."""
    write_table(FOLDER / "tumours.csv")
    command = ["train", "tumours.csv", "--target", "diagnosis", "--budget", "60s"]
    print("$ deepwright", *command, flush=True)
    code = subprocess.run([COMMAND, *command], cwd=FOLDER, check=False).returncode
    if code:
        return code
    newest = max(FOLDER.glob("runs/*/report.html"), key=lambda path: path.stat().st_mtime)
    print(f"\nThe report, to open in a browser: {newest}")
    print("\nNow with your own table (name the column you want to know):")
    print(f"  {COMMAND} train your_table.csv --target your_column")
    return 0


if __name__ == "__main__":
    sys.exit(main())
