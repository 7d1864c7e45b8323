"""Spans and logs of an instrumented agent, by OpenTelemetry's SDK and its OTLP/HTTP exporter.

Where they go is in OTEL_EXPORTER_OTLP_*. Argument: a JSON object with `prompt`, `system`, `reply`, `tool_argument`,
`tool_result`, `error`, `secret`, `model`, `conversation`. The spans are those that the GenAI and HTTP conventions
describe, new names and old ones.
"""

import json
import logging
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

WHAT: dict[str, Any] = json.loads(sys.argv[1])


def spans(tracer: trace.Tracer, log: logging.Logger) -> None:
    """One workflow: an agent, a chat, a tool with an HTTP call in it, a throttled call, one of the old names."""
    user = [{"role": "user", "parts": [{"type": "text", "content": WHAT["prompt"]}]}]
    says = [{"role": "assistant", "parts": [{"type": "text", "content": WHAT["reply"]}], "finish_reason": "stop"}]
    with tracer.start_as_current_span("invoke_agent Concierge") as agent:
        agent.set_attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "Concierge",
                "gen_ai.agent.id": "agent_7",
                "gen_ai.conversation.id": WHAT["conversation"],
                "gen_ai.provider.name": "openai",
                "user.id": "u_77",
            }
        )
        with tracer.start_as_current_span(f"chat {WHAT['model']}", kind=trace.SpanKind.CLIENT) as chat:
            chat.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.conversation.id": WHAT["conversation"],
                    "gen_ai.request.model": WHAT["model"],
                    "gen_ai.response.model": WHAT["model"],
                    "gen_ai.response.id": "chatcmpl-1",
                    "gen_ai.response.finish_reasons": ["tool_call"],
                    "gen_ai.usage.input_tokens": 21,
                    "gen_ai.usage.output_tokens": 7,
                    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": WHAT["system"]}]),
                    "gen_ai.input.messages": json.dumps(user),
                    "gen_ai.output.messages": json.dumps(says),
                    "server.address": "api.openai.com",
                    "server.port": 443,
                }
            )
            log.info("%s %s", WHAT["prompt"], WHAT["secret"], extra={"event.name": "gen_ai.user.message"})
        with tracer.start_as_current_span("execute_tool look_up_order") as tool:
            tool.set_attributes(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "look_up_order",
                    "gen_ai.tool.call.id": "call_1",
                    "gen_ai.tool.type": "function",
                    "gen_ai.tool.call.arguments": json.dumps(
                        {"order": WHAT["tool_argument"], "api_key": WHAT["secret"]}
                    ),
                    "gen_ai.tool.call.result": WHAT["tool_result"],
                }
            )
            with tracer.start_as_current_span("GET", kind=trace.SpanKind.CLIENT) as http:
                http.set_attributes(
                    {
                        "http.request.method": "GET",
                        "url.full": f"https://api.example.com/orders/7?token={WHAT['secret']}",
                        "server.address": "api.example.com",
                        "server.port": 443,
                        "http.response.status_code": 200,
                        "http.request.header.authorization": [f"Bearer {WHAT['secret']}"],
                        "http.response.body.size": 512,
                    }
                )
        with tracer.start_as_current_span("POST", kind=trace.SpanKind.CLIENT) as throttled:
            throttled.set_attributes(
                {
                    "http.method": "POST",
                    "http.url": "https://api.example.com/v1/charges",
                    "net.peer.name": "api.example.com",
                    "http.status_code": 429,
                }
            )
            throttled.set_status(trace.StatusCode.ERROR, f"{WHAT['error']} {WHAT['secret']}")
        with tracer.start_as_current_span(f"chat {WHAT['model']}", kind=trace.SpanKind.CLIENT) as old:
            old.set_attributes(
                {
                    "gen_ai.system": "anthropic",
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": WHAT["model"],
                    "gen_ai.usage.prompt_tokens": 5,
                    "gen_ai.usage.completion_tokens": 6,
                    "gen_ai.prompt": WHAT["prompt"],
                    "gen_ai.completion": WHAT["reply"],
                }
            )
            old.add_event("gen_ai.user.message", {"content": WHAT["prompt"], "gen_ai.system": "anthropic"})
            old.record_exception(RuntimeError(f"{WHAT['error']} {WHAT['secret']}"))
            old.set_attribute("error.type", "RuntimeError")
            old.set_status(trace.StatusCode.ERROR, WHAT["error"])


def main() -> None:
    """Export spans and logs, and wait until they are gone."""
    resource = Resource.create(
        {"service.name": "concierge", "service.version": "1.4.0", "service.instance.id": "deploy-3"}
    )
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logs)
    log = logging.getLogger("concierge")
    log.setLevel(logging.INFO)
    log.addHandler(LoggingHandler(logger_provider=logs))
    spans(traces.get_tracer("concierge", "1.4.0"), log)
    traces.shutdown()
    logs.shutdown()


main()
