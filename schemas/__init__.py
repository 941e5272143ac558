"""What crosses a boundary: events, topics, rows, migrations, and the store interface.

This package imports nothing of ours, and everything else may import it.
"""
