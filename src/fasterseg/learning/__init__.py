"""What search and training share: losses, schedules, precision, averages, resumable stepping."""
