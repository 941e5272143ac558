"""Where the core meets the world: Faust, the transport, sink, checkpoint, metrics, live page."""

from agents.compiled import keep_compiled

keep_compiled()
