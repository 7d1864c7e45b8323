import { createAuditLog } from "./audit-log.mjs";

const log = createAuditLog({ endpoint: "{endpoint}", token: "{token}" });
const call = { method: "POST", body: "amount=1250" };
// Each run is a workflow of its own. Give your own ids instead: { userId, correlationId }.
const about = { correlationId: crypto.randomUUID() };
const answer = await log.fetchWithLog("https://api.stripe.com/v1/charges", call, about);
console.log(answer.status, await answer.text());
await log.close();
