"""Attack: how little must change to mislead the network. One method a file, each beside random changes."""

from deepwright.verbs.attack.pgd import PGD

__all__ = ["PGD"]
