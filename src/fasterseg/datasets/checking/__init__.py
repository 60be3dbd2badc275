"""Looking at all of a data set: what it holds, what is wrong with it, and what is kept of that."""
