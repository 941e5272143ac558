"""The load and speed harness."""
