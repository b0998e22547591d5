"""What every encoder is: text in, unit vectors out."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Encoder(Protocol):
    """Embeddings of equal ``version`` are comparable and may be cached; of different ones not."""

    @property
    def name(self) -> str:
        """The name from the settings."""

    @property
    def version(self) -> str:
        """Hash of name, weights and precision: 16 hex digits."""

    @property
    def dimension(self) -> int:
        """D."""

    def encode(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """(N, D) float32, L2-normalised rows in the order of ``texts``.

        ``progress`` is called with the number of texts finished so far.
        """
