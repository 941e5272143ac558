"""The pure event-time core: decode, windows, dedup, and the folds. No I/O and no clock."""
