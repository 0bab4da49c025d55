"""No more calls in a second than AWS answers: better than to be throttled, which takes others' calls with it."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Pace:
    """Lets so many calls through in any second; whoever asks waits their turn. Safe to share among threads."""

    def __init__(
        self,
        each_second: int,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._each_second = each_second
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._gone: deque[float] = deque()

    def wait(self) -> None:
        """Wait until one more call may be made, and count it."""
        with self._lock:
            while True:
                now = self._clock()
                while self._gone and now - self._gone[0] >= 1.0:
                    self._gone.popleft()
                if len(self._gone) < self._each_second:
                    self._gone.append(now)
                    return
                self._sleep(self._gone[0] + 1.0 - now)
