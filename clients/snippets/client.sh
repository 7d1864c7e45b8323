export AUDIT_LOG_ENDPOINT="{endpoint}"
export AUDIT_LOG_TOKEN="{token}"
