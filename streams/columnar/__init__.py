"""The fast path: whole batches of bytes in, columns out, in compiled code.

A fold here does what its namesake in :mod:`streams` does, record for record and row for row; those
are the specification, and property tests hold the two together. What differs is the means: no
Python object per event. A scanner walks the bytes of a batch and notes where each field stands
(:mod:`~streams.columnar.scan`), a kernel adds the numbers to cells in arrays
(:mod:`~streams.columnar.kernels`), and what changed is handed over as columns. A record that the
scanner does not take for granted goes through the strict decoder and comes back in order.
"""
