/**
 * Calls through `fetchWithLog`. Argument: a JSON object with `client` (the file's URL), `endpoint`, `token`, `user`,
 * `correlation`, `flush_ms`, and `calls`, each with `url`, `key`, `body`, `stream`, `timeout_ms`. Prints how each call
 * ended and whether all was sent.
 */

const what = JSON.parse(process.argv[2]);
const { createAuditLog } = await import(what.client);
const made = { agentId: 'replit-agent', agentVersion: '1.4.0', deploymentId: 'deploy-3' };
const log = createAuditLog({ endpoint: what.endpoint, token: what.token });

async function one(call) {
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${call.key}` },
    body: JSON.stringify(call.body),
    signal: AbortSignal.timeout(call.timeout_ms),
  };
  const context = { userId: what.user, correlationId: what.correlation, sessionId: 's_1', ...made };
  try {
    const answer = await log.fetchWithLog(call.url, options, context);
    if (!call.stream) return `${answer.status} ${(await answer.text()).length > 0}`;
    let chunks = 0;
    for await (const _ of answer.body) chunks += 1;
    return `${answer.status} ${chunks > 0}`;
  } catch (error) {
    return error.name;
  }
}

const endings = [];
for (const call of what.calls) endings.push(await one(call));
const sent = await log.close(what.flush_ms);
console.log(JSON.stringify({ endings, sent }));
