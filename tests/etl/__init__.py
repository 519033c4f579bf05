"""Tests of extraction and transformation on stories made by hand."""
