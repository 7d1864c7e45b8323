"""`audit-log`: the command that checks, reads and keeps an agent-audit-log deployment."""
