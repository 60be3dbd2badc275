"""Training of one network, with or without a teacher."""
