"""Broker, store and worker as processes on this machine, for a demo or a test."""
