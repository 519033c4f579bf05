"""Whatever path events take into the mart, and whatever dies on the way, the same facts come out."""
