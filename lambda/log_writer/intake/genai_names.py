"""What OpenTelemetry's attribute names mean to a record: one table.

Names are those of the semantic conventions, current and older, for generative AI, HTTP, RPC, MCP, databases, messages
and resources (https://opentelemetry.io/docs/specs/semconv/, https://github.com/open-telemetry/semantic-conventions-genai),
and what instrumentation in wide use sends in their place. A name that is not here is kept as metadata of an unknown
name: name, type, size and digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple


class Kind(Enum):
    """What becomes of an attribute's value."""

    FIELD = auto()  # a field of the record
    NAMED = auto()  # an attribute of the record, under a name of ours
    TOKENS = auto()  # one of the token counts
    USAGE = auto()  # all of the token counts, as an object
    REQUEST = auto()  # content of the request: digested and dropped
    RESPONSE = auto()  # content of the response: digested and dropped
    ADDRESS = auto()  # a part of the endpoint
    SPECIAL = auto()  # looked at by name


class Rule(NamedTuple):
    """`rank`: of several names for one thing, the lowest wins; the others are kept as attributes."""

    kind: Kind
    name: str
    rank: int = 0


def _ranked(kind: Kind, table: Mapping[str, str]) -> dict[str, Rule]:
    """Rules from lines of wire names in order of preference, by what they become."""
    return {wire: Rule(kind, name, rank) for name, line in table.items() for rank, wire in enumerate(line.split())}


def _unranked(kind: Kind, names: str) -> dict[str, Rule]:
    return {wire: Rule(kind, wire) for wire in names.split()}


_FIELDS: Final = {
    "user_id": (
        "enduser.id user.account_uuid user.account_id user.id user.email enduser.pseudo.id user.name langfuse.user.id"
        " traceloop.association.properties.user_id ai.telemetry.metadata.userId langsmith.metadata.user_id"
        " mastra.metadata.userId gen_ai.user llm.user"
    ),
    "session_id": (
        "session.id gen_ai.conversation.id mcp.session.id langfuse.session.id"
        " traceloop.association.properties.session_id traceloop.association.properties.thread_id"
        " ai.telemetry.metadata.sessionId langsmith.metadata.session_id langsmith.metadata.conversation_id"
        " langsmith.metadata.thread_id mastra.metadata.sessionId mastra.metadata.threadId"
        " gcp.vertex.agent.session_id spring.ai.chat.client.conversation.id conversation.id"
    ),
    "agent_name": "gen_ai.agent.name agent.name service.name",
    "agent_version": "gen_ai.agent.version app.version service.version",
    "deployment_id": "deployment.id service.instance.id k8s.pod.uid faas.instance container.id",
    "correlation_id": "correlation_id correlation.id x-trace-id x-correlation-id",
    "model": (
        "gen_ai.request.model gen_ai.response.model llm.request.model llm.model_name ai.model.id embedding.model_name"
        " reranker.model_name langfuse.observation.model.name"
    ),
    "provider_request_id": "aws.request_id anthropic.request.id gen_ai.response.id ai.response.id",
    "status": "http.response.status_code http.status_code",
    "method": "http.request.method http.method http.request.method_original",
    "request_bytes": "http.request.body.size http.request_content_length http.request.size",
    "response_bytes": "http.response.body.size http.response_content_length http.response.size",
    "request_mime": "input.mime_type",
    "response_mime": "output.mime_type",
    "stream": (
        "gen_ai.request.stream gen_ai.is_streaming llm.is_streaming langsmith.request.streaming"
        " langsmith.metadata.stream"
    ),
}
_NAMED: Final = {
    # which, and how it hangs together
    "id": "log.record.uid",
    "event_name": "event.name",
    "event_id": "gcp.vertex.agent.event_id",
    "event_sequence": "event.sequence",
    "prompt_id": "prompt.id",
    "response_id": "gen_ai.response.id ai.response.id",
    "request_id": "jsonrpc.request.id",
    "span_type": (
        "span.type openinference.span.kind traceloop.span.kind langfuse.observation.type langsmith.span.kind"
        " mastra.span.type spring.ai.kind"
    ),
    "workflow_name": "gen_ai.workflow.name traceloop.workflow.name langfuse.trace.name",
    "prompt_name": "gen_ai.prompt.name traceloop.prompt.key langfuse.observation.prompt.name",
    "project": "openinference.project.name langsmith.trace.session_name",
    "tags": "tag.tags langfuse.trace.tags langsmith.span.tags ai.telemetry.metadata.tags mastra.tags logfire.tags",
    # where it ran
    "service_name": "service.name",
    "service_version": "service.version",
    "service_namespace": "service.namespace",
    "environment": "deployment.environment.name deployment.environment langfuse.environment",
    "release": "langfuse.release",
    "region": "cloud.region aws.region",
    "zone": "cloud.availability_zone",
    "platform": "cloud.platform",
    "host_name": "host.name",
    "arch": "host.arch",
    "os": "os.type",
    "os_version": "os.version",
    "function": "faas.name ai.telemetry.functionId traceloop.entity.name haystack.component.name",
    "sdk_name": "telemetry.sdk.name",
    "sdk_version": "telemetry.sdk.version",
    "language": "telemetry.sdk.language",
    "runtime": "process.runtime.name",
    "runtime_version": "process.runtime.version",
    "terminal": "terminal.type",
    "k8s_cluster": "k8s.cluster.name",
    "k8s_namespace": "k8s.namespace.name",
    "k8s_deployment": "k8s.deployment.name",
    "k8s_pod": "k8s.pod.name",
    "organization_id": "organization.id",
    # what was called
    "operation": "gen_ai.operation.name ai.operationId",
    "provider": (
        "gen_ai.provider.name gen_ai.system llm.provider llm.system ai.model.provider langsmith.metadata.ls_provider"
    ),
    "response_model": "gen_ai.response.model ai.response.model",
    "agent_id": "gen_ai.agent.id",
    "tool_name": (
        "gen_ai.tool.name ai.toolCall.name tool.name spring.ai.tool.definition.name haystack.tool.name"
        " tool_call.function.name"
    ),
    "tool_type": "gen_ai.tool.type",
    "tool_call_id": "gen_ai.tool.call.id ai.toolCall.id tool_call.id haystack.tool.call.id",
    "mcp_method": "mcp.method.name",
    "mcp_server": "mcp.server.name",
    "protocol_version": "mcp.protocol.version",
    "rpc_system": "rpc.system.name rpc.system",
    "rpc_service": "rpc.service",
    "rpc_method": "rpc.method",
    "rpc_status": "rpc.response.status_code rpc.grpc.status_code",
    "db_system": "db.system.name db.system",
    "db_operation": "db.operation.name db.operation",
    "db_namespace": "db.namespace db.name",
    "db_collection": "db.collection.name db.sql.table",
    "messaging_system": "messaging.system",
    "messaging_operation": "messaging.operation.name messaging.operation.type messaging.operation",
    "messaging_destination": "messaging.destination.name messaging.destination",
    "data_source_id": "gen_ai.data_source.id",
    "http_route": "http.route",
    "guardrail": "gen_ai.guardrail.component.name aws.bedrock.guardrail.id",
    "guardrail_verdict": "gen_ai.guardrail.verdict.type",
    "guardrail_action": "gen_ai.guardrail.action.type",
    "policy_id": "gen_ai.guardrail.security.policy.id",
    "rule": "gen_ai.guardrail.security.policy.rule.id",
    "risk_category": "gen_ai.guardrail.security.risk.category",
    # how it went
    "response_status": (
        "gen_ai.response.status openai.response.status gen_ai.openai.response.status llm.response.status"
    ),
    "severity": "langfuse.observation.level",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "finish_reason": (
        "ai.response.finishReason llm.finish_reason gen_ai.response.finish_reason llm.response.finish_reason"
        " llm.response.stop_reason anthropic.message.stop_reason gen_ai.completion.0.finish_reason"
    ),
    "first_byte_ms": "ai.response.msToFirstChunk gen_ai.server.time_to_first_token",
    "cost_usd": "gen_ai.usage.cost operation.cost llm.cost.total",
    "error_type": "error.type exception.type",
    "retries": "http.request.resend_count",
    # how a model was asked
    "temperature": "gen_ai.request.temperature ai.settings.temperature langsmith.metadata.ls_temperature",
    "top_p": "gen_ai.request.top_p ai.settings.topP",
    "top_k": "gen_ai.request.top_k ai.settings.topK",
    "max_tokens": (
        "gen_ai.request.max_tokens ai.settings.maxOutputTokens ai.settings.maxTokens langsmith.metadata.ls_max_tokens"
    ),
    "seed": "gen_ai.request.seed gen_ai.openai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "choice_count": "gen_ai.request.choice.count",
    "output_type": "gen_ai.output.type",
    "service_tier": "openai.response.service_tier openai.request.service_tier",
}
_TOKENS: Final = {
    "input": (
        "gen_ai.usage.input_tokens gen_ai.usage.prompt_tokens llm.usage.prompt_tokens llm.token_count.prompt"
        " ai.usage.inputTokens ai.usage.promptTokens ai.usage.tokens input_token_count"
    ),
    "output": (
        "gen_ai.usage.output_tokens gen_ai.usage.completion_tokens llm.usage.completion_tokens"
        " llm.token_count.completion ai.usage.outputTokens ai.usage.completionTokens output_token_count"
    ),
    "total": (
        "gen_ai.usage.total_tokens llm.usage.total_tokens llm.token_count.total ai.usage.totalTokens total_token_count"
    ),
    "cache_read": (
        "gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_read_input_tokens"
        " llm.usage.cache_read_input_tokens llm.token_count.prompt_details.cache_read ai.usage.cachedInputTokens"
        " ai.usage.inputTokenDetails.cacheReadTokens gen_ai.usage.details.cache_read_tokens"
        " cached_content_token_count cached_token_count"
    ),
    "cache_creation": (
        "gen_ai.usage.cache_creation.input_tokens gen_ai.usage.cache_creation_input_tokens"
        " gen_ai.usage.cache_write.input_tokens gen_ai.usage.cache_write_input_tokens"
        " llm.usage.cache_creation_input_tokens llm.token_count.prompt_details.cache_write"
        " ai.usage.inputTokenDetails.cacheWriteTokens gen_ai.usage.details.cache_write_tokens"
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens gen_ai.usage.reasoning_tokens"
        " llm.usage.reasoning_tokens llm.token_count.completion_details.reasoning ai.usage.reasoningTokens"
        " ai.usage.outputTokenDetails.reasoningTokens gen_ai.usage.details.reasoning_tokens"
        " thoughts_token_count reasoning_token_count"
    ),
    "input_text": "gen_ai.usage.text.input_tokens",
    "output_text": "gen_ai.usage.text.output_tokens ai.usage.outputTokenDetails.textTokens",
    "input_audio": (
        "gen_ai.usage.audio.input_tokens gen_ai.usage.audio_input_tokens llm.token_count.prompt_details.audio"
    ),
    "output_audio": (
        "gen_ai.usage.audio.output_tokens gen_ai.usage.audio_output_tokens llm.token_count.completion_details.audio"
    ),
    "input_image": "gen_ai.usage.image.input_tokens",
    "input_video": "gen_ai.usage.video.input_tokens",
}
_USAGE: Final = {
    "usage": (
        "langfuse.observation.usage_details langsmith.metadata.usage_metadata gen_ai.usage.raw gen_ai.usage llm.usage"
        " usageMetadata usage_metadata"
    )
}
USAGE_FAMILIES: Final = ("gen_ai.usage.", "llm.usage.", "ai.usage.")
"""How the names of token counts begin, also of counts that are not in the table."""
_ADDRESS: Final = {
    "url": "url.full http.url gen_ai.openai.api_base openai.api_base",
    "host": "server.address http.host net.peer.name",
    "port": "server.port net.peer.port",
    "path": "url.path http.target",
    "scheme": "url.scheme http.scheme",
    "query": "url.query",
}
_REQUEST: Final = """
    gen_ai.input.messages gen_ai.system_instructions gen_ai.tool.definitions gen_ai.prompt gen_ai.tool.call.arguments
    gen_ai.retrieval.query.text gen_ai.memory.query.text gen_ai.guardrail.security.content.input.value
    input.value llm.prompts ai.prompt ai.prompt.messages ai.prompt.tools ai.toolCall.args ai.value ai.values
    traceloop.entity.input crewai.task.description langfuse.observation.input langfuse.trace.input request_data
    all_messages_events pydantic_ai.all_messages tool_arguments gcp.vertex.agent.llm_request gcp.vertex.agent.data
    gcp.vertex.agent.tool_call_args spring.ai.tool.call.arguments haystack.pipeline.input_data haystack.component.input
    haystack.agent.input haystack.agent.step.llm.input haystack.agent.step.tool.input mastra.agent_run.input
    mastra.model_generation.input mastra.model_step.input mastra.model_inference.input mastra.tool_call.input
    mastra.mcp_tool_call.input mastra.workflow_run.input mastra.workflow_step.input mastra.processor_run.input
"""
_RESPONSE: Final = """
    gen_ai.output.messages gen_ai.completion gen_ai.tool.call.result gen_ai.retrieval.documents gen_ai.memory.records
    gen_ai.guardrail.security.content.output.value output.value llm.completions ai.response.text ai.response.object
    ai.response.toolCalls ai.response.reasoning ai.toolCall.result ai.embedding ai.embeddings traceloop.entity.output
    crewai.crew.result langfuse.observation.output langfuse.trace.output response_data final_result tool_response
    gcp.vertex.agent.llm_response gcp.vertex.agent.tool_response spring.ai.tool.call.result
    haystack.pipeline.output_data haystack.component.output haystack.agent.output haystack.agent.step.llm.output
    haystack.agent.step.tool.output mastra.agent_run.output mastra.model_generation.output mastra.model_step.output
    mastra.model_inference.output mastra.model_chunk.output mastra.tool_call.output mastra.mcp_tool_call.output
    mastra.workflow_run.output mastra.workflow_step.output mastra.processor_run.output mastra.metadata.body
"""
FIRST_CHUNK_SECONDS: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")

RULES: Final[Mapping[str, Rule]] = {
    **_ranked(Kind.NAMED, _NAMED),
    **_ranked(Kind.FIELD, _FIELDS),  # a name in both is the field; where another name wins, the attribute
    **_ranked(Kind.TOKENS, _TOKENS),
    **_ranked(Kind.USAGE, _USAGE),
    **_ranked(Kind.ADDRESS, _ADDRESS),
    **_unranked(Kind.REQUEST, _REQUEST),
    **_unranked(Kind.RESPONSE, _RESPONSE),
    **{wire: Rule(Kind.SPECIAL, wire) for wire in FIRST_CHUNK_SECONDS},
}
"""By name on the wire."""

SPARE: Final[Mapping[str, str]] = {
    wire: rule.name for wire, rule in _ranked(Kind.NAMED, _NAMED).items() if RULES[wire].kind is Kind.FIELD
}
"""What a name that is usually a field is called as an attribute, where another name has taken the field."""

REQUEST_FAMILIES: Final = (
    "gen_ai.prompt.", "llm.input_messages.", "llm.prompts.", "llm.request.functions.", "llm.tools.",
    "reranker.input_documents.",
)  # fmt: skip
RESPONSE_FAMILIES: Final = (
    "gen_ai.completion.", "llm.output_messages.", "llm.completions.", "retrieval.documents.",
    "reranker.output_documents.", "embedding.embeddings.",
)  # fmt: skip
"""Content that was spread over attributes, one for each member of each message."""

REQUEST_HEADER: Final = (
    "http.request.header.", "rpc.request.metadata.", "rpc.grpc.request.metadata.", "ai.request.headers.",
)  # fmt: skip
RESPONSE_HEADER: Final = ("http.response.header.", "rpc.response.metadata.", "rpc.grpc.response.metadata.")
REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")

# Span events, and log records, that carry one message each.
REQUEST_EVENTS: Final = frozenset({
    "gen_ai.content.prompt", "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message",
    "gen_ai.tool.message",
})  # fmt: skip
RESPONSE_EVENTS: Final = frozenset({"gen_ai.content.completion", "gen_ai.choice"})
# One event for a whole call; some instrumentation puts into its body what the conventions have as attributes.
OPERATION_EVENTS: Final = frozenset({"gen_ai.client.inference.operation.details", "gen_ai.client.operation.exception"})
