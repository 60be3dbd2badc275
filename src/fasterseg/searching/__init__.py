"""The search: expected latency and its penalty, pre-training, co-search, budget, derivation."""
