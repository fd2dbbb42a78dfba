"""The engines that `python -m studies.engines.run` compares: one module an engine, and what they are measured with."""
