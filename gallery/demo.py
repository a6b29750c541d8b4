"""make demo: real measurements of tumours (ships with scikit-learn), trained through the command line in a minute.

Street, Wolberg & Mangasarian 1993, "Nuclear feature extraction for breast tumor diagnosis" (569 patients, 30 columns).
"""

import json
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


def deepwright(*arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does; its messages go to the terminal."""
    print("$ deepwright", *arguments, flush=True)
    return subprocess.run([COMMAND, *arguments], cwd=FOLDER, text=True, check=False, **how)  # type: ignore[call-overload]


def main() -> int:
    """The exit code: that of the first command that failed, else 0."""
    write_table(FOLDER / "tumours.csv")
    done = deepwright("train", "tumours.csv", "--target", "diagnosis", "--budget", "60s")
    if done.returncode:
        return done.returncode
    run = max((FOLDER / "runs").glob("*/recipe.yaml"), key=lambda path: path.stat().st_mtime).parent
    done = deepwright("evaluate", str(run.relative_to(FOLDER)), "--json", stdout=subprocess.PIPE)
    if done.returncode:
        return done.returncode
    report = json.loads(done.stdout)
    print(f"\nOn {report['n']} patients it never saw ({report['split']}):")
    for name, figure in report["metrics"].items():
        print(f"  {name:18} {figure['value']:.3f}   95 % between {figure['low']:.3f} and {figure['high']:.3f}")
    print(f"  {report['verdict']}\n\nThe report: {run / 'report.html'}")
    print("\nNow with your own table (name the column you want to know):")
    print(f"  {COMMAND} train your_table.csv --target your_column")
    return 0


if __name__ == "__main__":
    sys.exit(main())
