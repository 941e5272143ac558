"""The worker's HTTP side: the live page, its stream of figures, metrics and health.

::

    store ──► Figures (one reading thread) ──► Hub (one snapshot per second, shared) ──► watchers
"""
