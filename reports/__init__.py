"""The post-stream report."""
