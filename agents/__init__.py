"""Where the core meets the world: Faust, the transport, sink, checkpoint, metrics, live page."""

import os

from agents.compiled import keep_compiled

keep_compiled()
# The ClickHouse driver makes a table of all days of four centuries when it is imported: 25 MB in each
# process, for dates, which no table here has. With this, it makes those that are asked for.
os.environ.setdefault("CLICKHOUSE_DRIVER_LASY_DATE_LUT", "1")
