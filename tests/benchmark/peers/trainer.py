"""Times training steps of PyTorch: forward, loss, backward and Adam, on one thread or on a GPU.

  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=SKYLAKEX MKL_DEBUG_CPU_TYPE=7 python3 trainer.py --sizes tiny a b c d D e f --seconds 1
  python3 trainer.py --device cuda --mode graph --precision tf32

Batches lie ready in the device's memory, so nothing is spent on a data loader. The first line tells versions and what computes, every
other one a size and its time per step [us], the median of blocks of steps: CPU time in eager mode on one thread, wall-clock time on a
GPU, in eager mode or with the whole step captured once in a CUDA graph. Networks and batch sizes are those of trainer.cpp.
"""
import argparse
import ctypes
import functools
import os
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


def lenet(first, padding, second, pixels, *widths):
    return nn.Sequential(
        nn.Conv2d(1, first, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), mlp(second * pixels, *widths, 10))


class Residual(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.skip = nn.Conv2d(inputs, channels, 1)

    def forward(self, x):
        return F.max_pool2d(F.relu(self.body(x) + self.skip(x)), 2)


def residual(*channels):
    blocks = [Residual(inputs, outputs) for inputs, outputs in zip((3, *channels), channels)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 10))


def numbers(batch, *shape):
    return [(torch.randn(shape), torch.randn(batch, 1)) for _ in range(8)], F.mse_loss


def classes(batch, *shape):
    return [(torch.randn(batch, *shape), torch.randint(0, 10, (batch,))) for _ in range(8)], F.cross_entropy


SIZES = {
    "tiny": lambda: (mlp(10, 16, 16, 1), *numbers(32, 32, 10)),
    "a": lambda: (mlp(10, 64, 64, 1), *numbers(32, 32, 10)),
    "b": lambda: (mlp(64, 128, 128, 10), *classes(64, 64)),
    "c": lambda: (mlp(784, 512, 256, 10), *classes(128, 784)),
    "d": lambda: (lenet(6, 2, 16, 25, 120, 84), *classes(128, 1, 28, 28)),
    "D": lambda: (lenet(20, 0, 50, 16, 500), *classes(128, 1, 28, 28)),
    "e": lambda: (residual(32, 64, 128), *classes(128, 3, 32, 32)),
    "f": lambda: (Lstm(16, 64), *numbers(64, 50, 64, 16)),
}


def blas():
    """The BLAS of this PyTorch; of OpenBLAS the core that it has chosen."""
    if "BLAS_INFO=mkl" in torch.__config__.show():
        return f"MKL kernels {os.environ.get('MKL_DEBUG_CPU_TYPE', 'of its own choice')}"
    try:
        core = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    except (OSError, AttributeError):
        return "BLAS unknown"
    core.restype = ctypes.c_char_p
    return "OpenBLAS core " + core().decode()


def train_step(model, optimizer, loss, x, y):
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


def captured(step, batches):
    """The step of any batch as one replay of a CUDA graph, which reads its batch from fixed places."""
    x, y = (part.clone() for part in batches[0])
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step(x, y)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(x, y)

    def replay(next_x, next_y):
        x.copy_(next_x)
        y.copy_(next_y)
        graph.replay()

    return replay


def seconds_per_step(size, seconds, device, mode):
    torch.manual_seed(0)
    model, batches, loss = SIZES[size]()
    model, batches = model.to(device), [(x.to(device), y.to(device)) for x, y in batches]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, capturable=mode == "graph")
    step = functools.partial(train_step, model, optimizer, loss)
    if mode == "graph":
        step = captured(step, batches)

    def block_seconds(count):
        clock = time.perf_counter if device == "cuda" else time.process_time
        before = clock()
        for i in range(count):
            step(*batches[i % len(batches)])
        if device == "cuda":
            torch.cuda.synchronize()
        return (clock() - before) / count

    block_seconds(5)
    block = max(2, int(0.1 * seconds / block_seconds(5)))
    return statistics.median(block_seconds(block) for _ in range(9))


def facts(arguments):
    if arguments.device == "cuda":
        return f"PyTorch {torch.__version__} {arguments.mode}, {torch.cuda.get_device_name()}, {arguments.precision}"
    return f"PyTorch {torch.__version__} eager, {torch.get_num_threads()} thread, {blas()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=1, help="about so long for each size")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--mode", choices=("eager", "graph"), default="eager", help="graph: on a GPU only")
    parser.add_argument("--precision", choices=("fp32", "tf32"), default="fp32", help="of products, on a GPU")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.precision == "tf32"
    print(facts(arguments), flush=True)
    for size in arguments.sizes:
        seconds = seconds_per_step(size, arguments.seconds, arguments.device, arguments.mode)
        print(size, f"{1e6 * seconds:.6g}", flush=True)


if __name__ == "__main__":
    main()
