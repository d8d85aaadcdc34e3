"""Awaiting a condition that only shows when asked for."""

import time

# How soon a condition is asked again; short enough not to add up over a test.
INTERVAL_S = 0.05
# Long enough for a slow machine that is busy with other things: reaching it is a failure, never a normal wait.
DEADLINE_S = 60.0


def until(condition, what, deadline_s=DEADLINE_S):
    """Asks `condition` until it returns something true, and returns that; fails naming `what` past the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(INTERVAL_S)
