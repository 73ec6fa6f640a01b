"""Finding the best combinations of a pool: whole lists for small pools, certified searches for large ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
