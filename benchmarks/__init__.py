"""What the project measures of itself, and against whom: `make bench` writes `benchmarks/results/*.json`."""
