"""The best plain PyTorch loop we can write for a processor: resident tensors, channels-last, fused AdamW, bf16 if faster."""

import copy

import torch
import torch.nn.functional as F
from speed_common import (
    BATCH,
    RATE,
    Timer,
    accuracy,
    arguments,
    faster_precision,
    finish,
    network,
    normalised,
    pictures,
)


def main() -> None:
    given = arguments()
    x, y = pictures(given.data, "train", given.steps)
    values = normalised(x).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(y)
    net = network().to(memory_format=torch.channels_last)
    net.train()

    def stepper(net: torch.nn.Module):
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, fused=True)

        def step(rows: torch.Tensor, dtype: torch.dtype) -> None:
            batch = values.index_select(0, rows).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                scores = net(batch)
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(scores.float(), labels.index_select(0, rows)).backward()
            optimizer.step()

        return step

    trial = stepper(copy.deepcopy(net))
    dtype = faster_precision(lambda dtype: trial(torch.arange(BATCH), dtype))
    step = stepper(net)
    timer = Timer()
    timer.start()
    batches = torch.randperm(len(x)).split(BATCH)
    for rows in batches:
        step(rows, dtype)
    timer.stop()
    net.eval()
    finish(timer, len(batches), accuracy(net, given.data, 1000 if given.steps else 10_000), precision=str(dtype))


main()
