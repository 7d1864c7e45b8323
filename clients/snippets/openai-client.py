from audit_log_client import AuditLog
from openai import OpenAI

log = AuditLog("{endpoint}", "{token}")
client = OpenAI(http_client=log.http_client())

with log.user("u_12345"), log.correlation("c9f8e7"):
    answer = client.responses.create(model="gpt-5-mini", input="Say hello.")
print(answer.output_text)
