"""Objectives: how a batch becomes a loss. Importing this folder registers its kinds."""

from deepwright.objectives.adversarial import Adversarial
from deepwright.objectives.flow import Flow
from deepwright.objectives.supervised import Supervised

__all__ = ["Adversarial", "Flow", "Supervised"]
