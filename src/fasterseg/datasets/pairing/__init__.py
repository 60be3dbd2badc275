"""Which files of a folder are images, which are masks, and which go together."""
