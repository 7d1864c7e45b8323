"""What Claude Code and the Claude Agent SDK send, as far as its names are not OpenTelemetry's.

Source: https://code.claude.com/docs/en/monitoring-usage, and what the program sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from log_writer.intake.genai_names import RULES, Kind, Rule

PREFIX: Final = "claude_code."
"""What the names of its events and spans begin with."""

_FIELDS: Final = {
    "provider_request_id": "request_id",
    "status": "status_code http_status_code",
    "duration_ms": "duration_ms",
    "request_bytes": "tool_input_size_bytes",
    "response_bytes": "tool_result_size_bytes",
}
_NAMED: Final = """
    event_timestamp=event.timestamp api_provider=anthropic.provider custom_base_url=anthropic.custom_base_url
    request_body_id=request_body_id message_id=message.id message_uuid=message.uuid query_source=query_source
    query_source=query_source_safe speed=speed effort=effort cost_usd=cost_usd first_byte_ms=ttft_ms attempt=attempt
    total_attempts=total_attempts permission_mode=permission_mode decision=decision decision=decision_type
    decision_source=source decision_source=decision_source tool_name=tool_name tool_name=tool_name_safe
    tool_call_id=tool_use_id
    tool_source=tool_source mcp_server=mcp_server_name mcp_server=server_name tool=mcp_tool_name
    server_scope=server_scope server_scope=mcp_server_scope transport=transport_type connection=status
    prompt_length=prompt_length prompt_length=user_prompt_length response_length=response_length
    body_length=body_length finish_reason=stop_reason error_code=error_code skill=skill.name plugin=plugin.name
    hook=hook_name hook_event=hook_event organization_id=organization.id success=success
    parent_agent_id=parent_agent_id agent_id=agent_id span_type=span.type
"""
_TOKENS: Final = """
    input=input_tokens output=output_tokens cache_read=cache_read_tokens cache_creation=cache_creation_tokens
    cache_creation_5m=cache_creation_5m_tokens cache_creation_1h=cache_creation_1h_tokens total=total_tokens
"""
_SPECIAL: Final = (
    "body body_truncated body_withheld prompt prompt_text user_prompt response tool_input tool_parameters"
    " model system_prompt"
)


def _pairs(kind: Kind, text: str) -> dict[str, Rule]:
    return {wire: Rule(kind, name, 1) for name, _, wire in (pair.partition("=") for pair in text.split())}


CLAUDE_RULES: Final[Mapping[str, Rule]] = {
    **RULES,
    **{wire: Rule(Kind.FIELD, name) for name, wires in _FIELDS.items() for wire in wires.split()},
    **_pairs(Kind.NAMED, _NAMED),
    **_pairs(Kind.TOKENS, _TOKENS),
    **{name: Rule(Kind.SPECIAL, name) for name in _SPECIAL.split()},
    "model": Rule(Kind.FIELD, "model", 1),
}
"""By name on the wire, for what Claude Code sends."""
