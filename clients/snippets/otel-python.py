from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url = "{endpoint}/v1/traces"
headers = {"Authorization": "Bearer {token}"}
provider = TracerProvider()
# Few spans a request: many large ones together would be refused.
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url, headers=headers), max_export_batch_size=8))
trace.set_tracer_provider(provider)

with trace.get_tracer("my-agent").start_as_current_span("POST", kind=trace.SpanKind.CLIENT) as span:
    span.set_attribute("http.request.method", "POST")
    span.set_attribute("url.full", "https://api.stripe.com/v1/charges")
    span.set_attribute("http.response.status_code", 200)
provider.shutdown()
