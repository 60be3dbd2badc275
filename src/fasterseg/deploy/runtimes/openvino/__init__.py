"""OpenVINO: its own files, its runtime on the CPU, and its networks in int8."""
