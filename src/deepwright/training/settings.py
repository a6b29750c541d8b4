"""Settings of training: everything under `train:` in a recipe."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from deepwright.core.config import Config
from deepwright.core.size import Size
from deepwright.registries import averages, optimizers, schedules
from deepwright.training.budget import Budget

__all__ = ["EarlyStopping", "Train"]


def _none(value: Any) -> Any:
    return None if value == "none" else value


def _number_or_auto(value: Any) -> Any:
    return None if value == "auto" else int(value) if isinstance(value, str) and value.isdecimal() else value


class EarlyStopping(Config):
    """Stop when `patience` validations in a row brought nothing better. The best weights are kept either way."""

    patience: int = Field(default=20, ge=1)


class Train(Config):
    """How to train.

    Args:
        budget: "60s", "5min", "20epochs", "2000steps".
        batch: examples a step; None lets the model and the number of rows decide.
        memory: that the training, reading and its baselines included, may take ("2GB"): kept to by what costs little
            (`micro_batch`, `answer_batch`, data on the disk instead of in memory), or refused before the first step.
            None takes what is needed.
        micro_batch: split each batch into pieces of this size to save memory; the gradient stays the same (but for the
            last bits). Under `memory`, a run's recipe holds the size that was chosen.
        answer_batch: rows that are answered together when the network is validated; None for what suits their size.
        average: of weights over training ("ema", "swa", "snapshots", or "none"); None takes none. At the end it is compared
            with the weights themselves on validation rows, and only kept where it is better.
        clip: the largest length of the gradient, or None.
        optimizer, schedule: None takes what the model recommends.
        l1: factor of the sum of absolute weights, added to the loss.
        l2: decoupled weight decay; None leaves it to the optimiser's own default.
        validations: how often the validation rows are answered over the whole budget, at most once an epoch unless
            `inside_epochs`. validation_rows: at most so many of them are asked, always the same ones; None for all that a
            wall-clock budget affords.
        longest: epochs at most under a wall-clock budget; None for no limit.
        checkpoint_seconds: time between two checkpoints; costly ones come less often.
        precision: "auto" is bf16 where the device has it natively, it is faster, and the loss stays the same.
        threads: of the processor; "auto" measures which number is fastest now. A run's recipe holds the number chosen,
            since other numbers give other last bits.
    """

    budget: Budget = Budget(300.0, "seconds")
    batch: int | None = Field(default=None, ge=1)
    memory: Size | None = None
    micro_batch: int | None = Field(default=None, ge=1)
    answer_batch: int | None = Field(default=None, ge=1)
    optimizer: Annotated[Any, optimizers] | None = None
    schedule: Annotated[Any, schedules] | None = None
    average: Annotated[Annotated[Any, averages] | None, BeforeValidator(_none)] = None
    early_stopping: EarlyStopping | None = None
    clip: float | None = Field(default=None, gt=0.0)
    l1: float = Field(default=0.0, ge=0.0)
    l2: float | None = Field(default=None, ge=0.0)
    longest: int | None = Field(default=None, ge=1)
    validations: int = Field(default=40, ge=1)
    inside_epochs: bool = False
    validation_rows: int | None = Field(default=None, ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int | None, BeforeValidator(_number_or_auto)] = Field(default=None, ge=1, le=1024)
    checkpoint_seconds: float = Field(default=30.0, gt=0.0)
