"""How large what a file says may be: more than anybody means, and nothing that ends a machine.

Numbers are finite and bounded where a file is read, so that no code behind meets another.
"""

from __future__ import annotations

MOST = 1e30
"""Of anything that is weighed, timed or waited for, in whatever unit it has: float32 holds it."""
MOST_COUNTED = 1_000_000_000
"""Steps, runs, images."""
LONGEST_SIDE = 2**16
"""Pixels along one side of an image."""
MOST_AT_ONCE = 2**16
"""Images in one batch."""
MOST_CLASSES = 65_535
"""As many as masks of 16 bits tell apart, beside what is ignored."""
MOST_THREADS = 1024
"""More end a process without a word: no machine has as many cores."""
MOST_LAYERS = 64
MOST_NAMED = 256
"""Networks, budgets or options that one list names."""
