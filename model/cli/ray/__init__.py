"""Engines that read an archive on several machines; optional: requirements/archive.txt has what they need."""
