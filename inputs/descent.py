#!/usr/bin/env python3
"""A training script that knows nothing of Regatta: linear regression by gradient descent, with a line for each epoch."""
import argparse
import random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=27)
args = parser.parse_args()

chance = random.Random(1)
truth = [chance.uniform(-1, 1) for _ in range(8)]
points = []
for _ in range(400):
    x = [chance.gauss(0, 1 + i) for i in range(8)]
    points.append((x, sum(a * b for a, b in zip(truth, x)) + chance.gauss(0, 0.1)))
training, validation = points[:300], points[300:]


def error(weights, x, y):
    return sum(a * b for a, b in zip(weights, x)) - y


weights, step = [0.0] * 8, [0.0] * 8
for epoch in range(1, args.epochs + 1):
    for first in range(0, len(training), 30):
        batch = training[first:first + 30]
        for i in range(8):
            slope = sum(2 * error(weights, x, y) * x[i] for x, y in batch) / len(batch)
            step[i] = args.momentum * step[i] - args.lr * slope
        weights = [w + s for w, s in zip(weights, step)]
    errors = [error(weights, x, y) for x, y in validation]
    loss = sum(e * e for e in errors) / len(errors)
    print(f"Epoch {epoch:3d}/{args.epochs}  val_loss: {loss:.6g}")
