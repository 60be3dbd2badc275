"""Trackers of experiments: TensorBoard, MLflow and Weights & Biases, told what a run tells."""
