"""Generate: new examples from a seed, as files that carry their record, beside what tells how good they are."""

from collections.abc import Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import polars as pl
import torch
from pydantic import BeforeValidator
from pydantic import Field as Setting

from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import DataError, RecipeError, Refused, RunError, did_you_mean
from deepwright.core.report import Block, Grid, Pictures, Report, Text
from deepwright.data.split import PARTS
from deepwright.fields import Field, Fields
from deepwright.recipe import Names
from deepwright.spaces import Tokens
from deepwright.training.threads import computing, cores
from deepwright.verbs.beside import measured
from deepwright.verbs.creation.alike import nearest, nearest_blocks, read_liked
from deepwright.verbs.creation.alive import PAGE, bring_to_life
from deepwright.verbs.creation.apart import Apart, apart_blocks, kept_apart, usual_share
from deepwright.verbs.creation.files import Writer, place_of
from deepwright.verbs.creation.inverting import inversion_of
from deepwright.verbs.creation.labelled import label_direction
from deepwright.verbs.creation.making import Maker, decode, need_latents, whole_rows
from deepwright.verbs.creation.pictures import larger
from deepwright.verbs.creation.recall import Record, find_run, recalled, record_of, with_its_weights
from deepwright.verbs.creation.reopened import reopened
from deepwright.verbs.creation.scorers import judged_columns
from deepwright.verbs.creation.shelf import Shelf, Stored
from deepwright.verbs.creation.state import Anchor, Edit, State, Walk
from deepwright.verbs.creation.words import anchors, edit_words, mixed
from deepwright.verbs.wishes import wish_of

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Generate"]

SHOWN = 64
FRAMES_SHOWN = 12
_NOT_ALIVE = (
    "n", "seed", "at", "label", "knobs", "interpolate", "frames", "fps", "loop", "mix", "edit", "invert", "like", "apart", "scale",
)  # fmt: skip

Words = Annotated[
    tuple[int | str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, int | str) else value)
]


@registries.verbs.register
class Generate(Config):
    """Make new examples.

    Args:
        n: how many. seed: the same seed gives the same creations, whatever `n` is.
        at: these numbers and stored latents instead of the first `n`: "3,9,20-25,photo".
        label: what shall be created, for runs that learnt it: a label, or COLUMN=LABEL where there are several such columns.
        knobs: of the network's sampling; each family has its own.
        out: a folder for the files, or one file by its ending (.html: a page on which a texture grows, of an automaton); None: the next numbered folder in the run's `creations`.
        reopen: a file that was made before: the same state again; other settings win over what its record says.
        interpolate: a walk from creation to creation, "3,9", of so many frames; fps: shown a second; loop: back to the start.
        mix: one creation from several, "3=0.7,9=0.3".
        edit: moves in standard deviations, along stored directions or a label of a run that answers: "smile=+2", "RUN2:label=+2".
        invert: a picture (or a table, its first row) of one's own: the latent that comes nearest is stored under `name` (None:
            the file's own) and made.
        like: a picture, or a row (JSON, or the first of a table) of one's own, of which columns may be missing: the creations
            of the seed that lie nearest to it.
        apart: this share of the creations of rows is left out: those that come much nearer to one training row than to the next.
            None: a fifth, of more than 1,250 training rows 250 in as many as there are, of more than 25,000 nothing.
        scale: pictures are written so many times as wide and high; the network makes them as before.
        judge: a run that answers, whose last layer compares creations with real examples instead of random convolutions.
        predict: of rows, the column that models learn from them, to see what they are worth; None: the last.
        measure: creations that are compared with as many real examples; 0 measures nothing.
        record: files carry the record of how they were made.
        force: write into a folder that holds something already.
    """

    kind: Literal["generate"] = "generate"
    n: int = Setting(16, ge=1, le=100_000)
    seed: int = Setting(0, ge=0)
    at: Words = ()
    label: Names = ()
    knobs: dict[str, Any] = {}
    out: Path | None = None
    reopen: Path | None = None
    interpolate: Words = ()
    frames: int = Setting(60, ge=2, le=10_000)
    fps: float = Setting(20.0, ge=0.1, le=100)
    loop: bool = False
    mix: Words = ()
    edit: Words = ()
    invert: Path | None = None
    name: str | None = None
    like: Path | dict[str, Any] | None = None
    apart: float | None = Setting(None, ge=0.0, le=0.9)
    scale: int = Setting(1, ge=1, le=16)
    judge: Path | None = None
    predict: str | None = None
    measure: int = Setting(2000, ge=0, le=5000)
    record: bool = True
    force: bool = False

    def check(self, run: "Run") -> None:
        """Raises Refused: the run cannot create."""
        model = run.recipe.model
        if model is None or model.learns != "inputs":
            raise Refused(f"The run {run.name} answers, it does not create. Train one that does with --task generate.")

    def __call__(self, run: "Run") -> Report:
        """Raises Refused, RecipeError, OutputExists, RunError (no weights yet), InputError (the place cannot be written to)."""
        self.check(run)
        old = None if self.reopen is None else recalled(self.reopen)
        if old is not None and self.reopen is not None:
            find_run(old, self.reopen, run.folder)
            run = with_its_weights(run, old)
        if self.name is not None and self.invert is None:
            raise RecipeError("--name is that of an inverted picture; give --invert PICTURE.")
        with nullcontext() if old is None else computing(min(old.threads, cores())):
            return self._made(run, old)

    def _made(self, run: "Run", old: Record | None) -> Report:
        if self.predict is not None and self.predict not in run.created:
            raise RecipeError(
                f"--predict: the run creates no column '{self.predict}'. {did_you_mean(self.predict, list(run.created))}"
            )
        if self.out is not None and self.out.suffix.lower() == PAGE:
            return self._page(run, self.out)
        liked = None if self.like is None else read_liked(run, self.like)
        label = tuple(self.label) or (() if old is None else old.state.label) or (() if liked is None else liked.labels)
        wish, judge = wish_of(run, label), self._judge(run)
        pictures = _has_pictures(run)
        if self.scale > 1 and not pictures:
            raise Refused(f"--scale enlarges pictures, and the run {run.name} creates rows.")
        place = place_of(run.folder, self.out, self._moves(old), pictures, self.force, run.network.latent is not None)
        inverted, told_first = self._inverted(run, wish)
        asked = self._asked(run, old, inverted, label)
        maker = Maker(run, asked.state, wish, None if old is None else old.chunk)
        away, share, left_in = None, 0.0, ""
        if liked is not None:
            found = nearest(maker, liked, asked.count)
            asked, told_first = replace(asked, at=found.at, again=False), nearest_blocks(run, liked, found)
        else:
            away, share, left_in = self._apart(maker, asked, pictures)
        if away is not None:
            first = away.first(asked.count)
            asked, told_first = replace(asked, at=first.at, again=False), apart_blocks(first, share)
        before = None if old is None or "fps" in self.model_fields_set else old.fps
        fps = (before or self.fps) if asked.moves else None
        record = record_of(run, asked.state, maker.together, fps, share) if self.record else None
        shown, whole, files = _written(
            run, asked, maker, Writer(place, f"seed{asked.state.seed}", record, asked.names, fps)
        )
        told, notes = reopened(self.reopen, old, whole, asked.again, asked.moves)
        notes += [(left_in, "warning")] if left_in else []
        beside = measured(
            run, asked.state, 0 if asked.again or asked.names or liked else self.measure, wish, judge, self.predict,
            None if away is None else away.at,
        )  # fmt: skip
        data: dict[str, Any] = {
            "version": 1, "run": run.name, "seed": asked.state.seed, "n": asked.count, "folder": str(place.path), "files": files,
            "record": record, "reopened": told, "measured": beside.to_dict(),
            "verdict": beside.verdict, "apart": None if away is None else away.first(asked.count).to_dict(),
            "notes": [*(note for note, _ in notes), *beside.notes],
        }  # fmt: skip
        blocks = [*told_first, *(Text(note, tone) for note, tone in notes)]
        blocks += [
            *_blocks(run, shown, asked),
            *_enlarged(asked.state.scale),
            Text(_where(place.path, files, bool(place.end))),
        ]
        blocks += beside.blocks()
        return Report("generate", "What it creates", data, tuple(blocks))

    def _share(self, run: "Run", asked: "Asked", pictures: bool) -> float:
        """What is left out: as much as the person says, or the file that is opened again, or as suits so many training rows."""
        if self.apart is not None:
            return self.apart
        counted = isinstance(asked.at, range)  # and not named one by one
        if pictures or asked.state.walk is not None or asked.state.mix:
            return 0.0
        if asked.old is not None:
            return asked.old.apart if asked.again or counted else 0.0
        return usual_share(int((run.parts == PARTS["train"]).sum())) if asked.state.plain and counted else 0.0

    def _apart(self, maker: Maker, asked: "Asked", pictures: bool) -> tuple[Apart | None, float, str]:
        """Which creations are kept (None: those that are asked for), the share left out, and why none are where it cannot be told.

        Raises:
            Refused, RunError, DataError: see `kept_apart`; somebody asked.
        """
        share = self._share(maker.run, asked, pictures)
        if not share or asked.again:
            return None, share, ""
        try:
            return kept_apart(maker, max(asked.count, self.measure if asked.state.plain else 0), share), share, ""
        except (RunError, DataError) as error:
            if self.apart is not None or asked.old is not None:
                raise
            return None, 0.0, f"No creation is left out for coming close to a single training row (--apart): {error}"

    def _page(self, run: "Run", out: Path) -> Report:
        """A live page in place of files.

        Raises:
            RecipeError: something is asked for that such a page does not heed.
        """
        idle = [name for name in _NOT_ALIVE if name in self.model_fields_set]
        if idle:
            flag = {"n": "-n", "knobs": "--set"}.get(idle[0], f"--{idle[0]}")
            raise RecipeError(
                f"{flag}: a live page grows by itself and does not heed it; leave it out, or write a picture."
            )
        told = bring_to_life(
            run, out, self.force, lambda: record_of(run, State(), run.network.together()) if self.record else None
        )
        data = {"version": 1, "run": run.name, "folder": str(out.parent), "files": [out.name], "page": told}
        text = f"Written: {out} ({told['bytes'] // 1000} kB). Open it in a browser: the texture grows there, by {told['numbers']:,} numbers."
        return Report("generate", "What it creates, alive", data, (Text(text),))

    def _asked(self, run: "Run", old: Record | None, inverted: Stored | None, label: tuple[str, ...]) -> "Asked":
        """The state to be made: that of the file which is opened again, where nothing else is said."""
        shelf, given = Shelf(run), self.model_fields_set
        before = State() if old is None else old.state
        named = anchors(self.at, "--at", shelf) if inverted is None else (inverted.key,)
        stops = anchors(self.interpolate, "--interpolate", shelf)
        if self.interpolate and len(stops) < 2:
            raise RecipeError(
                "--interpolate: expected two or more creations to walk between, such as --interpolate 3,9."
            )
        chosen = [
            flag
            for flag, on in (
                ("--at" if inverted is None else "--invert", named),
                ("--interpolate", stops),
                ("--mix", self.mix),
                ("--like", self.like),
                ("--apart", self.apart),
            )
            if on
        ]
        if len(chosen) > 1:
            raise RecipeError(f"{' and '.join(chosen)}: each says what is to be made; give one of them.")
        _check_flags(given, bool(stops) or (before.walk is not None and not chosen), bool(self.mix), bool(named))
        walk = Walk(stops=stops, frames=self.frames, loop=self.loop) if stops else None if chosen else before.walk
        if walk is not None and not stops:
            walk = walk.model_copy(update={name: getattr(self, name) for name in ("frames", "loop") if name in given})
        mix = mixed(self.mix, shelf) if self.mix else () if chosen else before.mix
        state = State(
            seed=self.seed if "seed" in given else before.seed, knobs={**before.knobs, **self.knobs}, label=label,
            walk=walk, mix=mix, edits=(*before.edits, *self._edits(run, shelf)),
            scale=self.scale if "scale" in given else before.scale,
        )  # fmt: skip
        other = old is not None and self.apart is not None and self.apart != old.apart
        same = old is not None and state == before and not named and not other and "n" not in given
        # which creations are left out depends on the state: in another one they are looked for anew, but edits move the same ones
        anew = old is not None and (other or (bool(old.apart) and state.plain and not same))
        shown = () if old is None or "n" in given or anew else old.shown
        n = self.n if old is None or "n" in given else old.n or len(old.at) or self.n
        names = {shelf.named("latents", name).key: name for name in shelf.names("latents")} if named or shown else {}
        return Asked(state, named or shown or range(n), same, names, old)

    def _judge(self, run: "Run") -> "Run | None":
        """Raises Refused: its columns do not fit."""
        if self.judge is None:
            return None
        from deepwright.run import Run

        judge = Run.load(self.judge)
        judged_columns(run, judge)
        return judge

    def _inverted(self, run: "Run", wish: Fields) -> tuple[Stored | None, list[Block]]:
        if self.invert is None:
            return None, []
        return inversion_of(run, self.invert, self.name, self.seed, self.force, wish)

    def _moves(self, old: Record | None) -> bool:
        """Whether a walk is asked for, by the person or by the file."""
        others = bool(self.at) or bool(self.mix) or self.invert is not None or self.like is not None
        return bool(self.interpolate) or (old is not None and old.state.walk is not None and not others)

    def _edits(self, run: "Run", shelf: Shelf) -> tuple[Edit, ...]:
        if self.edit:
            need_latents(run.network, run.name)
        return edit_words([str(word) for word in self.edit], shelf, lambda text: label_direction(run, text))


@dataclass(frozen=True)
class Asked:
    """What is to be made.

    Args:
        at: numbers and keys. again: exactly what a file shows. names: of stored latents by key.
    """

    state: State
    at: Sequence[Anchor]
    again: bool
    names: dict[str, str]
    old: Record | None

    @property
    def moves(self) -> bool:
        return self.state.walk is not None

    @property
    def count(self) -> int:
        walk = self.state.walk
        return walk.frames if walk is not None else 1 if self.state.mix else len(self.at)

    @property
    def told(self) -> dict[str, Any]:
        """What a record says of a file that shows all of them."""
        if self.moves or self.state.mix:
            return {}
        return {"n": len(self.at)} if isinstance(self.at, range) else {"at": list(self.at)}


def _check_flags(given: Set[str], moves: bool, mixes: bool, named: bool) -> None:
    """Raises RecipeError: a flag that would do nothing."""
    alone = [name for name in ("frames", "fps", "loop") if name in given]
    if alone and not moves:
        raise RecipeError(f"--{alone[0]} is about a walk; say between which creations: --interpolate 3,9.")
    if "n" in given and (moves or mixes):
        what = "a walk has as many pictures as --frames says" if moves else "a mixture is one creation"
        raise RecipeError(f"-n: {what}.")
    if "n" in given and named:
        raise RecipeError("-n: --at, or --invert, says already which creations are made; leave -n out.")


def _has_pictures(run: "Run") -> bool:
    """Whether a column of what is created is one of files."""
    nothing = {}
    for name, feature in run.features.items():
        space = feature.space
        values = torch.zeros(0, 1, dtype=torch.int64) if isinstance(space, Tokens) else torch.zeros(0, *space.shape)  # type: ignore[union-attr]
        nothing[name] = Field(values)
    return pl.Binary in decode(run, nothing).schema.values()


def _written(
    run: "Run", asked: Asked, maker: Maker, writer: Writer
) -> tuple[list[tuple[Anchor, pl.DataFrame]], pl.DataFrame | None, list[str]]:
    """Make and write them all. Returns those to be shown, all of them where they are to be compared, and the files' names."""
    most, shown, whole = asked.count if asked.moves else SHOWN, [], []
    for at, z in maker.pieces(asked.at):
        frame = whole_rows(run, decode(run, z))
        large = larger(frame, asked.state.scale)
        writer.take(at, large)
        shown += [(anchor, frame[row]) for row, anchor in enumerate(at)][: max(0, most - len(shown))]
        whole += [large] if asked.again else []
    return shown, pl.concat(whole) if whole else None, writer.finish(asked.told)


def _enlarged(times: int) -> list[Block]:
    text = f"The files are {times} times as wide and high, smoothly enlarged: that adds no detail to what the network makes."
    return [] if times == 1 else [Text(text)]


def _where(path: Path, files: Sequence[str], one: bool) -> str:
    if one:
        return f"Written: {', '.join(str(path.parent / name) for name in files)}."
    return f"{len(files)} {'file is' if len(files) == 1 else 'files are'} in {path}."


def _blocks(run: "Run", shown: Sequence[tuple[Anchor, pl.DataFrame]], asked: Asked) -> list[Block]:
    """Columns of files as pictures, the rest as a table."""
    blocks: list[Block] = []
    if asked.moves:
        step = max(1, -(-(len(shown) - 1) // (FRAMES_SHOWN - 1)))
        shown = [*shown[:-1:step], shown[-1]]
    anchors_, few = [anchor for anchor, _ in shown], pl.concat([row for _, row in shown])
    names = [asked.names.get(anchor, anchor) if isinstance(anchor, str) else str(anchor) for anchor in anchors_]
    what = "Frame" if asked.moves else "Mixture" if asked.state.mix else "Creation"
    title = what if asked.state.mix and not asked.moves else f"{what}s"
    files = [name for name, kind in few.schema.items() if kind == pl.Binary]
    wished = [name for name in run.recipe.conditions if name in few.columns and files]
    labels = few.select(pl.col(name).cast(pl.String).fill_null("") for name in wished).rows()
    captions = tuple(
        ": ".join((name, *filter(None, own))) for name, own in zip(names, labels or [()] * few.height, strict=True)
    )
    for name in files:
        alts = tuple(f"{what} {place} of seed {asked.state.seed}" for place in names)
        note = "" if few.height == asked.count else f"{few.height} of {asked.count}."
        images = tuple(run.features[name].show(few[name]))
        blocks.append(Pictures(f"{title}: {name}", images, captions, alts, note))
    rest = few.drop([*files, *wished])
    if rest.width:
        cells = rest.select(pl.all().cast(pl.String).fill_null(""))
        note = "" if few.height == asked.count else f"The first {few.height:,} of {asked.count:,}; the files hold all."
        blocks.append(Grid(title, tuple(cells.columns), tuple(cells.iter_rows()), note))
    return blocks
