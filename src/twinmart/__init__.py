"""A reporting mart for contact centres that lives at two sites and survives the loss of one."""

__version__ = "0.1.0.dev0"
