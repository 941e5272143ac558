"""The front door: the `liveshop` command, settings, and the embedded stack."""
