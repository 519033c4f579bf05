"""The domain without input, output or clock: events, intervals, keys, topology, gaps."""
