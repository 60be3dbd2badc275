"""What the search may return: blocks, the lattice they form, and its members.  Plain Python.

This is the only code that knows what follows what.  The supernet's forward, the expected
latency, derivation, the profiler's list, the network builder and the drawing iterate over it.
"""
