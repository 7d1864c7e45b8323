/**
 * An agent whose endpoint may be away: records calls by hand, waits a little, and ends. Argument: a JSON object with
 * `client` (the file's URL), `endpoint`, `token`, `names` (of calls), `flush_seconds`. Prints whether all was sent.
 */

const what = JSON.parse(process.argv[2]);
const { createAuditLog } = await import(what.client);
const log = createAuditLog({ endpoint: what.endpoint, token: what.token });
for (const name of what.names) {
  log.record({ endpoint: `https://api.example.com/${name}`, method: 'POST', status: 200, request: { name } });
}
const sent = await log.close(what.flush_seconds * 1000);
console.log(JSON.stringify({ sent }));
