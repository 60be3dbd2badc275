"""What a run will take: from a recipe to its forecast, by timings in processes of their own."""
