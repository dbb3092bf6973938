#!/usr/bin/env python3
"""A random forest in plain Python: prints its mean accuracy over the folds of a cross-validation on the iris flowers."""
import argparse
import csv
import pathlib
import random


def read_samples(path):
    with open(path) as file:
        rows = list(csv.reader(file))[1:]
    return [([float(x) for x in row[:-1]], row[-1]) for row in rows]


def gini(counts, total):
    return 1 - sum((n / total) ** 2 for n in counts.values())


def best_split(samples, features):
    """(impurity, feature, threshold) of the purest division in two, or None."""
    best = None
    for feature in features:
        ordered = sorted(samples, key=lambda sample: sample[0][feature])
        left, right = {}, {}
        for _, label in ordered:
            right[label] = right.get(label, 0) + 1
        for i in range(1, len(ordered)):
            label = ordered[i - 1][1]
            left[label] = left.get(label, 0) + 1
            right[label] -= 1
            low, high = ordered[i - 1][0][feature], ordered[i][0][feature]
            if low == high:
                continue
            rest = len(ordered) - i
            impurity = i * gini(left, i) + rest * gini(right, rest)
            if best is None or impurity < best[0]:
                best = (impurity, feature, (low + high) / 2)
    return best


def majority(samples):
    labels = sorted(label for _, label in samples)
    return max(labels, key=labels.count)


def grow(samples, depth, options, chance):
    """A tree: a label, or (feature, threshold, tree below, tree above)."""
    labels = {label for _, label in samples}
    full = options.max_depth is not None and depth >= options.max_depth
    if len(labels) == 1 or full or len(samples) < options.min_samples_split:
        return majority(samples)
    width = len(samples[0][0])
    split = best_split(samples, chance.sample(range(width), max(1, round(width ** 0.5))))
    if split is None:
        return majority(samples)
    _, feature, threshold = split
    below = [s for s in samples if s[0][feature] <= threshold]
    above = [s for s in samples if s[0][feature] > threshold]
    return feature, threshold, grow(below, depth + 1, options, chance), grow(above, depth + 1, options, chance)


def answer(tree, x):
    while isinstance(tree, tuple):
        feature, threshold, below, above = tree
        tree = below if x[feature] <= threshold else above
    return tree


def accuracy(training, held_out, options, chance):
    trees = [grow(chance.choices(training, k=len(training)), 0, options, chance) for _ in range(options.n_estimators)]
    right = 0
    for x, label in held_out:
        votes = sorted(answer(tree, x) for tree in trees)
        right += max(votes, key=votes.count) == label
    return right / len(held_out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n-estimators", type=int, default=100)
    parser.add_argument("--max-depth", type=lambda text: None if text == "none" else int(text), default=None)
    parser.add_argument("--min-samples-split", type=int, default=2)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    samples = read_samples(pathlib.Path(__file__).parent / "data" / "iris.csv")
    random.Random(1).shuffle(samples)  # the same folds for every trial
    chance = random.Random(options.seed)
    scores = []
    for fold in range(options.folds):
        held_out = samples[fold::options.folds]
        training = [s for i, s in enumerate(samples) if i % options.folds != fold]
        scores.append(accuracy(training, held_out, options, chance))
    print(f"regatta: accuracy={sum(scores) / len(scores):.6f}")


if __name__ == "__main__":
    main()
