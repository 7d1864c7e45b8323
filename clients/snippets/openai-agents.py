from agents import Agent, Runner
from audit_log_client import AuditLog
from audit_log_client.openai_agents import export_traces

log = AuditLog("{endpoint}", "{token}")
export_traces(log)

agent = Agent(name="Greeter", instructions="Answer in one sentence.", model="gpt-5-mini")
print(Runner.run_sync(agent, "Say hello.").final_output)
