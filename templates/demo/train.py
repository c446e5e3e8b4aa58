"""Train a classifier of handwritten digits; the config in conf/ says which one."""

from __future__ import annotations

import logging
from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import xgit

LEARNING_STEPS = 5

log = logging.getLogger(__name__)


def load(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The pixels (images by 64) and the digits of the data set."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.int64)
    return table[:, :-1], table[:, -1]


def build(model: DictConfig) -> Pipeline:
    """The untrained classifier that the config describes."""
    if model.name == "logistic":
        classifier = LogisticRegression(C=model.C, max_iter=model.max_iter)
    elif model.name == "svm":
        classifier = SVC(C=model.C, kernel=model.kernel, gamma=model.gamma)
    else:
        raise ValueError(f"there is no model {model.name!r}")
    return make_pipeline(StandardScaler(), classifier)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> dict[str, float]:
    """Train on more and more images, and judge on those that were held back."""
    pixels, digits = load(cfg.data.path)
    x_train, x_test, y_train, y_test = train_test_split(
        pixels,
        digits,
        test_size=cfg.data.test_fraction,
        stratify=digits,
        random_state=cfg.seed,
    )

    for step in range(1, LEARNING_STEPS + 1):
        images = len(x_train) * step // LEARNING_STEPS
        model = build(cfg.model).fit(x_train[:images], y_train[:images])
        xgit.log({"accuracy": model.score(x_test, y_test)}, step=images)

    predicted = model.predict(x_test)
    xgit.summary(errors=int((predicted != y_test).sum()))

    confusion = Path(HydraConfig.get().runtime.output_dir) / "confusion.csv"
    np.savetxt(confusion, confusion_matrix(y_test, predicted), fmt="%d", delimiter=",")
    xgit.log_artifact(confusion)

    accuracy = accuracy_score(y_test, predicted)
    log.info("accuracy %.4f", accuracy)
    return {"accuracy": accuracy, "macro_f1": f1_score(y_test, predicted, average="macro")}


if __name__ == "__main__":
    main()
