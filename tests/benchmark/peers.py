"""Measures other optimisers on Regatta's test functions in virtual time, workers finish one by one.

  python3 peers.py --peers optuna-tpe cmaes --problems ackley5 levy6 --pending 5 --evaluations 100 --seeds 10

It needs numpy, scipy, optuna and cmaes; optuna-gp and turbo need torch too, botorch-logei needs botorch.
Each (problem, peer) appends rows to the table: the simple regret after 1/4, 1/2 and all of the evaluations.
They last 0.2 + |N(0, 1)|, the same for all peers; times of proposals are CPU seconds.

The table, peers.csv, also has rows that were measured elsewhere: its column `source` says where. Functions
are not shifted, as in published tables. cmaes starts in the middle of the domain, which is the minimum of
Ackley and Rastrigin where it is symmetric; cmaes-random-start does not.
"""
import argparse
import csv
import heapq
import math
import os
import time
import warnings
from dataclasses import dataclass

import numpy as np

COLUMNS = ("peer version problem domain q evaluations seeds measure median lower_quartile upper_quartile "
           "worst seconds_per_proposal source note").split()


def ackley(x):
    waves = np.mean(np.cos(2 * np.pi * x))
    return -20 * math.exp(-0.2 * math.sqrt(np.mean(x**2))) - math.exp(waves) + 20 + math.e


def levy(x):
    w = 1 + (x - 1) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)
    return np.sin(np.pi * w[0]) ** 2 + middle.sum() + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def michalewicz(x):
    return -np.sum(np.sin(x) * np.sin(np.arange(1, len(x) + 1) * x**2 / np.pi) ** 20)


def rastrigin(x):
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def hartmann6(x):
    steepness = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
                          [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
    centres = np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                        [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]) / 1e4
    return -np.array([1, 1.2, 3, 3.2]) @ np.exp(-np.sum(steepness * (x - centres) ** 2, axis=1))


@dataclass
class Problem:
    function: callable
    dimensions: int
    low: float
    high: float
    minimum: float = 0
    whole: int = 0  # so many coordinates are whole numbers
    codes: int = 0  # so many, the last, are one of these, without order
    listed = (8, 1, 0, 4, 2)

    @property
    def domain(self):
        return f"{self.low:.6g}..{self.high:.6g}"

    def from_unit(self, u):
        return self.low + (self.high - self.low) * u


PROBLEMS = {
    "ackley5": Problem(ackley, 5, -32.768, 32.768),
    "ackley10": Problem(ackley, 10, -32.768, 32.768),
    "ackley6": Problem(ackley, 6, -5, 10),
    "ackley20": Problem(ackley, 20, -5, 10),
    "ackley50": Problem(ackley, 50, -5, 10),
    "ackley100": Problem(ackley, 100, -5, 10),
    "levy6": Problem(levy, 6, -5, 10),
    "levy20": Problem(levy, 20, -5, 10),
    "rosenbrock6": Problem(rosenbrock, 6, -5, 10),
    "michalewicz5": Problem(michalewicz, 5, 0, math.pi, -4.687658179),
    "rastrigin6": Problem(rastrigin, 6, -5.12, 5.12),
    "rastrigin20": Problem(rastrigin, 20, -5.12, 5.12),
    "hartmann6": Problem(hartmann6, 6, 0, 1, -3.32236801141551),
    "mixed_ackley": Problem(ackley, 8, -5, 10, 0, whole=2, codes=3),
}


class RandomPeer:
    version = "numpy " + np.__version__

    def __init__(self, problem, pending, seed):
        self.problem, self.random = problem, np.random.default_rng(seed)

    def ask(self):
        return None, self.problem.from_unit(self.random.random(self.problem.dimensions))

    def tell(self, key, x, y):
        pass


class OptunaPeer:
    def __init__(self, make_sampler, problem, seed):
        import optuna
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.version = "optuna " + optuna.__version__
        d = problem.dimensions
        reals = d - problem.whole - problem.codes
        kinds = [optuna.distributions.FloatDistribution(problem.low, problem.high)] * reals
        kinds += [optuna.distributions.IntDistribution(int(problem.low), int(problem.high))] * problem.whole
        kinds += [optuna.distributions.CategoricalDistribution(problem.listed)] * problem.codes
        self.space = {f"x{i:02}": kind for i, kind in enumerate(kinds)}
        self.study = optuna.create_study(sampler=make_sampler(optuna.samplers, problem, seed))

    def ask(self):
        trial = self.study.ask(self.space)
        return trial, np.array([float(trial.params[name]) for name in self.space])

    def tell(self, trial, x, y):
        self.study.tell(trial, y)


def tpe(samplers, problem, seed):
    return samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)


def gp(samplers, problem, seed):
    return samplers.GPSampler(seed=seed, deterministic_objective=True)


def cma(samplers, problem, seed):
    return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


def cma_random_start(samplers, problem, seed):
    start = problem.from_unit(np.random.default_rng(seed).random(problem.dimensions))
    x0 = {f"x{i:02}": x for i, x in enumerate(start)}
    return samplers.CmaEsSampler(seed=seed, x0=x0, warn_independent_sampling=False)


class MaternGp:
    """Gaussian process with Matern-5/2 kernel on standardised values, fitted by maximum likelihood."""

    # Least, first and largest value; scale and noise are variances.
    LENGTH, SCALE, NOISE = (0.005, 0.5, 2.0), (0.05, 1.0, 20.0), (5e-4, 0.005, 0.2)

    def __init__(self, dimensions):
        import torch
        self.torch = torch
        table = torch.tensor([self.LENGTH] * dimensions + [self.SCALE, self.NOISE], dtype=torch.double)
        self.low, start, self.high = table.T
        self.raw = torch.logit((start - self.low) / (self.high - self.low)).requires_grad_()

    def parameters(self):
        values = self.low + (self.high - self.low) * self.torch.sigmoid(self.raw)
        return values[:-2], values[-2], values[-1]

    def kernel(self, a, b):
        lengths, scale, _ = self.parameters()
        a, b = a / lengths, b / lengths
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
        r = (5 * squares.clamp_min(1e-14)).sqrt()
        return scale * (1 + r + r**2 / 3) * (-r).exp()

    def factor(self, x):
        return self.torch.linalg.cholesky(self.kernel(x, x) + self.parameters()[2] * self.torch.eye(len(x)))

    def fit(self, x, y, steps=50):
        adam = self.torch.optim.Adam([self.raw], lr=0.1)
        for _ in range(steps):
            adam.zero_grad()
            root = self.factor(x)
            white = self.torch.linalg.solve_triangular(root, y[:, None], upper=False)
            loss = (0.5 * (white**2).sum() + root.diagonal().log().sum()) / len(x)
            loss.backward()
            adam.step()

    def sample(self, x, y, candidates, normal):
        """Functions drawn from the posterior, at the candidates: one for each column of normal numbers."""
        solve = self.torch.linalg.solve_triangular
        with self.torch.no_grad():
            root = self.factor(x)
            cross = solve(root, self.kernel(x, candidates), upper=False)
            mean = cross.T @ solve(root, y[:, None], upper=False)
            covariance = self.kernel(candidates, candidates) - cross.T @ cross
            covariance.diagonal().add_(1e-6)
            return mean + self.torch.linalg.cholesky(covariance) @ normal


class Turbo:
    """TuRBO-1 (Eriksson et al. 2019), each completion counted by itself instead of batches."""

    def __init__(self, problem, pending, seed):
        import torch
        from scipy.stats import qmc
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.double)
        self.torch, self.qmc = torch, qmc
        self.version = "own, torch " + torch.__version__.split("+")[0]
        self.problem, self.pending, self.d = problem, pending, problem.dimensions
        self.random = np.random.default_rng(seed)
        self.region = 0
        self.restart()

    def restart(self):
        self.region += 1
        self.design = list(self.qmc.LatinHypercube(self.d, rng=self.random).random(2 * self.d))
        self.x, self.y, self.fitted = [], [], -math.inf
        self.gp = MaternGp(self.d)
        self.resize(0.8)

    def resize(self, length):
        self.length, self.successes, self.failures = length, 0, 0
        self.issue = getattr(self, "issue", 0) + 1

    def ask(self):
        u = self.design.pop() if self.design else self.propose() if self.x else self.random.random(self.d)
        return (self.region, self.issue, u), self.problem.from_unit(u)

    def propose(self):
        return self.draw(1)[0]

    def draw(self, count):
        """The best candidates of as many functions drawn from the posterior, each another one."""
        x, y = self.torch.tensor(np.array(self.x)), self.torch.tensor(self.y)
        y = (y - y.median()) / max(float(y.std(correction=0)), 1e-12)
        if len(y) - self.fitted >= self.pending:  # as often as a synchronous batch would
            self.gp.fit(x, y)
            self.fitted = len(y)
        candidates = self.candidates()
        normal = self.torch.tensor(self.random.standard_normal((len(candidates), count)))
        values = self.gp.sample(x, y, self.torch.tensor(candidates), normal)
        chosen = []
        for column in values.T:
            chosen.append(int(column.argmin()))
            values[chosen[-1]] = math.inf
        return [candidates[i] for i in chosen]

    def candidates(self):
        centre = self.x[int(np.argmin(self.y))]
        weights = self.gp.parameters()[0].detach().numpy()
        sides = self.length * weights / np.exp(np.log(weights).mean())
        low, high = np.clip(centre - sides / 2, 0, 1), np.clip(centre + sides / 2, 0, 1)
        count = min(100 * self.d, 5000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the count is no power of two
            points = low + (high - low) * self.qmc.Sobol(self.d, rng=self.random).random(count)
        moved = self.random.random(points.shape) < min(1, 20 / self.d)
        moved[np.arange(count), self.random.integers(self.d, size=count)] = True
        return np.where(moved, points, centre)

    def tell(self, key, x, y):
        region, issue, u = key
        if region != self.region:
            return
        best = min(self.y, default=math.inf)
        self.x.append(u)
        self.y.append(float(y))
        if issue != self.issue or len(self.y) <= 2 * self.d:
            return
        better = y < best - 1e-3 * abs(best)
        self.successes, self.failures = (self.successes + 1, 0) if better else (0, self.failures + 1)
        if self.successes == 3:
            self.resize(min(2 * self.length, 1.6))
        elif self.failures == max(5, self.d):
            self.resize(self.length / 2)
        if self.length < 2**-7:
            self.restart()


class TurboAhead(Turbo):
    """The same, with as many proposals made at once as workers wait for: one draw from the joint posterior of
    5000 candidates takes seconds."""

    ahead = ()

    def restart(self):
        self.ahead = []
        super().restart()

    def propose(self):
        if not self.ahead:
            self.ahead = self.draw(self.pending)
        return self.ahead.pop(0)


class BotorchLogEi:
    """BoTorch's default Gaussian process and qLogEI that knows what is pending, after 2 d points of Sobol."""

    def __init__(self, problem, pending, seed):
        import botorch, torch
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.double)
        torch.manual_seed(seed)
        self.torch, self.botorch, self.version = torch, botorch, "botorch " + botorch.__version__
        self.problem, self.d = problem, problem.dimensions
        sobol = torch.quasirandom.SobolEngine(self.d, scramble=True, seed=seed)
        self.design = list(sobol.draw(2 * self.d).double())
        self.known, self.values, self.open = [], [], {}

    def ask(self):
        u = self.design.pop(0) if self.design else self.propose()
        key = object()
        self.open[key] = u
        return key, self.problem.from_unit(u.numpy())

    def propose(self):
        from botorch.acquisition.logei import qLogExpectedImprovement
        from botorch.models import SingleTaskGP
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood
        y = -self.torch.tensor(self.values)[:, None]
        model = SingleTaskGP(self.torch.stack(self.known), y)
        self.botorch.fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        pending = self.torch.stack(list(self.open.values())) if self.open else None
        gain = qLogExpectedImprovement(model, best_f=y.max(), X_pending=pending)
        bounds = self.torch.stack([self.torch.zeros(self.d), self.torch.ones(self.d)])
        u, _ = optimize_acqf(gain, bounds, q=1, num_restarts=8, raw_samples=256)
        return u[0].detach()

    def tell(self, key, x, y):
        self.known.append(self.open.pop(key))
        self.values.append(float(y))


PEERS = {
    "random": RandomPeer,
    "optuna-tpe": lambda problem, pending, seed: OptunaPeer(tpe, problem, seed),
    "optuna-gp": lambda problem, pending, seed: OptunaPeer(gp, problem, seed),
    "cmaes": lambda problem, pending, seed: OptunaPeer(cma, problem, seed),
    "cmaes-random-start": lambda problem, pending, seed: OptunaPeer(cma_random_start, problem, seed),
    "turbo": Turbo,
    "turbo-ahead": TurboAhead,
    "botorch-logei": BotorchLogEi,
}


def run(make_peer, problem, pending, evaluations, seed):
    """Best regret after each completion, CPU seconds per proposal, and the peer's version."""
    durations = 0.2 + np.abs(np.random.default_rng([seed, 7]).standard_normal(evaluations))
    peer, running, regrets, seconds, asked = make_peer(problem, pending, seed), [], [], 0.0, 0
    now = 0.0
    while len(regrets) < evaluations:
        before = time.process_time()
        while asked < evaluations and len(running) < pending:
            key, x = peer.ask()
            heapq.heappush(running, (now + durations[asked], asked, key, x))
            asked += 1
        now, _, key, x = heapq.heappop(running)
        y = float(problem.function(x))
        peer.tell(key, x, y)
        seconds += time.process_time() - before
        regrets.append(y - problem.minimum)
    return np.minimum.accumulate(regrets), seconds / evaluations, peer.version


def measure(name, problem_name, arguments):
    problem = PROBLEMS[problem_name]
    runs = [run(PEERS[name], problem, arguments.pending, arguments.evaluations, seed)
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)]
    for evaluations in sorted({arguments.evaluations // k for k in (4, 2, 1)}):
        regrets = np.array([curve[evaluations - 1] for curve, _, _ in runs])
        low, median, high = np.quantile(regrets, (0.25, 0.5, 0.75))
        cells = [f"{v:.4g}" for v in (median, low, high, regrets.max(), np.mean([s for _, s, _ in runs]))]
        yield [name, runs[0][2], problem_name, problem.domain, arguments.pending, evaluations, len(runs),
               "regret", *cells, "measured here", "asynchronous"]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="+", choices=PEERS, required=True)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, required=True)
    parser.add_argument("--pending", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--csv", default=os.path.join(here, "peers.csv"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for problem in arguments.problems:
        for peer in arguments.peers:
            for row in measure(peer, problem, arguments):
                print(*row, flush=True)
                with open(arguments.csv, "a", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    if file.tell() == 0:
                        writer.writerow(COLUMNS)
                    writer.writerow(row)


if __name__ == "__main__":
    main()
