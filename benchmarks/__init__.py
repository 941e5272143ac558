"""The speed harness: one small module per question, ``python -m benchmarks QUESTION``.

::

    __main__      the command line
    options       options that the questions share
    load          records made beforehand, and what their totals must be
    hot_path      bytes of a batch → dirty rows, on one core
    end_to_end    Kafka → rows in the store, one worker process
    soak          one worker under a steady load for minutes; an outage of the store
    worker_watch  memory, lag and flushes of a worker, once a second
    soak_chart    a soak as a picture
    spool         records made beforehand, on disk
    bare_drain    reading the same topics without decoding anything
    result        what a run found, as JSON; compared ratio by ratio
    output        where it goes: table, JSON, file, comparison
    machine       where it ran
    scratch       where its files are: in memory

No figure without its correctness: a run whose totals are not the truth's ends with an error.
"""
