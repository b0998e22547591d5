"""How many requests a caller may make: a token bucket each, in this process.

Every worker of the server counts for itself: a shared count would cost each request a write, and
this guards against a program run wild, it is no quota.
"""

import threading
import time
from collections.abc import Callable

_HELD = 10_000


class Buckets:
    """Each key may make ``per_minute`` requests at once, and as many a minute in the long run."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic):
        self._capacity = float(per_minute)
        self._rate = per_minute / 60.0
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}  # requests left, as of when

    def wait(self, key: str) -> float:
        """0 when the request may pass (and counts); else the seconds until one may."""
        with self._lock:
            now = self._clock()
            left = self._of(key, now)
            if left < 1.0:
                return (1.0 - left) / self._rate
            self._left[key] = left - 1.0, now
            if len(self._left) > _HELD:
                self._left = {
                    each: held
                    for each, held in self._left.items()
                    if self._of(each, now) < self._capacity
                }
            return 0.0

    def _of(self, key: str, now: float) -> float:
        left, at = self._left.get(key, (self._capacity, now))
        return min(self._capacity, left + (now - at) * self._rate)
