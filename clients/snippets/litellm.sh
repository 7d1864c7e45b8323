export GENERIC_LOGGER_ENDPOINT="{endpoint}/v1/litellm"
export GENERIC_LOGGER_HEADERS="Authorization=Bearer {token}"
