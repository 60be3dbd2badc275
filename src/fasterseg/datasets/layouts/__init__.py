"""How folders of others are laid out: a module for each form, and the table of all of them."""
