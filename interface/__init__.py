"""What the pages share: the loaded network, a session's readings, words, charts and small experiments."""
