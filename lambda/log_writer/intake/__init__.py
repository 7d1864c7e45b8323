"""From wire to Event: one module for each format, one function in each."""
