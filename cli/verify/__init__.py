"""`audit-log verify`: whether the log is what was sealed. Reads the bucket as the auditor, or a copy of it offline."""
