"""Bad and odd input, each kind with the fate it must have."""
