"""Objectives: how a batch becomes a loss. Importing this folder registers its kinds."""

from deepwright.objectives.adversarial import Adversarial
from deepwright.objectives.automaton import Automaton
from deepwright.objectives.autoregressive import Autoregressive
from deepwright.objectives.flow import Flow
from deepwright.objectives.restyling import Restyling
from deepwright.objectives.supervised import Supervised
from deepwright.objectives.variational import Variational

__all__ = ["Adversarial", "Automaton", "Autoregressive", "Flow", "Restyling", "Supervised", "Variational"]
