"""What a run will take, from a short timing: workloads, forecasts, advice, and the plan's file."""
