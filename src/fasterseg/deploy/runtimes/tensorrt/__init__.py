"""TensorRT: engines of blocks and networks on an NVIDIA GPU."""
