"""Several processes that train one network: each takes its part of every batch, gradients are summed.

The loop sums (never averages) gradients that were already divided by the weight of the whole batch, so a batch over two
ranks gives the gradient of one. Buckets are one flat tensor a data type: one message a step, whatever the players do.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["Ranks", "joined"]


@dataclass(frozen=True)
class Ranks:
    """This process among all: `rank` of `count`."""

    rank: int = 0
    count: int = 1

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def sum_all(self, tensors: Sequence[Tensor]) -> None:
        """Sum many tensors in place, one message a data type."""
        if self.count == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            group = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in group])
            dist.all_reduce(flat)
            for tensor, part in zip(group, flat.split([tensor.numel() for tensor in group]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def gather(self, value: Tensor) -> Tensor:
        """The rows of all ranks, in rank order; parts may differ in length."""
        if self.count == 1:
            return value
        lengths = [torch.zeros(1, dtype=torch.int64, device=value.device) for _ in range(self.count)]
        dist.all_gather(lengths, torch.tensor([len(value)], device=value.device))
        longest = max(int(length) for length in lengths)
        padded = value.new_zeros(longest, *value.shape[1:])
        padded[: len(value)] = value
        parts = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(length)] for part, length in zip(parts, lengths, strict=True)])

    def agree(self, value: float) -> float:
        """Rank 0's number, everywhere: measured times must not make ranks part ways."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared)

    def word(self, text: str) -> str:
        """Rank 0's text (at most 255 bytes), everywhere."""
        if self.count == 1:
            return text
        shared = torch.zeros(256, dtype=torch.uint8)
        data = text.encode()[:255]
        shared[: len(data)] = torch.frombuffer(bytearray(data or b" "), dtype=torch.uint8)[: len(data)]
        dist.broadcast(shared, 0)
        return bytes(shared.tolist()).rstrip(b"\0").decode()

    def same(self, value: Any) -> Any:
        """Rank 0's word or number, everywhere, in the type that it has."""
        return self.word(value) if isinstance(value, str) else type(value)(self.agree(float(value)))


@contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks of this launch: those of torchrun's environment, or this process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        yield Ranks(dist.get_rank(), dist.get_world_size())
        dist.barrier()  # none leaves while another still listens to it: its threads would abort the process
    finally:
        dist.destroy_process_group()
