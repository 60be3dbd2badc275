"""PyTorch's exported programs, read and run without PyTorch's reader."""
