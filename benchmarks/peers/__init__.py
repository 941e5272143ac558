"""``peers``: the same job, done by Liveshop and by other stream processors, on the same broker.

::

    job           which events, what the totals must be, and how rows are compared with them
    backlog       publishing the events before anything is measured
    catalogue     who takes part, with what, and why so
    environment   an environment for each of them, apart from the project's own
    run           one run of one peer
    measure       rounds of runs, as cases of a result
    programs/     what the peers run, written against their own libraries
    kafka_streams/  the same in Java
"""
