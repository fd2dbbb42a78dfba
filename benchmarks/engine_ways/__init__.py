"""The engines that `python -m benchmarks.engines` compares: one module an engine, and what they are measured with."""
