"""A show under which things are killed, frozen and restarted, and the proof that no figure suffered."""
