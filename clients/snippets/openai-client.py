import uuid

from audit_log_client import AuditLog
from openai import OpenAI

log = AuditLog("{endpoint}", "{token}")
client = OpenAI(http_client=log.http_client())

# Each run is a workflow of its own. Give your own id instead, and with log.user() the user whom the call is for.
with log.correlation(str(uuid.uuid4())):
    answer = client.responses.create(model="gpt-5-mini", input="Say hello.")
print(answer.output_text)
