"""Whom students learn from: what answers for any picture, and its answers, given once and kept."""
