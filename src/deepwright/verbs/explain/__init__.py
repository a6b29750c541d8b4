"""Explain: what moved the network's answers. One method a file, each beside a control."""

from deepwright.verbs.explain.integrated_gradients import IntegratedGradients

__all__ = ["IntegratedGradients"]
