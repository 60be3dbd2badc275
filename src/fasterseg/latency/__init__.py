"""What blocks and networks cost in milliseconds: timing, listing, the table, its calibration."""
