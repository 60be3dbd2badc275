"""From the common options to what a run is made with: its recipe, its data's keys, its sizes."""
