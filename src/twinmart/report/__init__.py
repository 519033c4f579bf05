"""Reports: what people ask of the mart."""
