"""The contracts between layers, as protocols. A kind is one file that fulfils one of them.

Shapes: B rows, units… (pixels, words, time steps), D values a unit, K members of an ensemble in one network.
Settings are frozen `Config` classes with a `kind`, registered under their noun (`deepwright.registries`); what was
learnt from the training rows is a second frozen `Config` (the "fitted" one) that dumps to JSON and back.
"""

from deepwright.contracts.encodes import Encodes
from deepwright.contracts.features import Creatable, Feature, FittedFeature, Warp
from deepwright.contracts.flows import LEAPS, Carries, Retraces
from deepwright.contracts.grows import Grows, Rule
from deepwright.contracts.models import ModelSettings, Network, SizedBySteps
from deepwright.contracts.objectives import BoundObjective, Loss, Objective, Player
from deepwright.contracts.particular import Particular
from deepwright.contracts.predicts import Predicts
from deepwright.contracts.restyles import Restyles
from deepwright.contracts.tasks import Answer, FittedTask, Metric, Task
from deepwright.contracts.told import NEAR, Finding, Suits, Summary

__all__ = [
    "LEAPS",
    "NEAR",
    "Answer",
    "BoundObjective",
    "Carries",
    "Creatable",
    "Encodes",
    "Feature",
    "Finding",
    "FittedFeature",
    "FittedTask",
    "Grows",
    "Loss",
    "Metric",
    "ModelSettings",
    "Network",
    "Objective",
    "Particular",
    "Player",
    "Predicts",
    "Restyles",
    "Retraces",
    "Rule",
    "SizedBySteps",
    "Suits",
    "Summary",
    "Task",
    "Warp",
]
