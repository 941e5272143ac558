"""Where the core meets the world: Faust, the transport, sink, checkpoint, metrics, live page."""
