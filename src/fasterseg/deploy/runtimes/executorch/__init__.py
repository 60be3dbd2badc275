"""ExecuTorch: its programs, run in a process that has it."""
