"""A chest X-ray reader for research and education, not a medical device; `reading` reads, `training` trains."""

__version__ = "0.6.0"
