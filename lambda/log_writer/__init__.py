"""HTTP in, locked object out."""
