"""The surface people and scripts rely on: commands, flags, exit codes, what is printed where."""

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
import yaml

from deepwright.cli.commands.training import command_line
from deepwright.cli.main import group
from deepwright.core.errors import Interrupted
from deepwright.draft import Draft
from deepwright.recipe import EXAMPLE, Recipe
from tests.cli.conftest import BUDGET, Cli, invoke

SHARED = {"-o/--out", "--seed", "--json", "--quiet", "--debug", "--force", "-h/--help"}
DATA = {"--target*", "--task", "--model", "--id", "--time", "--group", "--test", "--ignore*", "--strict", "--set*"}
SURFACE = {
    "inspect": ("SOURCE", DATA | {"--overfit", "--show-personal"}),
    "train": (
        "SOURCE",
        DATA | {"--branch", "--budget", "--data", "--memory", "--metric", "--style", "--threads", "--track*"},
    ),
    "resume": ("RUN", {"--data", "--memory", "--storage", "--threads"}),
    "reproduce": ("RUN", {"--data", "--test"}),
    "tune": (
        "SOURCE",
        DATA
        | {
            "--metric",
            "--space*",
            "--trials",
            "--budget",
            "--jobs",
            "--memory",
            "--threads",
            "--search",
            "--prune",
            "--storage",
        },
    ),
    "evaluate": ("RUN [SOURCE]", {"--data", "--no-baselines", "--show-personal", "--threads"}),
    "predict": ("RUN SOURCE", {"--with-inputs", "--csv", "--threads"}),
    "report": ("RUN", {"--no-rows"}),
    "explain": ("RUN [SOURCE]", {"--rows", "--data", "--show-personal"}),
    "attack": ("RUN [SOURCE]", {"--rows", "--epsilon", "--data", "--show-personal"}),
    "generate": (
        "[RUN]",
        {
            "-n",
            "--apart",
            "--at",
            "--label*",
            "--set*",
            "--from",
            "--interpolate",
            "--frames",
            "--fps",
            "--loop",
            "--mix",
            "--edit*",
        }
        | {"--invert", "--like", "--name", "--scale", "--judge", "--predict", "--measure", "--no-record", "--data"},
    ),
    "direction": ("RUN", {"--name", "--from", "--examples", "--pca", "--sefa", "--samples"}),
    "play": ("RUN", {"--rounds", "--port", "--no-browser", "--data"}),
    "restyle": ("CONTENT…", {"--style", "--with", "--features", "--set*", "--report", "--no-record"}),
    "arena": ("SOURCE", (DATA | {"--models", "--budget", "--jobs", "--memory"}) - {"--model"}),
    "runs": ("[FOLDER]", set()),
    "kinds": ("", set()),
    "recipe": ("", {"--schema", "--example"}),
}


def surface(command: click.Command) -> tuple[str, set[str]]:
    """Arguments, and flags (with a star where they may be repeated)."""
    context = click.Context(command, **command.context_settings, parent=click.Context(group, **group.context_settings))
    arguments, flags = [], set()
    for parameter in command.get_params(context):
        if isinstance(parameter, click.Argument):
            arguments.append(parameter.make_metavar(context))
        else:
            flags.add("/".join(parameter.opts) + "*" * parameter.multiple)
    return " ".join(arguments), flags


def test_every_command_and_flag_is_as_pinned() -> None:
    assert list(group.commands) == list(SURFACE)
    found = {name: surface(command) for name, command in group.commands.items()}
    assert found == {name: (arguments, flags | SHARED) for name, (arguments, flags) in SURFACE.items()}


def test_every_flag_and_command_says_what_it_does() -> None:
    for command in group.commands.values():
        assert command.help
        assert all(p.help for p in command.params if isinstance(p, click.Option))


def test_it_is_installed_under_both_names() -> None:
    scripts = {
        point.name: point.value for point in entry_points(group="console_scripts") if "deepwright" in point.value
    }
    assert scripts == {"deepwright": "deepwright.cli:main", "dw": "deepwright.cli:main"}


def test_the_installed_command_and_the_module_answer() -> None:
    for words in ([str(Path(sys.executable).with_name("dw"))], [sys.executable, "-m", "deepwright"]):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("deepwright, version ")


def test_exit_code_0_when_done_and_help_is_shown(cli: Cli) -> None:
    assert cli("--help").code == cli("train", "-h").code == cli("kinds", "--quiet").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("trian", "x.csv"), "There is no command 'trian'. Did you mean 'train'?"),
        (("train", "x.csv", "--tagret", "y"), "--target"),
        (("train",), "Missing argument 'SOURCE'"),
        (("train", "x.csv", "--seed", "-1"), "-1 is not in the range"),
        (("train", "x.csv", "--seed", "one"), "not a valid whole number"),
        (("predict", "run", "x.csv", "--csv", "exel"), "'excel'"),
        (("train", "x.csv", "--threads", "0"), "'0' is not a number of threads; give auto, or a whole number"),
        (("reproduce", "run", "--seed", "1"), "done again with its own seed"),
        (("resume", "run", "--memory", "2"), "--memory: 2 of what? Write for example 2GB, or 2MB."),
        (("resume", "run", "--memory", "lots"), "'lots' is not an amount of memory; write for example 512MB, 2GB"),
        (("resume", "run", "--threads", "all"), "'all' is not a number of threads"),
    ],
)
def test_exit_code_2_and_one_sentence_for_wrong_words(cli: Cli, words: tuple[str, ...], told: str) -> None:
    assert "\n" not in cli(*words).refused(told).strip()


def test_exit_code_1_for_a_fault_of_ours(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.verbs.kinds.kinds", lambda: 1 / 0)
    said = cli("kinds")
    assert (said.code, said.out) == (1, "")
    assert "something went wrong inside deepwright (ZeroDivisionError" in said.err
    assert "--debug" in said.err
    assert "Traceback" not in said.err


def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli: Cli, here: Path) -> None:
    said = cli("inspect", "nothing.csv", "--debug")
    assert said.code == 2
    assert "Traceback (most recent call last)" in said.err
    assert said.err.rstrip().endswith("There is no file or folder nothing.csv.")


@pytest.mark.parametrize(("error", "told"), [(KeyboardInterrupt(), "Stopped."), (Interrupted("Go on."), "Go on.")])
def test_exit_code_130_when_stopped(cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, told: str) -> None:
    def stop() -> None:
        raise error

    monkeypatch.setattr("deepwright.verbs.kinds.kinds", stop)
    said = cli("kinds")
    assert (said.code, said.out, said.err.strip()) == (130, "", told)


def test_without_words_it_shows_the_commands(cli: Cli) -> None:
    said = cli()
    assert said.code == 2
    assert "Usage: deepwright" in said.err
    assert "Error" not in said.err
    summaries = said.err.partition("Commands:")[2].splitlines()
    assert not [line for line in summaries if line.endswith("...")], "a whole sentence each"


def test_recipe_prints_the_schema_and_an_example_that_is_valid(cli: Cli) -> None:
    said = cli("recipe")
    schema, _, example = said.out.partition("\n# A recipe.")
    assert json.loads(schema)["properties"].keys() == Recipe.model_fields.keys()
    assert f"# A recipe.{example}" == EXAMPLE
    assert json.loads(cli("recipe", "--json").out) == json.loads(cli("recipe", "--schema").out) == json.loads(schema)
    assert cli("recipe", "--example").out == EXAMPLE


def test_the_example_trains(cli: Cli, here: Path, cars: Path) -> None:
    example = yaml.safe_load(cli("recipe", "--example").out)
    Recipe.from_draft(Draft(example))
    fitting = cli("recipe", "--example").out.replace("[remarks]", "[sold]").replace("doors", "weight")
    Path("cars.csv").write_bytes(cars.read_bytes())
    Path("recipe.yaml").write_text(fitting, encoding="utf-8")
    said = cli("inspect", "recipe.yaml", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["inputs"]["weight"] == "category"


def test_out_writes_the_report_as_json_and_refuses_what_is_there(cli: Cli, here: Path, table: Path) -> None:
    for words in (("inspect", table, "--target", "y"), ("kinds",), ("recipe",)):
        place = here / f"{words[0]}.json"
        assert cli(*words, "-o", place, "--quiet").err == ""
        assert json.loads(place.read_text(encoding="utf-8"))
        cli(*words, "-o", place).refused("exists already; nothing was written", "--force")
        assert cli(*words, "-o", place, "--force", "--quiet").code == 0
    assert cli("recipe", "-o", "recipe.yaml").code == 0
    assert Path("recipe.yaml").read_text(encoding="utf-8") == EXAMPLE


def test_json_is_all_there_is_on_standard_output(cli: Cli, here: Path, trained: dict[str, Path], table: Path) -> None:
    run = trained["number"]
    for words in (
        ("inspect", table, "--target", "y"), ("kinds",), ("runs", run.parent), ("recipe",), ("predict", run, table),
        ("report", run), ("explain", run, "--rows", "4"), ("attack", run, "--rows", "4"),
    ):  # fmt: skip
        said = cli(*words, "--json")
        assert said.code == 0, said.err
        assert json.loads(said.out)


def test_evaluate_json_has_the_pinned_keys(cli: Cli, trained: dict[str, Path]) -> None:
    data = json.loads(cli("evaluate", trained["number"], "--json").out)
    assert {"version", "metrics", "baselines", "n", "split", "verdict"} <= data.keys()
    assert (data["version"], data["split"], data["n"]) == (1, "test", 24)
    assert data["baselines"].keys() == {"constant", "linear", "boosting"}
    figures = [data["metrics"], *data["baselines"].values()]
    assert all(one.keys() == {"value", "low", "high"} for metrics in figures for one in metrics.values())
    assert all(one["low"] <= one["value"] <= one["high"] for one in data["metrics"].values())
    assert data["metrics"].keys() == data["baselines"]["linear"].keys()
    assert "Judged by RMSE, the network is" in data["verdict"]


def test_train_json_names_the_run_and_runs_are_numbered(cli: Cli, here: Path, table: Path) -> None:
    first = cli("train", table, "--target", "y", *BUDGET, "--json", "--seed", "3")
    told = json.loads(first.out)
    assert told["folder"] == str(Path("runs/flats-1"))
    assert "Budget: 15steps" in first.err
    assert "Run runs" in first.err
    assert yaml.safe_load(Path("runs/flats-1/recipe.yaml").read_text(encoding="utf-8"))["seed"] == 3
    again = cli("train", Path("runs/flats-1/recipe.yaml"), "--set", "train.budget=5steps", "--force")
    assert again.code == 0
    assert "deepwright predict runs/flats-2 NEW_DATA" in again.out
    assert sorted(path.name for path in Path("runs").iterdir()) == ["flats-1", "flats-2"]
    listed = json.loads(cli("runs", "--json").out)
    assert [(one["run"], one["target"], one["state"]) for one in listed["runs"]] == [
        ("flats-1", "y", "finished"), ("flats-2", "y", "finished"),
    ]  # fmt: skip


def test_quiet_says_nothing_but_errors(cli: Cli, here: Path, trained: dict[str, Path], table: Path) -> None:
    said = cli("evaluate", trained["number"], "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    said = cli("predict", trained["number"], table, "-o", "answers.csv", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    cli("predict", trained["number"], "no.csv", "--quiet").refused("There is no file")


def test_kinds_names_every_noun(cli: Cli) -> None:
    data = json.loads(cli("kinds", "--json").out)
    assert {"number", "category", "date", "flag", "image"} <= set(data["features"])
    assert {"classify", "regress", "tag"} <= set(data["tasks"])
    assert {"mlp", "cnn", "fusion"} <= set(data["models"])
    assert {"grid", "random", "tpe", "cmaes"} <= set(data["searches"])
    assert {"none", "halving", "hyperband", "median"} <= set(data["prunings"])


def test_set_takes_quoted_names(cli: Cli, here: Path) -> None:
    rows = "".join(f"{70 + k % 9},{k % 7},{k * 2}\n" for k in range(40))
    Path("patients.csv").write_text(f"Blood. Pressure,a=b,y\n{rows}", encoding="utf-8")
    words = ("inspect", "patients.csv", "--target", "y", "--json")
    sets = ('features."Blood. Pressure".kind=category', 'features."a=b"=category')
    told = json.loads(cli(*words, "--set", sets[0], "--set", sets[1]).out)
    assert told["inputs"] == {"Blood. Pressure": "category", "a=b": "category"}


def test_targets_repeat(cli: Cli, table: Path) -> None:
    told = json.loads(cli("inspect", table, "--target", "y", "--target", "größe", "--json").out)
    assert (told["task"], sorted(told["inputs"])) == ("regress", ["lage", "teuer"])


def test_reproduce_ends_with_0_when_all_is_the_same_and_with_2_and_a_sentence_when_not(
    cli: Cli, number_run: Path
) -> None:
    told = cli("reproduce", number_run, "--json")
    answer = json.loads(told.out)
    assert (told.code, answer["equal"], answer["first"]) == (0, True, None)
    assert answer["hashes"]["now"]["figures"] == answer["hashes"]["then"]["figures"]
    path = number_run / "reports" / "evaluate.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    report["data"]["metrics"]["mae"]["value"] = 1.0
    path.write_text(json.dumps(report), encoding="utf-8")
    told = cli("reproduce", number_run, "--json", "--out", number_run.parent / "others")
    answer = json.loads(told.out)
    assert (told.code, answer["equal"], answer["first"]["about"]) == (2, False, "figures")
    assert "The first difference, in the figures: the mae on held-out rows was 1.0 and is " in told.err
    assert Path(answer["folder"]).parent == (number_run.parent / "others").resolve()
    cli("reproduce", number_run.parent).refused("is a folder of runs, not a run")


def test_no_password_gets_into_the_command_that_runs_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["deepwright", "tune", "cars.csv", "--storage", "mysql://me:secret@a/b"])
    assert command_line() == "deepwright tune cars.csv --storage mysql://me:…@a/b"


@pytest.mark.parametrize("verb", ["resume", "reproduce"])
def test_what_has_a_seed_of_its_own_takes_no_other(verb: str) -> None:
    said = invoke(verb, "runs/any-1", "--seed", "4")
    assert said.code == 2
    assert "--seed cannot be given here" in said.err
