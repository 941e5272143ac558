"""One module per command: its options, and where they go."""
