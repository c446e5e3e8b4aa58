"""Fit a line to noisy points by gradient descent; the config in conf/ says how."""

import logging
import random

import hydra
from omegaconf import DictConfig

log = logging.getLogger(__name__)

Points = list[tuple[float, float]]


def make_points(count: int, noise: float, seed: int) -> Points:
    """Points around the line y = 2x + 1, with x from -1 to 1."""
    numbers = random.Random(seed)
    xs = [numbers.uniform(-1, 1) for _ in range(count)]
    return [(x, 2 * x + 1 + numbers.gauss(0, noise)) for x in xs]


def fit(points: Points, steps: int, learning_rate: float) -> tuple[float, float]:
    """The slope and the intercept with the least squared error."""
    slope = intercept = 0.0
    for _ in range(steps):
        errors = [(slope * x + intercept - y, x) for x, y in points]
        slope -= learning_rate * 2 * sum(error * x for error, x in errors) / len(points)
        intercept -= learning_rate * 2 * sum(error for error, _ in errors) / len(points)
    return slope, intercept


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> dict[str, float]:
    """Fit, and return the metrics of this run."""
    points = make_points(cfg.points, cfg.noise, cfg.seed)
    slope, intercept = fit(points, cfg.steps, cfg.learning_rate)
    loss = sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)
    log.info("y = %.3f x + %.3f, loss %.5f", slope, intercept, loss)
    return {"loss": loss, "slope": slope, "intercept": intercept}


if __name__ == "__main__":
    main()
