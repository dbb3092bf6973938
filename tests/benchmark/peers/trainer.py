"""Times training steps of PyTorch in eager mode on one thread: forward, loss, backward and Adam.

  OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=HASWELL python3 trainer.py --sizes tiny a b c f --seconds 1

Batches lie ready in memory, so nothing is spent on a data loader. The first line tells versions, BLAS and threads, every other
one a size and its CPU time per step [us], the median of blocks of steps. Networks and batch sizes are those of trainer.cpp.
"""
import argparse
import ctypes
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


def mlp(*widths):
    layers = []
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        layers += [nn.ReLU()] * (i > 0) + [nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


class Lstm(nn.Module):
    """Outputs of the last step into one linear unit; batches are steps x samples x channels, which is PyTorch's fast order."""

    def __init__(self, channels, units):
        super().__init__()
        self.lstm, self.output = nn.LSTM(channels, units), nn.Linear(units, 1)

    def forward(self, x):
        return self.output(self.lstm(x)[0][-1])


def numbers(batch, *shape):
    return [(torch.randn(shape), torch.randn(batch, 1)) for _ in range(8)], F.mse_loss


def classes(batch, *shape):
    return [(torch.randn(batch, *shape), torch.randint(0, 10, (batch,))) for _ in range(8)], F.cross_entropy


SIZES = {
    "tiny": lambda: (mlp(10, 16, 16, 1), *numbers(32, 32, 10)),
    "a": lambda: (mlp(10, 64, 64, 1), *numbers(32, 32, 10)),
    "b": lambda: (mlp(64, 128, 128, 10), *classes(64, 64)),
    "c": lambda: (mlp(784, 512, 256, 10), *classes(128, 784)),
    "f": lambda: (Lstm(16, 64), *numbers(64, 50, 64, 16)),
}


def blas():
    """The core that OpenBLAS has chosen, where it is the BLAS of this PyTorch."""
    try:
        core = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    except (OSError, AttributeError):
        return "BLAS unknown"
    core.restype = ctypes.c_char_p
    return "OpenBLAS core " + core().decode()


def seconds_per_step(size, seconds):
    torch.manual_seed(0)
    model, batches, loss = SIZES[size]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def steps(count):
        for i in range(count):
            x, y = batches[i % len(batches)]
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    def cpu_seconds(count):
        before = time.process_time()
        steps(count)
        return (time.process_time() - before) / count

    steps(5)
    block = max(2, int(0.1 * seconds / cpu_seconds(5)))
    return statistics.median(cpu_seconds(block) for _ in range(9))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=1, help="about so long for each size")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    print(f"PyTorch {torch.__version__} eager, {torch.get_num_threads()} thread, {blas()}", flush=True)
    for size in arguments.sizes:
        print(size, f"{1e6 * seconds_per_step(size, arguments.seconds):.6g}", flush=True)


if __name__ == "__main__":
    main()
