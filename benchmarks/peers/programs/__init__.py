"""What the peers run, each in an environment of its own: this folder knows nothing of Liveshop.

:mod:`job` and :mod:`sink` need the standard library only. Every other module is a program.
"""
