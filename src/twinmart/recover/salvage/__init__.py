"""Salvage: what a lost site that came back has alone, brought to the active site or filed before it is rebuilt."""
