"""Operations: a context that sees every operation of torch, for those who count what is done."""

from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Operations"]


class Operations(TorchDispatchMode):
    """To be derived from: give `__torch_dispatch__`, which does the operation and returns its result."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to mark that method as not to be compiled, torch would load its compiler (seconds, and 200 MB)."""
        return False
