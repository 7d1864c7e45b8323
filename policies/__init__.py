"""The rules, as plain data and pure functions; no SDK in sight."""
