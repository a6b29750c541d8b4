"""The loop of most tutorials: a Dataset that converts one picture at a time, a DataLoader, AdamW, float32."""

import torch
import torch.nn.functional as F
from speed_common import BATCH, DEVIATION, MEAN, RATE, Timer, accuracy, arguments, finish, network, pictures
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    """One normalised picture and its label at a time."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        picture = torch.from_numpy(self.x[row]).float().div(255).sub(MEAN).div(DEVIATION)
        return picture[None], int(self.y[row])


def main() -> None:
    given = arguments()
    loader = DataLoader(Pictures(*pictures(given.data, "train", given.steps)), batch_size=BATCH, shuffle=True)
    net = network()
    net.train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    timer = Timer()
    timer.start()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    timer.stop()
    net.eval()
    finish(timer, len(loader), accuracy(net, given.data, 1000 if given.steps else 10_000))


main()
