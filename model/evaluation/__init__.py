"""The evidence: what the shipped bundle does on pictures it never learned from, measured again by one command."""
