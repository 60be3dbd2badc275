"""The network that an architecture describes, and the bundle that holds a trained one."""
