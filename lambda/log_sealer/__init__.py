"""The log sealer: a Merkle log, in static files, over every record that was stored."""
