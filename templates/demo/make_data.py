"""Write data/digits.csv: 1,797 handwritten digits of 8 by 8 pixels, from scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path("data/digits.csv")


def main() -> None:
    """One line for each image: 64 grey values from 0 to 16, then the digit it shows."""
    digits = load_digits()
    table = np.column_stack([digits.data, digits.target])
    header = ",".join([*digits.feature_names, "digit"])
    TARGET.parent.mkdir(exist_ok=True)
    np.savetxt(TARGET, table, fmt="%d", delimiter=",", header=header, comments="")


if __name__ == "__main__":
    main()
