"""Measures a bundle on radiographs that it did not learn from, and writes the evidence and the model card."""
