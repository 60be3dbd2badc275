"""From modules to what runs on a target: export, backends, measuring."""
