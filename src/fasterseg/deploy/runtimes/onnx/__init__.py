"""ONNX models: written, looked at, and run by ONNX Runtime on the CPU and on CUDA."""
