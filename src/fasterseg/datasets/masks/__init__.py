"""Masks: from what a mask's file holds, integers or colours, to class ids."""
