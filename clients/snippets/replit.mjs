import { createAuditLog } from "./audit-log.mjs";

const log = createAuditLog({ endpoint: "{endpoint}", token: "{token}" });
const call = { method: "POST", body: "amount=1250" };
const answer = await log.fetchWithLog("https://api.stripe.com/v1/charges", call, { userId: "u_12345" });
console.log(answer.status, await answer.text());
await log.close();
