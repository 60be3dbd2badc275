"""The timings behind a plan, each a function that runs in a process of its own (`probing`)."""
