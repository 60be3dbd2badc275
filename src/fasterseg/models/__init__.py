"""The students in the box: a folder for each bundle, and the tool that puts one here."""
