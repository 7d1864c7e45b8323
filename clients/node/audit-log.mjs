/**
 * Logs every external call of an agent to an agent-audit-log endpoint. Node >= 20, no dependencies, one file to copy.
 *
 *     import { fetchWithLog } from './audit-log.mjs';   // AUDIT_LOG_ENDPOINT and AUDIT_LOG_TOKEN: in the environment
 *     const res = await fetchWithLog(url, options, { userId });
 *
 * Promises:
 * - The call is the same as without this file: same response, same errors. A fault in here is a warning.
 * - Payloads never leave the process, are never on disk and never in a message. The log keeps a digest, a size and a
 *   media type of each. Userinfo, query and fragment of addresses are dropped before anything is kept.
 * - A call does not wait for its logging: that is done as soon as the program has nothing else to do, and before it
 *   ends. Then the event is on disk (where there is one). It is sent until the endpoint stores it or refuses it for
 *   good, across restarts; sent twice, it is stored once. `kill -9` loses calls that were not logged or answered yet.
 * - The spool is bounded: beyond `maxSpoolBytes` new events are dropped, counted and reported.
 *
 * `docs/record.md` of agent-audit-log says what the fields mean.
 */

// Built by build.py from the modules in src/ of agent-audit-log's clients/node: change those.

import { AsyncLocalStorage } from 'node:async_hooks';
import { isUtf8 } from 'node:buffer';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';

// Tables of the log's core, and of what providers answer

const FIELDS_1 = new Set([
  'accesskey', 'accesskeyid', 'accesskeysecret', 'accesstoken', 'accesstokens', 'accountkey', 'accountnumber',
  'adminpassword', 'anthropicapikey', 'apikey', 'apikeys', 'apikeysecret', 'apisecret', 'apisecretkey', 'apitoken',
  'apitokens', 'appkey', 'applicationkey', 'appsecret', 'assertion', 'auth', 'authcode', 'authentication',
  'authenticationkey', 'authkey', 'authorization', 'authorizationcode', 'authsecret', 'authtoken', 'awsaccesskeyid',
  'awssecretaccesskey', 'awssessiontoken', 'azureopenaiapikey', 'backupcode', 'backupcodes', 'bankaccountnumber',
  'basicauth', 'bearer', 'bearertoken', 'bottoken', 'cardcvc', 'cardcvv', 'cardnumber', 'cardpin', 'cardsecuritycode',
  'clientassertion', 'clientsecret', 'codeverifier', 'cohereapikey', 'confirmpassword', 'connectionstring',
  'connectionstrings', 'connectionuri', 'consumersecret', 'cookie', 'cookies', 'credential', 'credentials',
  'creditcard', 'creditcardnumber', 'csrftoken', 'currentpassword', 'cvc', 'cvv', 'cvv2', 'databasepassword',
  'databaseuri', 'databaseurl', 'dbpass', 'dbpassword', 'dbpwd', 'ddapikey', 'ddapplicationkey', 'deploytoken',
  'devicetoken', 'discordtoken', 'dsn', 'encryptionkey', 'geminiapikey', 'githubtoken', 'gitlabtoken', 'googleapikey',
  'groqapikey', 'hftoken', 'hmackey', 'hmacsecret', 'huggingfacetoken', 'iban', 'idtoken', 'jobtoken', 'jwt',
  'licensekey', 'masterkey', 'masterpassword', 'mfacode', 'mfatoken', 'mistralapikey', 'mnemonic', 'mongodburi',
  'mysqlpassword', 'newpassword', 'npmtoken', 'oauthtoken', 'oauthtokensecret', 'ocpapimsubscriptionkey', 'oldpassword',
  'onetimecode', 'onetimepassword', 'openaiapikey', 'otp', 'otpcode', 'passcode', 'passphrase', 'passportnumber',
  'passwd', 'password', 'passwordconfirmation', 'passwordhash', 'passwords', 'passwordsalt', 'personalaccesstoken',
  'pgpassword', 'pgpkey', 'pin', 'postgresurl', 'privatekey', 'privatekeypassphrase', 'privatekeypem', 'privatetoken',
  'proxyauthorization', 'pwd', 'pypitoken', 'recoverycode', 'recoverycodes', 'recoveryphrase', 'redispassword',
  'redisurl', 'refreshtoken', 'registrationtoken', 'rootpassword', 'routingnumber', 'sastoken', 'secret',
  'secretaccesskey', 'secretkey', 'secrets', 'secretstring', 'secrettoken', 'secretvalue', 'securitycode',
  'securitytoken', 'seedphrase', 'sendgridapikey', 'serviceaccountkey', 'servicekey', 'sessioncookie', 'sessionkey',
  'sessiontoken', 'setcookie', 'sharedaccesskey', 'sharedaccesssignature', 'sharedkey', 'sharedsecret', 'signingkey',
  'signingsecret', 'slacktoken', 'smscode', 'smtppassword', 'socialsecuritynumber', 'sshkey', 'sshprivatekey', 'ssn',
  'storagekey', 'stripekey', 'stripesecretkey', 'subscriptionkey', 'telegrambottoken', 'token', 'totp', 'totpsecret',
  'twilioauthtoken', 'twofactorcode', 'userpassword', 'userpwd', 'usertoken', 'verificationcode', 'walletkey',
  'webhooksecret', 'wwwauthenticate', 'xaccesstoken', 'xamzsecuritytoken', 'xapikey', 'xapisecret', 'xapitoken',
  'xauthkey', 'xauthorization', 'xauthtoken', 'xcsrftoken', 'xfunctionskey', 'xgitlabtoken', 'xgoogapikey',
  'xrapidapikey', 'xrefreshtoken', 'xsessiontoken', 'xshopifyaccesstoken', 'xsrftoken', 'xusertoken', 'xvaulttoken',
  'xxsrftoken',
]);

const BLOCKED_REASONS = new Set([
  'blocked', 'blocklist', 'contentblocked', 'contentfilter', 'contentfiltered', 'contentpolicy',
  'contentpolicyviolation', 'errortoxic', 'guardrail', 'guardrailblocked', 'guardrailintervened',
  'imageprohibitedcontent', 'imagerecitation', 'imagesafety', 'jailbreak', 'modelarmor', 'moderation',
  'moderationblocked', 'policyviolation', 'prohibitedcontent', 'promptblocked', 'recitation', 'refusal', 'safety',
  'sensitive', 'spii',
]);

const FAILED_REASONS = new Set([
  'abort', 'aborted', 'cancel', 'canceled', 'cancelled', 'error', 'errorlimit', 'exception', 'failed', 'failure',
  'insufficientsystemresource', 'internalerror', 'malformedfunctioncall', 'malformedmodeloutput', 'malformedresponse',
  'malformedtoolcall', 'malformedtooluse', 'missingthoughtsignature', 'modelerror', 'networkerror', 'servererror',
  'timeout', 'toomanytoolcalls', 'unexpectedtoolcall', 'usercancel',
]);

const ANSWERS = {
  request_id_headers: ["x-request-id", "request-id", "x-amzn-requestid", "x-amz-request-id", "apim-request-id", "x-ms-request-id", "x-goog-request-id", "x-github-request-id", "x-correlation-id", "cf-ray"],
  counts: {"input": ["input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens", "inputTokenCount"], "output": ["output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens", "outputTokenCount"], "total": ["total_tokens", "totalTokenCount", "totalTokens"], "cache_read": ["cache_read_input_tokens", "cachedContentTokenCount", "cacheReadInputTokens", "prompt_cache_hit_tokens"], "cache_creation": ["cache_creation_input_tokens", "cacheWriteInputTokens"], "reasoning": ["thoughtsTokenCount"]},
  details: {"cache_read": {"parents": ["prompt_tokens_details", "input_tokens_details"], "name": "cached_tokens"}, "reasoning": {"parents": ["completion_tokens_details", "output_tokens_details"], "name": "reasoning_tokens"}},
  ollama: {"input": "prompt_eval_count", "output": "eval_count"},
  usages: ["usage", "usageMetadata", "usage_metadata", "amazon-bedrock-invocationMetrics"],
  inner: ["message", "response", "delta", "meta", "result"],
  ended: ["message", "delta", "response", "promptFeedback", "messageStop"],
  reasons: ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason", "blockReason"],
  throttled_code: ".*(?:ratelimit|throttl|toomanyrequests|quotaexceeded|requestlimitexceeded|usagelimitreached|throughputexceeded).*|.*resourceexhausted(?:error|exception)?|insufficientquota|slowdown|429",
  telling: "\"(?:usage|usageMetadata|error|errors|isError|message_st[a-z]+|message-end|stream-end|done|is_finished|response\\.(?:created|completed|failed|incomplete|cancelled)|(?:finish_reason|finishReason|stop_reason|stopReason)\"\\s*:\\s*\"|blockReason)",
  line_types: ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json", "application/json-seq"],
  first_events: ["message_start", "response.created", "message-start"],
  last_events: ["message_stop", "response.completed", "response.failed", "response.incomplete", "response.cancelled", "message-end", "error"],
};

// text.mjs

/** Small helpers: text that a record may hold, JSON, addresses, time. */


const CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A text that a record's field may hold, or undefined. */
function plainText(value, most = 256) {
  return typeof value === 'string' && value !== '' && value.length <= most && !CONTROL.test(value) ? value : undefined;
}

/** An id as the text of a record: a number becomes its decimal text. */
function idText(id) {
  if (typeof id === 'bigint' || Number.isInteger(id)) return BigInt(id).toString();
  return Number.isFinite(id) ? String(id) : id;
}

/** An identifier such as a model's name or an error's code; undefined for anything that may be prose. */
function plainName(value) {
  return typeof value === 'string' && /^[A-Za-z0-9][\w.:/@-]{0,127}$/.test(value) ? value : undefined;
}

/** Whether a value is a JSON object. */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; the text itself when it is not JSON. */
function tryJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An event as JSON, without the members that JSON cannot hold. */
function jsonOf(event) {
  try {
    return JSON.stringify(event);
  } catch {
    const kept = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => isJson(value)));
    return JSON.stringify({ ...kept(event), attributes: kept(event.attributes ?? {}) });
  }
}

function isJson(value) {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false; // a bigint, or a circle
  }
}

/** The address of a call, without userinfo, query and fragment. */
function cleanEndpoint(text, domainOnly = false) {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.host === '') return url.protocol;
  return domainOnly ? url.hostname : `${url.protocol}//${url.host}${url.pathname}`;
}

/** The media type of a Content-Type header, without its parameters. */
function mediaType(contentType) {
  return plainText(contentType?.split(';', 1)[0].trim().toLowerCase(), 255);
}

/** The milliseconds that a Retry-After header asks for. */
function retryAfter(text) {
  if (!text) return undefined;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : undefined;
}

/** The result of `work`, or undefined when that takes longer than `ms`. */
function within(work, ms) {
  const timer = new AbortController();
  return Promise.race([work, pause(ms, undefined, { signal: timer.signal })]).finally(() => timer.abort());
}

/** Whether a body is a buffer. */
function isBytes(body) {
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof SharedArrayBuffer;
}

/** A body that is there as a whole, as bytes. Shares memory with a buffer. */
function bytesOf(body) {
  if (!isBytes(body)) return Buffer.from(String(body ?? ''));
  return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : new Uint8Array(body);
}

// shape.mjs

/** Whether bytes that arrive piece by piece can still be one JSON document. A "no" is final and right. */

const isSpace = (byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
const isMark = (byte) => byte === 0xef || byte === 0xbb || byte === 0xbf; // of a byte order mark

/** Where the first byte is that is neither white space nor of a byte order mark. */
function firstOf(bytes) {
  let at = 0;
  while (at < bytes.length && (isSpace(bytes[at]) || isMark(bytes[at]))) at += 1;
  return at;
}

class JsonShape {
  state = 'before'; // then one of: opened, inside, word, after, wide, not
  skipped = false;
  depth = 0;
  deepest = 0;
  inString = false;
  escaped = false;
  isContainer = false;

  get mayBeJson() {
    return this.state !== 'not';
  }

  get mayHoldFields() {
    return this.mayBeJson && (this.isContainer || this.state === 'before');
  }

  feed(bytes) {
    let at = 0;
    if (this.state === 'before') {
      at = firstOf(bytes);
      this.skipped ||= at > 0;
      if (at === bytes.length) return;
      at += this.begin(String.fromCharCode(bytes[at]));
    }
    // A zero byte second is UTF-16: what looks like a bracket or a quote there need not be one.
    if (this.state === 'opened' && at < bytes.length) this.state = bytes[at] === 0 ? 'wide' : 'inside';
    if (this.state === 'inside') at = this.follow(bytes, at);
    else if (this.state === 'word') {
      while (at < bytes.length && '-+.0123456789eEtrufalsn'.includes(String.fromCharCode(bytes[at]))) at += 1;
      if (at < bytes.length) this.state = 'after';
    }
    if (this.state === 'after') {
      while (isSpace(bytes[at])) at += 1;
      if (at < bytes.length) this.state = 'not';
    }
  }

  /** Look at the first character that counts. Returns how many are done. */
  begin(first) {
    this.isContainer = first === '{' || first === '[';
    this.depth = this.isContainer ? 1 : 0;
    if (this.isContainer) this.state = this.skipped ? 'inside' : 'opened';
    else this.state = first === '"' ? 'inside' : '-0123456789tfn'.includes(first) ? 'word' : 'not';
    return this.depth;
  }

  /** Follow strings and brackets. Returns where to go on. */
  follow(bytes, start) {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const inside = /["\\]/g;
    const outside = /["[\]{}]/g;
    for (let at = start; ; ) {
      if (this.escaped && at < text.length) {
        this.escaped = false;
        at += 1;
      }
      const mark = this.inString ? inside : outside;
      mark.lastIndex = at;
      if (this.escaped || !mark.test(text)) return text.length;
      at = mark.lastIndex;
      const found = text[at - 1];
      if (found === '\\') this.escaped = true;
      else if (found === '"') this.inString = !this.inString;
      else this.depth += found === '{' || found === '[' ? 1 : -1;
      this.deepest = Math.max(this.deepest, this.depth);
      if (this.depth > 0 || this.inString) continue;
      this.state = 'after';
      return at;
    }
  }
}

// json.mjs

/** One JSON text, read strictly, and its RFC 8785 form without the values of secret fields. */


const PLACEHOLDER = '***REDACTED***';
const MAX_DEPTH = 128;
/** A lenient decoder that gives up at this depth has read an object or an array until then. */
const LENIENT_DEPTH = 900;

/** Why a payload that looks like JSON has no digest. Its message holds none of the payload. */
class Undigestible extends Error {}

/**
 * The value of a JSON text, and the form that is digested. Throws `Undigestible` for a key twice, a lone surrogate, a
 * number beyond a double and more than 128 levels.
 */
function decodeJson(bytes) {
  let text, value;
  try {
    if (!isUtf8(bytes)) throw new SyntaxError();
    text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    value = JSON.parse(text);
  } catch {
    throw new Undigestible('is not JSON');
  }
  const walk = { maySurrogate: /\\u[dD][89a-fA-F]/.test(text), hiddenColons: 0 };
  const form = digestForm(value, walk, 0);
  // JSON.parse keeps the last of two equal keys, so that a colon is missing from what it read.
  let colons = count(text, ':');
  if (text.includes('\\u003')) colons += text.replaceAll('\\\\', '').match(/\\u003a/gi)?.length ?? 0;
  if (colons !== count(form, ':') + walk.hiddenColons) throw new Undigestible('has an object with the same key twice');
  return { value, form };
}

/** RFC 8785. A secret value is checked like any other; only its colons are kept, for the count above. */
function digestForm(value, walk, depth) {
  if (typeof value === 'string') return writtenText(value, walk);
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Undigestible('is not JSON');
    return String(value);
  }
  if (depth >= MAX_DEPTH) throw new Undigestible('is nested too deep');
  let form = '';
  if (Array.isArray(value)) {
    for (const item of value) form += `${form === '' ? '[' : ','}${digestForm(item, walk, depth + 1)}`;
    return form === '' ? '[]' : `${form}]`;
  }
  const keys = Object.keys(value);
  if (keys.some((key, at) => at > 0 && keys[at - 1] > key)) keys.sort();
  for (const key of keys) {
    const { written, isSecret } = knownName(key, walk);
    let inner = digestForm(value[key], walk, depth + 1);
    if (isSecret) {
      walk.hiddenColons += count(inner, ':');
      inner = `"${PLACEHOLDER}"`;
    }
    form += (form === '' ? '{' : ',') + written + inner;
  }
  return form === '' ? '{}' : `${form}}`;
}

function writtenText(text, walk) {
  if (walk.maySurrogate && /\p{Surrogate}/u.test(text)) throw new Undigestible('is not JSON');
  return JSON.stringify(text);
}

const knownNames = new Map();

/** A key as it is written, and whether its value stays out of a digest. */
function knownName(name, walk) {
  let known = knownNames.get(name);
  if (known === undefined) {
    const folded = name.replace(/[-_. ]/g, '').replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    known = { written: `${writtenText(name, walk)}:`, isSecret: FIELDS_1.has(folded) };
    if (name.length > 64) return known;
    if (knownNames.size >= 4096) knownNames.clear();
    knownNames.set(name, known);
  }
  return known;
}

function count(text, mark) {
  let found = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + 1)) found += 1;
  return found;
}

/** Whether a decoder less strict than ours would find an object or an array. */
function isLooseJson(bytes) {
  const first = bytes[firstOf(bytes)];
  if (first !== 0x7b && first !== 0x5b) return false; // neither { nor [
  const encodings = bytes[1] === 0 ? ['utf-8', 'utf-16le'] : ['utf-8'];
  return encodings.some((encoding) => isLooseText(new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes)));
}

/** Such a decoder takes NaN, infinities, and control characters in strings. */
function isLooseText(text) {
  const content = text.replace(/^[ \t\r\n\ufeff]+/, '');
  let strict = content.replace(/[\t\r\n]/g, ' ').replace(/[\x00-\x1f]/g, 'x');
  if (/NaN|Infinity/.test(strict)) strict = withoutConstants(strict);
  try {
    JSON.parse(strict);
    return true;
  } catch {
    const shape = new JsonShape();
    shape.feed(Buffer.from(content));
    return shape.deepest > LENIENT_DEPTH;
  }
}

/** A JSON text with null in place of NaN and infinities outside of strings, in linear time. */
function withoutConstants(text) {
  const parts = text.replace(/\\[^]/g, 'xx').split('"');
  let plain = '';
  let at = 0;
  parts.forEach((part, index) => {
    const piece = text.slice(at, at + part.length);
    plain += (index % 2 === 0 ? piece.replace(/-?Infinity|NaN/g, 'null') : piece) + (index < parts.length - 1 ? '"' : '');
    at += part.length + 1;
  });
  return plain;
}

// digest.mjs

/** Digests of payloads, the same as the writer's. tests/vectors/digests.json proves it. */


const JSON_MIME = 'application/json';
/** In bytes. A longer payload is not read as JSON. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;
const TOO_LARGE = `is larger than ${MAX_JSON_BYTES} bytes, and may be JSON`;
const MAX_CHUNK_DIGESTS = 128;
/** In bytes. Without a key, the content of a shorter body can be guessed from its digest. */
const GUESSABLE = 1024;

/**
 * @typedef {object} DigestKey  For `hmac-sha256` digests.
 * @property {string} id  names the key in records
 * @property {Uint8Array} key  at least 32 bytes
 */

/**
 * @typedef {object} PayloadDigest
 * @property {string | null} digest  null when `undigestible` says why there is none
 * @property {number} size  in bytes
 * @property {string} mime
 * @property {string} [undigestible]
 * @property {unknown} [value]  the decoded value of a JSON payload
 */

/** A running SHA-256 or HMAC-SHA-256. (The intermediate value of Node's own HMAC cannot be read.) */
class RunningDigest {
  constructor(key) {
    this.prefix = 'sha256:';
    this.hash = createHash('sha256');
    if (key === undefined) return;
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(key.id) || !(key.key instanceof Uint8Array) || key.key.length < 32) {
      throw new TypeError('a digest key has an id of letters, digits, dots, dashes, underscores, and 32 bytes or more');
    }
    this.prefix = `hmac-sha256:${key.id}:`;
    const block = Buffer.alloc(64);
    block.set(key.key.length > 64 ? createHash('sha256').update(key.key).digest() : key.key);
    this.outer = block.map((byte) => byte ^ 0x5c);
    this.hash.update(block.map((byte) => byte ^ 0x36));
  }

  update(data) {
    this.hash.update(data);
    return this;
  }

  /** The digest of the data so far. */
  text() {
    const inner = this.hash.copy();
    if (this.outer === undefined) return this.prefix + inner.digest('hex');
    return this.prefix + createHash('sha256').update(this.outer).update(inner.digest()).digest('hex');
  }
}

/**
 * The digest of a payload: of the canonical form of JSON, of the bytes of anything else. Ambiguous JSON has no digest: a
 * digest of its bytes would hold the secret fields. `text`: the payload was sent as text.
 * @param {Uint8Array} bytes @param {{ key?: DigestKey, text?: boolean }} [options] @returns {PayloadDigest}
 */
export function digestPayload(bytes, options) {
  const digest = new StreamDigest(options);
  digest.add(bytes);
  return digest.finish();
}

/**
 * Digests one body, chunk by chunk. No chunk is digested alone: a chunk's digest is that of the body up to its end, and
 * there is none within a JSON document, nor, without a key, in the first 1,024 bytes. Only what may still be one JSON
 * document is held.
 */
export class StreamDigest {
  /** @param {{ key?: DigestKey, text?: boolean }} [options] */
  constructor(options = {}) {
    this.options = options;
    this.running = new RunningDigest(options.key);
    this.shape = new JsonShape(); // null once the body cannot be JSON, or is too large
    this.held = [];
    this.tooLarge = false;
    this.size = 0;
    this.chunks = 0;
    this.chunkEvery = 1;
    this.chunkDigests = [];
  }

  /** Take the next chunk, which nobody may change from now on. Empty chunks do not count. */
  add(chunk) {
    if (chunk.length === 0) return;
    const room = Math.max(0, MAX_JSON_BYTES - this.size);
    this.size += chunk.length;
    this.chunks += 1;
    if (this.shape !== null) this.hold(chunk, room);
    else if (!this.tooLarge) this.running.update(chunk);
    if (this.chunks % this.chunkEvery !== 0) return;
    const guessable = this.options.key === undefined && this.size < GUESSABLE;
    this.chunkDigests.push(this.shape !== null || this.tooLarge || guessable ? null : this.running.text());
    if (this.chunkDigests.length > MAX_CHUNK_DIGESTS) {
      this.chunkDigests = this.chunkDigests.filter((_, index) => index % 2 === 1);
      this.chunkEvery *= 2;
    }
  }

  /** Hold a chunk for as long as the body may be JSON. `room`: the bytes that are still read as JSON. */
  hold(chunk, room) {
    this.held.push(chunk);
    this.shape.feed(chunk.subarray(0, room));
    if (this.shape.mayBeJson && this.size <= MAX_JSON_BYTES) return;
    this.tooLarge = this.shape.mayHoldFields;
    if (!this.tooLarge) for (const held of this.held) this.running.update(held);
    this.held = [];
    this.shape = null;
  }

  /** The digest of the whole body. Call it once, at the end. @returns {PayloadDigest} */
  finish() {
    const { size, options } = this;
    const undigested = (undigestible) => ({ digest: null, size, mime: JSON_MIME, undigestible });
    if (this.tooLarge) return undigested(TOO_LARGE);
    if (this.shape !== null) {
      const whole = this.held.length === 1 ? this.held[0] : Buffer.concat(this.held);
      this.held = [];
      try {
        const { value, form } = decodeJson(whole);
        return { digest: new RunningDigest(options.key).update(form).text(), size, mime: JSON_MIME, value };
      } catch (error) {
        if (!(error instanceof Undigestible)) throw error;
        if (isLooseJson(whole)) return undigested(error.message);
      }
      this.running.update(whole);
    }
    return { digest: this.running.text(), size, mime: options.text ? 'text/plain' : 'application/octet-stream' };
  }
}

// answers.mjs

/** What the answer of a model or a tool reports about itself. `outcome` is never success: that follows from the status. */


const BLOCKED = 'policy-blocked';
const THROTTLED_CODE = new RegExp(`^(?:${ANSWERS.throttled_code})$`);
const TELLING = new RegExp(ANSWERS.telling);
const ERROR_CODE = /^(?:[A-Za-z][A-Za-z_.-]{1,63}|[1-9][0-9]{2})$/;
const SSE = 'text/event-stream';
const AWS_STREAM = 'application/vnd.amazon.eventstream';
/** Media types of streams whose events are read. */
const READ_TYPES = new Set([SSE, AWS_STREAM, ...ANSWERS.line_types]);
/** In bytes. A longer event is skipped. */
const MAX_EVENT_BYTES = 32 * 1024 * 1024;
/** The first events are always read: they show which protocol it is. */
const FIRST_EVENTS = 8;
const AWS_NAME = /:(event|exception|message)-type\x07\x00[^]([A-Za-z-]{1,60})/g;
const AWS_PREFIX = 12;
const AWS_CRC = 4;

class AnswerSummary {
  model;
  tokens = {};
  outcome;
  code; // of the error
  reason; // why the answer ended, where that is not an error

  get isFailed() {
    return this.outcome !== undefined && this.outcome !== BLOCKED;
  }

  /** Read one JSON document. A later count replaces an earlier one, unless it is zero. */
  read(value) {
    // A list: Gemini's stream as one document.
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!isObject(item)) continue;
      for (const part of [item, ...ANSWERS.inner.map((name) => item[name])].filter(isObject)) {
        this.model ??= plainName(part.model ?? part.modelVersion);
        for (const name of ANSWERS.usages) this.count(part[name]);
      }
      for (const [kind, name] of Object.entries(ANSWERS.ollama)) this.keepCount(kind, item[name]);
      if (!this.isFailed) this.judge(item);
    }
  }

  /** The answer is an error. */
  fail(code) {
    if (this.isFailed) return;
    const kind = typeof code === 'string' || typeof code === 'number' ? String(code) : '';
    const word = foldedWord(kind);
    this.outcome = THROTTLED_CODE.test(word) ? 'throttled' : BLOCKED_REASONS.has(word) ? BLOCKED : 'error';
    this.code = ERROR_CODE.test(kind) ? kind : undefined;
  }

  /** Look for an error, and for the reason why the answer ended. */
  judge(item) {
    for (const name of ['', 'response', 'delta', 'result']) {
      const part = name === '' ? item : item[name];
      if (!isObject(part)) continue;
      if (name !== 'result' && isError(part.error)) return this.fail(codeOf(part.error));
      if (part.isError === true) return this.fail(); // MCP
    }
    const isGraphQl = Array.isArray(item.errors) && item.errors.some((error) => isObject(error) && 'message' in error);
    if (isGraphQl) return this.fail();
    if (item.type === 'error') return this.fail(item.code);
    const exception = Object.keys(item).find((name) => /^[A-Za-z]{1,60}Exception$/.test(name)); // Bedrock
    if (exception !== undefined) return this.fail(exception);
    for (const reason of endReasons(item)) {
      const word = foldedWord(reason);
      if (this.outcome !== undefined || !(BLOCKED_REASONS.has(word) || FAILED_REASONS.has(word))) continue;
      this.fail(reason);
      [this.code, this.reason] = [undefined, this.code];
    }
  }

  count(usage) {
    if (!isObject(usage)) return;
    for (const [kind, names] of Object.entries(ANSWERS.counts)) for (const name of names) this.keepCount(kind, usage[name]);
    for (const [kind, { parents, name }] of Object.entries(ANSWERS.details)) {
      for (const parent of parents) this.keepCount(kind, usage[parent]?.[name]);
    }
    this.count(usage.tokens); // Cohere
  }

  keepCount(kind, number) {
    if (!Number.isSafeInteger(number) || number < 0) return;
    if (number > 0 || this.tokens[kind] === undefined) this.tokens[kind] = number;
  }
}

/** A word in lower case, of letters and digits alone. */
function foldedWord(text) {
  return text.slice(0, 128).toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Whether an `error` member reports an error: some services always send it, empty. */
function isError(error) {
  if (isObject(error)) return Object.values(error).some((value) => ![null, '', 0, false].includes(value));
  return typeof error === 'string' && error !== '' && !/^(?:none|null|ok|false|0)$/.test(foldedWord(error));
}

/** The most specific code of an error: one of a limit or a policy before any other. */
function codeOf(error) {
  if (!isObject(error)) return error;
  const codes = [error.type, error.code, error.status, error.innererror?.code].filter(
    (code) => typeof code === 'number' || (typeof code === 'string' && code !== ''),
  );
  const words = codes.map((code) => foldedWord(String(code)));
  const specific = words.findIndex((word) => BLOCKED_REASONS.has(word) || THROTTLED_CODE.test(word));
  return codes[specific] ?? codes.find((code) => typeof code === 'string') ?? codes[0];
}

/** Why an answer ended, from every member where providers put it. */
function endReasons(item) {
  const listed = [item.choices, item.candidates].filter(Array.isArray).flatMap((list) => list.slice(0, 128));
  const parts = [item, ...ANSWERS.ended.map((name) => item[name]), ...listed].filter(isObject);
  const found = parts.flatMap((part) => [
    ...ANSWERS.reasons.map((name) => part[name]),
    part.incomplete_details?.reason, // OpenAI's Responses
    part.object === 'response' ? part.status : undefined,
  ]);
  return found.filter((reason) => typeof reason === 'string');
}

/**
 * Reads the events of one streamed answer. The protocol's last event ends an answer, not the end of its connection. One
 * event is in memory at a time.
 */
class Events {
  constructor(mime) {
    this.summary = new AnswerSummary();
    this.isAws = mime === AWS_STREAM;
    this.isSse = mime === SSE;
    this.held = [];
    this.size = 0;
    this.wanted = AWS_PREFIX;
    this.skipping = false;
    this.name = '';
    this.data = [];
    this.dataSize = 0;
    this.count = 0;
    this.lastIsDue = false; // the protocol has a last event
    this.isOver = false; // it has come
  }

  /** Whether the protocol's last event is missing, after the answer's last byte. */
  get isCut() {
    return this.lastIsDue && !this.isOver;
  }

  /** Take the next bytes. */
  add(bytes) {
    if (this.isAws) {
      this.hold(bytes);
      if (this.size >= this.wanted) this.takeFrames();
      return;
    }
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end > 0) this.takeLines(bytes.subarray(0, end));
    this.hold(bytes.subarray(end));
  }

  /** Read the last event where it has no line end. */
  finish() {
    if (!this.isAws) {
      this.line(Buffer.concat(this.held).toString());
      this.endEvent();
    }
    this.held = [];
  }

  hold(bytes) {
    if (bytes.length === 0 || this.skipping) return;
    this.held.push(bytes);
    this.size += bytes.length;
    if (this.size <= MAX_EVENT_BYTES) return;
    this.held = [];
    this.skipping = true;
  }

  /** Take whole lines. The first may have begun in earlier bytes. */
  takeLines(bytes) {
    const lines = Buffer.concat([...this.held, bytes]).toString().split('\n');
    for (const line of lines.slice(this.skipping ? 1 : 0, -1)) this.line(line);
    this.held = [];
    this.size = 0;
    this.skipping = false;
  }

  line(whole) {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
    if (!this.isSse) this.read(line.replace(/^\x1e/, ''));
    else if (line.startsWith('data:')) {
      this.dataSize += line.length;
      if (this.dataSize <= MAX_EVENT_BYTES) this.data.push(line.slice(5));
    } else if (line.startsWith('event:')) this.name = line.slice(6).trim();
    else if (line === '') this.endEvent();
  }

  /** Read the lines since the last empty one. */
  endEvent() {
    if (this.data.length > 0) this.read(this.data.join('\n'));
    this.data = [];
    this.dataSize = 0;
    if (this.name === 'error') this.fail();
    this.name = '';
  }

  fail(code) {
    this.summary.fail(code);
    this.isOver = true;
  }

  /** Read the content of one event. */
  read(text) {
    if (text.trim() === '[DONE]') {
      this.isOver = true;
      return;
    }
    this.count += 1;
    if (this.count > FIRST_EVENTS && !TELLING.test(text)) return;
    const value = tryJson(text);
    this.summary.read(value);
    if (isObject(value)) this.follow(value);
  }

  /** Note which protocol it is, and whether this was its last event. */
  follow({ type, done, is_finished: isFinished, candidates, choices }) {
    const last = done ?? isFinished; // Ollama; Cohere's first version
    const isListed = Array.isArray(candidates) || Array.isArray(choices);
    this.lastIsDue ||= ANSWERS.first_events.includes(type) || typeof last === 'boolean' || isListed;
    this.isOver ||=
      ANSWERS.last_events.includes(type) ||
      last === true ||
      this.summary.isFailed ||
      (Array.isArray(candidates) && candidates.some((one) => isObject(one) && one.finishReason !== undefined));
  }

  /** Read AWS's frames: length, length of the headers, a checksum; headers; payload; a checksum. */
  takeFrames() {
    let rest = Buffer.concat(this.held);
    while (rest.length >= AWS_PREFIX) {
      const total = rest.readUInt32BE(0);
      const begin = AWS_PREFIX + rest.readUInt32BE(4);
      this.skipping = total < begin + AWS_CRC || total > MAX_EVENT_BYTES; // not an event stream of AWS
      if (this.skipping || rest.length < total) break;
      this.frame(rest.toString('latin1', AWS_PREFIX, begin), rest.toString('utf8', begin, total - AWS_CRC));
      rest = rest.subarray(total);
    }
    this.held = this.skipping ? [] : [rest];
    this.size = rest.length;
    this.wanted = rest.length >= AWS_PREFIX ? rest.readUInt32BE(0) : AWS_PREFIX;
  }

  frame(headers, payload) {
    const names = Object.fromEntries([...headers.matchAll(AWS_NAME)].map(([, kind, name]) => [kind, name]));
    if (names.message === 'exception' || names.message === 'error') this.fail(names.exception);
    this.lastIsDue ||= names.event === 'messageStart';
    this.isOver ||= names.event === 'messageStop';
    this.count = 0; // AWS's frames are few: read each
    this.read(payload);
  }
}

// call.mjs

/** One `fetch`, from its request to the events about it. Faults in here are caught; only the call's own errors pass. */


const CONTEXT = 'agentId userId sessionId correlationId agentVersion deploymentId traceId spanId model outcome'.split(' ');
/** The names of a context's members, and of the record's fields: `agentId` is `agent_id`. */
const CONTEXT_FIELDS = CONTEXT.map((name) => [name, name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)]);
const TRACE_HEADER = 'x-trace-id';
const REQUEST_ID_HEADERS = [...ANSWERS.request_id_headers, TRACE_HEADER];
const STREAM_TYPES = /event-stream|eventstream|ndjson|jsonl|jsonlines|json-seq|stream\+json/;
/** How long a record waits for the digest of a request body that is still being read when the call is over. */
const SENDING_MS = 250;
/** How many bytes of a body are read ahead of the caller. So a body that nobody reads still gets a complete record. */
const READ_AHEAD = 256 * 1024;

/** The fields of an event that a context gives. */
function contextFields(context) {
  return Object.fromEntries(CONTEXT_FIELDS.map(([name, field]) => [field, plainText(idText(context[name]))]));
}

/** Abandons the body of a response that the program no longer holds. */
const unreachable = new FinalizationRegistry((abandon) => abandon());

/**
 * The caller's own path only notes what happened. All work is done `later`, in the order of what happened.
 */
class Call {
  constructor(recorder, url, options, context) {
    this.recorder = recorder;
    this.started = performance.now();
    this.url = url;
    this.options = options;
    this.sending = null; // a promise, while a request body is read on its way
    this.sent = null; // a request body that is there as a whole
    this.answeredAfter = null; // milliseconds
    this.isStream = false;
    this.startLogged = false;
    this.over = false; // for the caller
    this.concluded = false; // for the log
    this.hasVerdict = context.outcome !== undefined; // the program gives the outcome itself
    this.arrived = []; // chunks that are still to be digested
    this.events = null;
    this.length = null; // the answer's Content-Length
    this.body = new StreamDigest(recorder.digesting);
    this.attributes = { ...context.attributes };
    this.undigestible = {};
    this.fields = { timestamp: new Date().toISOString() };
    const headers = this.prepare(url, options, plainText(idText(context.correlationId)));
    const address = url instanceof Request ? url.url : String(url);
    const method = options?.method ?? (url instanceof Request ? url.method : 'GET');
    this.recorder.later(() => this.describe(address, method, headers, context));
    recorder.open.add(this);
  }

  describe(address, method, headers, context) {
    const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers.get('traceparent') ?? '');
    const fields = contextFields(context);
    Object.assign(this.fields, fields, {
      endpoint: cleanEndpoint(address, this.recorder.domainOnly),
      method: /^[A-Za-z][A-Za-z-]{0,19}$/.test(method) ? method.toUpperCase() : undefined,
      correlation_id:
        fields.correlation_id ?? plainText(headers.get('x-correlation-id')) ?? plainText(headers.get(TRACE_HEADER)),
      request_mime: mediaType(headers.get('content-type')),
      trace_id: fields.trace_id ?? trace?.[1],
      span_id: fields.span_id ?? trace?.[2],
    });
    if (this.sent === null) return;
    this.addRequest(digestPayload(bytesOf(this.sent), { ...this.recorder.digesting, text: !isBytes(this.sent) }));
    this.sent = null;
  }

  /** Make the request that is sent: with an X-Trace-ID, and its body digested on the way. Returns its headers. */
  prepare(url, options, correlation) {
    const body = options?.body;
    if (url instanceof Request || options instanceof Request || body instanceof FormData) {
      // Made here, so that a form's boundary is the same in what is sent and in what is digested.
      const request = new Request(url, options);
      this.url = request;
      this.options = undefined;
      this.addTrace(request.headers, correlation);
      const copy = request.body === null ? null : request.clone().body;
      if (copy === null) this.sent = '';
      else this.awaitRequest(this.digestAll(copy));
      return request.headers;
    }
    const headers = new Headers(options?.headers);
    this.addTrace(headers, correlation);
    this.options = { ...options, headers };
    let mime = '';
    if (body instanceof Blob) {
      this.awaitRequest(this.digestAll(body.stream()));
      mime = body.type;
    } else if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) {
      this.options.body = this.watched(body);
    } else {
      this.sent = isBytes(body) ? new Uint8Array(bytesOf(body)) : String(body ?? ''); // a copy: the program may change it
      if (body instanceof URLSearchParams) mime = 'application/x-www-form-urlencoded';
    }
    return mime === '' || headers.has('content-type') ? headers : new Headers([...headers, ['content-type', mime]]);
  }

  addTrace(headers, correlation) {
    const known = correlation ?? plainText(headers.get('x-correlation-id')) ?? randomUUID();
    const isWanted = this.recorder.traceHeader && !headers.has(TRACE_HEADER);
    if (isWanted && /^[\x21-\x7e]{1,256}$/.test(known)) headers.set(TRACE_HEADER, known);
  }

  /** A body that streams, digested as the network takes it. */
  watched(body) {
    const digest = new StreamDigest(this.recorder.digesting);
    let settle;
    this.awaitRequest(new Promise((resolve) => (settle = resolve)));
    const guard = (work) => this.recorder.guard(work);
    async function* pass() {
      let whole = false;
      try {
        for await (const chunk of body) {
          guard(() => digest.add(new Uint8Array(bytesOf(chunk))));
          yield chunk;
        }
        whole = true;
      } finally {
        settle(whole ? digest.finish() : cutDigest(digest));
      }
    }
    // Node's own `fetch` takes either; before 20.6 only the latter exists.
    const passed = pass();
    return body instanceof ReadableStream && ReadableStream.from ? ReadableStream.from(passed) : passed;
  }

  async digestAll(stream) {
    const digest = new StreamDigest(this.recorder.digesting);
    try {
      for await (const chunk of stream) digest.add(chunk);
      return digest.finish();
    } catch {
      return cutDigest(digest);
    }
  }

  /** Take the digest of a request body that is read on its way. */
  awaitRequest(digest) {
    this.sending = digest.then((payload) => {
      this.recorder.catchUp(); // what is known of the request comes first
      this.sending = null;
      this.addRequest(payload);
    });
  }

  addRequest({ digest, size, mime, undigestible, value }) {
    this.fields.request_hash = digest ?? undefined;
    this.fields.request_bytes = size;
    this.undigestible.request_undigestible = undigestible;
    if (size > 0) this.fields.request_mime ??= mime || undefined;
    this.fields.model ??= plainName(value?.model);
    if (value?.stream === true) this.isStream = true;
  }

  /** There is no answer, or its body broke off. */
  failed(error) {
    this.recorder.later(() => {
      if (this.concluded) return;
      if (this.fields.status === undefined) this.fields.outcome ??= 'error';
      else this.fields.outcome = 'error';
      // The kind of error. Its message may hold anything.
      this.attributes.error_type = plainName(error?.name) ?? 'Error';
      this.attributes.error_code = plainName(error?.cause?.code) ?? plainName(error?.code);
    });
    this.finish(() => false);
  }

  /** There is an answer. Returns the same one for the caller, watched. */
  answered(response) {
    this.answeredAfter = this.elapsed();
    this.recorder.later(() => this.describeAnswer(response));
    if (response.body !== null) return this.watch(response, response.body);
    this.finish(() => true);
    return response;
  }

  describeAnswer({ headers, status, redirected, url }) {
    this.attributes.first_byte_ms = this.answeredAfter;
    this.fields.status = status;
    // A success is known only at the end.
    if (status >= 400) this.fields.outcome ??= status === 429 ? 'throttled' : 'error';
    const mime = mediaType(headers.get('content-type'));
    this.fields.response_mime = mime;
    this.fields.provider_request_id = REQUEST_ID_HEADERS.map((name) => plainText(headers.get(name))).find(Boolean);
    this.attributes.retry_after_ms = retryAfter(headers.get('retry-after'));
    if (redirected) this.attributes.target = cleanEndpoint(url, this.recorder.domainOnly);
    if (READ_TYPES.has(mime)) this.events = new Events(mime);
    if (!headers.has('content-encoding')) this.length = headers.get('content-length');
    if (STREAM_TYPES.test(mime ?? '')) this.isStream = true;
    if (this.isStream) this.begin();
  }

  /** Replace a response's body by a watched one. */
  watch(response, source) {
    const call = this;
    const reader = source.getReader();
    const stream = new ReadableStream(
      {
        type: 'bytes',
        async pull(controller) {
          let next;
          try {
            do next = await reader.read();
            while (!next.done && next.value.length === 0);
          } catch (error) {
            call.failed(error);
            throw error;
          }
          if (next.done) {
            call.finish(() => true);
            controller.close();
            controller.byobRequest?.respond(0);
            return;
          }
          // A byte stream takes a whole buffer over: the caller gets a copy, which it may change, too.
          controller.enqueue(new Uint8Array(next.value));
          call.received(next.value);
        },
        cancel(reason) {
          call.finish(() => call.length === String(call.body.size) || call.events?.isOver);
          return reader.cancel(reason);
        },
      },
      { highWaterMark: READ_AHEAD },
    );
    // Nobody can read a stream that nobody holds: let go of its connection, and log that its end was not seen.
    unreachable.register(stream, () => {
      call.finish(() => false);
      reader.cancel().catch(() => {});
    });
    return sameAs(response, new Response(stream, response));
  }

  received(chunk) {
    if (!this.over && this.arrived.push(chunk) === 1) this.recorder.later(() => this.digestArrived());
  }

  digestArrived() {
    for (const chunk of this.arrived) {
      this.body.add(chunk);
      this.events?.add(chunk);
    }
    this.arrived = [];
  }

  /** Log the start of a stream. */
  begin() {
    if (this.startLogged || this.concluded) return;
    this.startLogged = true;
    this.streamId = randomUUID();
    this.log({ stream: { id: this.streamId, phase: 'start' }, duration_ms: this.answeredAfter });
  }

  /** The call is over, or its stream is. Only the first end counts. `isComplete`: whether all of the body was read. */
  finish(isComplete) {
    if (this.over) return;
    this.over = true;
    this.recorder.open.delete(this);
    const duration = this.elapsed();
    this.recorder.later(() => this.conclude(isComplete, duration));
  }

  /** Log the call, or the end of its stream. */
  conclude(isRead, duration) {
    this.concluded = true;
    const last = { duration_ms: duration };
    if (this.fields.status === undefined) {
      this.log(last);
      return;
    }
    this.events?.finish();
    const complete = Boolean(isRead() && !this.events?.isCut);
    const { size, chunks, chunkEvery, chunkDigests } = this.body;
    const payload = complete ? this.body.finish() : null;
    this.body.held = [];
    last.response_bytes = size;
    const summary = this.events?.summary ?? new AnswerSummary();
    summary.read(payload?.value);
    this.events = null;
    if (summary.model) this.fields.model = summary.model;
    if (Object.keys(summary.tokens).length > 0) last.tokens = summary.tokens;
    const isBlocked = summary.outcome !== undefined && !summary.isFailed;
    if (!this.hasVerdict && summary.outcome !== undefined && (isBlocked || this.fields.status < 400)) {
      last.outcome = summary.outcome;
    } else if (complete) {
      this.fields.outcome ??= 'success';
    }
    this.attributes.error_code ??= summary.code;
    this.attributes.finish_reason ??= summary.reason;
    if (payload === null) {
      this.attributes.truncated = true;
    } else {
      last.response_hash = payload.digest ?? undefined;
      this.undigestible.response_undigestible = payload.undigestible;
      if (size > 0) last.response_mime = this.fields.response_mime ?? payload.mime;
    }
    if (this.isStream || this.startLogged || !complete) {
      const digests = chunkDigests.some(Boolean) ? { chunk_every: chunkEvery, chunk_digests: chunkDigests } : {};
      last.stream = { id: this.streamId ?? randomUUID(), phase: 'end', chunks, bytes: size, complete, ...digests };
    }
    this.log(last);
  }

  /** Log an event, once its request's digest is known. */
  log(more) {
    const id = randomUUID();
    const attributes = { ...this.attributes };
    const add = () => {
      this.recorder.add({ id, ...this.fields, ...more, attributes: { ...attributes, ...this.undigestible } });
    };
    if (this.sending === null) add();
    else this.recorder.addWhenKnown(within(this.sending, SENDING_MS), add);
  }

  elapsed() {
    return Math.round((performance.now() - this.started) * 10) / 10;
  }
}

/** The digest of a request body that was not sent to its end. */
const cutDigest = ({ size }) => ({ digest: null, size, mime: '' });

/** Give a response what the constructor cannot: where it came from. */
function sameAs(from, to) {
  const { url, redirected, type } = from;
  return Object.defineProperties(to, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: () => sameAs(from, Response.prototype.clone.call(to)) },
  });
}

// files.mjs

/** Files of this user alone: no link is followed, and nothing large is read. And which process owns a file. */


const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const NO_LINK = O_NOFOLLOW | O_NONBLOCK;
/** In bytes. A larger file is not read. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const APPEND = O_WRONLY | O_APPEND | O_CREAT | NO_LINK;
const APPEND_NEW = APPEND | O_EXCL;
/** A file belongs to a process, a thread, and a start time: numbers of processes come back. */
const PROCESS = `${process.pid}.${threadId}.${startOf(process.pid)}`;
/** Process ids are only known within one machine, or container. */
const MACHINE = shortHash(os.hostname() + fromProc(() => fs.readlinkSync('/proc/self/ns/pid')), 8);

/** What `read` finds under /proc, where the system has that. */
function fromProc(read) {
  try {
    return read();
  } catch {
    return '';
  }
}

/** When a process began, where the system reports it; else 0. */
function startOf(pid) {
  const stat = fromProc(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) || 0;
}

/** Whether the process that owns a file has ended. */
function hasEnded(machine, owner) {
  if (machine !== MACHINE) return false;
  const [pid, thread, start] = owner.split('.').map(Number);
  if (pid === process.pid && thread === threadId) return true; // an earlier process had our number
  try {
    process.kill(pid, 0);
    return start !== 0 && startOf(pid) !== start;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** The first digits of a SHA-256. */
function shortHash(text, digits) {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

const isOwn = (stat) => !process.getuid || stat.uid === process.getuid();

/** Whether it is a regular file of this user, and not too large. */
const isReadable = (stat, most = MAX_FILE_BYTES) => stat.isFile() && isOwn(stat) && stat.size <= most;

/** Whether it is a folder of this user, not a link to one. */
function isOwnFolder(folder) {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && isOwn(stat);
}

/** Make a folder that only this user can read. */
function makeOwnFolder(folder) {
  makeFolders(folder);
  if (!isOwnFolder(folder)) throw new Error('is not our own');
  if (process.getuid && (fs.lstatSync(folder).mode & 0o077) !== 0) fs.chmodSync(folder, 0o700);
}

/** (Node's own `recursive` never ends where a folder can be seen, but not made.) */
function makeFolders(folder) {
  if (fs.existsSync(folder)) return;
  makeFolders(path.dirname(folder));
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error; // else another process was faster
  }
}

function readOwn(file, most = MAX_FILE_BYTES) {
  const fd = fs.openSync(file, O_RDONLY | NO_LINK);
  try {
    if (!isReadable(fs.fstatSync(fd), most)) throw new Error('is not a file of a spool');
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Write a file that is there as a whole or not at all. */
function writeWhole(file, text) {
  const made = `${file}.${randomUUID()}.new`; // another process that writes the same writes elsewhere
  fs.writeFileSync(made, text, { mode: 0o600, flag: 'wx' });
  fs.renameSync(made, file);
}

// spool.mjs

/**
 * The spool: files of lines. One process appends to a file, and seals it into a batch that never changes again. The
 * name of a batch is its Idempotency-Key. Where there is no disk, batches are in memory.
 *
 *     <time>-<machine>-<process>-<id>.open     being written, by the process that is named
 *     <time>-<machine>-<process>-<id>.batch    waiting to be stored
 *     refused.ndjson                           what the endpoint refused for good, and why
 *     ../agent                                 the log's name for the agent, where the folder belongs to a token
 */


const BATCH_BYTES = 3 * 1024 * 1024;
const BATCH_EVENTS = 5000;
const MEMORY_BATCH_EVENTS = 1000;
const REFUSED_BYTES = 8 * 1024 * 1024;
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Its process seals a file before it is this old; others take what is ten times older, whoever wrote it. */
const OPEN_MS = 60_000;
const ORPHAN_MS = 10 * OPEN_MS;
const FILE = /^(\d{13})-([0-9a-f]{8})-(\d+\.\d+\.\d+)-([0-9a-f-]{36}(?:_[01])*)\.(open|batch)$/;
/** The files that this process writes, shared by all copies of this module in it. */
const ownFiles = (globalThis[Symbol.for('agent-audit-log.files')] ??= new Set());

const textOf = (lines) => `${lines.join('\n')}\n`;

class Spool {
  /** `ofToken`: whether the folder belongs to one token, and the folders beside it to others. */
  constructor(folder, maxBytes, warn, ofToken) {
    this.folder = folder;
    this.ofToken = ofToken;
    this.agent = this.ownerOf(path.dirname(folder)); // as the log has named it
    this.maxBytes = maxBytes;
    this.warn = warn;
    this.current = null;
    this.lines = []; // without a disk
    this.memory = [];
    this.memoryBytes = 0;
    this.bytes = 0;
    this.dropped = 0;
    this.retryDisk = 0;
    try {
      makeOwnFolder(folder);
      this.batches(); // counts the bytes that are there
    } catch (error) {
      this.withoutDisk(error);
    }
  }

  /** The log's name for the owner of the token that a folder belongs to. '': unknown. */
  ownerOf(folder) {
    try {
      return this.ofToken ? readOwn(path.join(folder, 'agent'), 1024).toString('latin1') : '';
    } catch {
      return '';
    }
  }

  /** The folders of `agent`'s other tokens for the same endpoint. */
  beside(agent) {
    if (!this.ofToken) return [];
    const own = path.dirname(this.folder);
    const endpoint = `${path.basename(own).split('-')[0]}-`;
    try {
      return fs
        .readdirSync(path.dirname(own))
        .filter((name) => name.startsWith(endpoint) && name !== path.basename(own))
        .map((name) => path.join(path.dirname(own), name))
        .filter((folder) => this.ownerOf(folder) === agent)
        .map((folder) => path.join(folder, 'node'));
    } catch {
      return [];
    }
  }

  /**
   * The log has named the owner of the token; or, '', it has not. What is in folders of other tokens is sent with this
   * token only when the log has named the same agent for both.
   */
  belongsTo(agent) {
    if (!this.ofToken || (this.isNamed && (agent === this.agent || agent === ''))) return;
    this.isNamed = true;
    try {
      if (agent !== '' && agent !== this.agent) {
        this.agent = agent;
        writeWhole(path.join(path.dirname(this.folder), 'agent'), agent);
      }
    } catch {
      // Without a disk nothing is left on it either.
    }
    const { bytes } = this; // what follows counts files of others
    for (const folder of this.beside('')) {
      if (this.waitingIn(folder).length === 0) continue;
      const where = path.dirname(folder);
      const how = "If they are this agent's, start it once with AUDIT_LOG_SPOOL set to that folder";
      this.warn(`left ${where}`, `events of another token wait in ${where}. ${how}: they are sent in its name`);
    }
    this.bytes = bytes;
  }

  withoutDisk(error) {
    this.retryDisk = Date.now() + OPEN_MS;
    const why = error.code ?? 'unusable folder';
    this.warn('spool', `no spool on disk (${why}): what is not sent yet is only in memory`);
  }

  /** Keep one event, and before it a record of those that there was no room for. */
  append(line) {
    if (this.dropped > 0) {
      const attributes = { event_name: 'events_dropped', dropped_events: this.dropped };
      const event = { id: randomUUID(), timestamp: new Date().toISOString(), outcome: 'error', attributes };
      if (this.take(JSON.stringify(event))) this.dropped = 0;
    }
    if (this.take(line)) return;
    this.dropped += 1;
    this.warn('full', 'the spool is full: events are dropped until there is room; a record will say how many');
  }

  /** Take a line. Returns whether there was room for it. */
  take(line) {
    const data = Buffer.from(`${line}\n`);
    if (this.bytes + data.length > this.maxBytes) return false;
    if (Date.now() >= this.retryDisk) {
      try {
        this.write(data);
        return true;
      } catch (error) {
        this.seal();
        this.withoutDisk(error);
      }
    }
    if (this.memoryBytes + data.length > Math.min(MEMORY_BYTES, this.maxBytes)) return false;
    this.memoryBytes += data.length;
    this.lines.push(line);
    return true;
  }

  write(data) {
    const { current } = this;
    if (current !== null) {
      const full = current.bytes + data.length > BATCH_BYTES || current.events >= BATCH_EVENTS;
      if (full || Date.now() - current.since > OPEN_MS) this.seal();
    }
    this.current ??= this.create();
    if (fs.writeSync(this.current.fd, data) !== data.length) throw Object.assign(new Error(), { code: 'ENOSPC' });
    this.current.bytes += data.length;
    this.current.events += 1;
    this.bytes += data.length;
  }

  create() {
    makeOwnFolder(this.folder);
    const since = Date.now();
    const name = `${String(since).padStart(13, '0')}-${MACHINE}-${PROCESS}-${randomUUID()}`;
    ownFiles.add(name);
    const fd = fs.openSync(path.join(this.folder, `${name}.open`), APPEND_NEW, 0o600);
    return { fd, name, bytes: 0, events: 0, since };
  }

  /** Whether there are events that are in no batch yet. */
  get hasNew() {
    return this.current !== null || this.lines.length > 0;
  }

  /** Make a batch of what was appended so far. */
  seal() {
    const { current } = this;
    this.current = null;
    if (current !== null) {
      try {
        // On the disk itself, for when the power goes; but nobody waits for that.
        fs.fsync(current.fd, () => fs.close(current.fd, () => {}));
        const file = path.join(this.folder, current.name);
        fs.renameSync(`${file}.open`, `${file}.batch`);
      } catch (error) {
        ownFiles.delete(current.name); // the next process takes it, as it is
        // Where it is gone, another process thought us gone and took it: that process has all of it.
        if (error.code !== 'ENOENT') this.warn('seal', 'a spool file could not be closed');
      }
    }
    while (this.lines.length > 0) {
      this.memory.push({ id: randomUUID(), file: null, text: textOf(this.lines.splice(0, MEMORY_BATCH_EVENTS)) });
    }
  }

  /** The batches to send, oldest first: our own, and those that nobody else will send. */
  batches() {
    this.bytes = 0;
    const folders = [...(this.agent === '' ? [] : this.beside(this.agent)), this.folder];
    return [...this.memory, ...folders.flatMap((folder) => this.waitingIn(folder))];
  }

  waitingIn(folder) {
    const found = [];
    let names = [];
    try {
      if (isOwnFolder(folder)) names = fs.readdirSync(folder).sort();
    } catch {
      // There is nothing to send.
    }
    for (const name of names) {
      try {
        const batch = this.batchOf(folder, name);
        if (batch !== null) found.push(batch);
      } catch {
        // Sent by another process in the meantime.
      }
    }
    return found;
  }

  /** Count one file of a folder. Returns its batch, or null where it is not ours to send. */
  batchOf(folder, file) {
    const whole = path.join(folder, file);
    const stat = fs.lstatSync(whole);
    if (!isReadable(stat)) return null; // no spool made it
    this.bytes += stat.size;
    const match = FILE.exec(file);
    if (match === null) {
      // A process that is killed while it splits a batch leaves the batch as it was.
      const isPiece = /^\d{13}-.*\.new$/.test(file) && Date.now() - stat.mtimeMs > ORPHAN_MS;
      if (isPiece) fs.rmSync(whole);
      return null;
    }
    const [, since, machine, owner, id, state] = match;
    const name = file.slice(0, file.lastIndexOf('.'));
    const isOurs = ownFiles.has(name)
      ? state === 'batch'
      : Date.now() - Number(since) > ORPHAN_MS || hasEnded(machine, owner);
    if (!isOurs) return null;
    const batch = path.join(folder, `${name}.batch`);
    if (state === 'open') fs.renameSync(whole, batch);
    return { id, file: batch, text: null };
  }

  read(batch) {
    return batch.file === null ? batch.text : readOwn(batch.file).toString();
  }

  remove(batch) {
    if (batch.file === null) {
      this.memory = this.memory.filter((other) => other !== batch);
      this.memoryBytes -= Buffer.byteLength(batch.text);
      return;
    }
    fs.rmSync(batch.file, { force: true });
    ownFiles.delete(path.basename(batch.file, '.batch'));
  }

  /** Replace one batch by others. Doing it again gives the same result. */
  replace(batch, parts) {
    if (batch.file === null) {
      const made = parts.map((lines, index) => ({ id: `${batch.id}_${index}`, file: null, text: textOf(lines) }));
      this.memory.splice(this.memory.indexOf(batch), 1, ...made);
      return;
    }
    const name = path.basename(batch.file, '.batch');
    parts.forEach((lines, index) => {
      writeWhole(path.join(path.dirname(batch.file), `${name}_${index}.batch`), textOf(lines));
      if (ownFiles.has(name)) ownFiles.add(`${name}_${index}`);
    });
    this.remove(batch);
  }

  /** Put events aside that the endpoint will never take. Entries have an event's text, and field and reason. */
  refuse(entries) {
    const file = path.join(this.folder, 'refused.ndjson');
    const lines = entries.map(({ event, field, reason }) => JSON.stringify({ field, reason, event: tryJson(event) }));
    const many = `the endpoint refused ${entries.length} event(s) for good`;
    try {
      if ((fs.lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) > REFUSED_BYTES) fs.renameSync(file, `${file}.old`);
      fs.appendFileSync(file, textOf(lines), { mode: 0o600, flag: APPEND });
      this.warn('refused', `${many}: they are in ${file}`);
    } catch {
      this.warn('refused', `${many}: ${entries[0]?.field} ${entries[0]?.reason}`);
    }
  }
}

// delivery.mjs

/** Delivery: one batch after the other, until the endpoint names each of its events as stored or as refused for good. */


/** How long events are collected before they are sent. All times are in milliseconds. */
const LINGER_MS = 1000;
const SEND_MS = 20_000;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;
const FORBIDDEN_MS = 5 * 60_000;
const RESCAN_MS = 60_000;
const REPLY_BYTES = 16 * 1024 * 1024;

class Delivery {
  /** `onTaken`: called when the endpoint has taken a batch. */
  constructor(target, token, spool, warn, onTaken) {
    Object.assign(this, { target, token, spool, warn, onTaken });
    this.failures = 0;
    this.notBefore = 0;
    this.waiters = 0; // callers of `flush`: without one, a request keeps no process alive
    this.running = null;
    this.socket = null;
    this.timer = null;
    this.due = Infinity;
    this.closed = false;
    this.setAside = new Map(); // batches that wait for another token, and until when
    this.schedule(LINGER_MS);
  }

  /** Work in `ms` milliseconds, or earlier. */
  schedule(ms) {
    const due = Math.max(Date.now() + ms, this.notBefore);
    if (this.closed || due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.due = Infinity;
      void this.work();
    }, due - Date.now()).unref();
  }

  /** Send what there is. Returns whether all of it is gone. */
  work() {
    this.running ??= this.sendAll()
      .catch((error) => {
        const why = plainName(error?.code ?? error?.name) ?? 'error';
        this.warn('delivery', `events could not be sent (${why}): they are kept`);
        return this.backOff();
      })
      .finally(() => {
        this.running = null;
        this.schedule(this.spool.hasNew ? LINGER_MS : RESCAN_MS);
      });
    return this.running;
  }

  /** Events that come meanwhile are collected for the next time: a busy program's events too go out in batches. */
  async sendAll() {
    for (let sealed = false; ; ) {
      const batches = this.spool.batches();
      const waiting = batches.filter((batch) => (this.setAside.get(batch.id) ?? 0) <= Date.now());
      if (waiting.length === 0 && sealed) return batches.length === 0;
      // New events are sealed last: while the endpoint takes nothing, they collect in few files.
      if (waiting.length === 0) {
        this.spool.seal();
        sealed = true;
      }
      for (const batch of waiting) if (!(await this.send(batch))) return false;
    }
  }

  /** Send one batch. Returns false when the endpoint takes none now. */
  async send(batch) {
    let lines;
    try {
      lines = this.spool.read(batch).split('\n').filter(Boolean);
    } catch (error) {
      if (error.code === 'ENOENT') return true; // another process sent it
      this.warn('unreadable', 'a file of the spool cannot be read: it stays there');
      this.setAside.set(batch.id, Date.now() + FORBIDDEN_MS);
      return true;
    }
    // The last line of a process that a power cut took: no reader could make an event of it.
    const torn = lines.filter((line) => !line.endsWith('}'));
    const whole = lines.filter((line) => line.endsWith('}'));
    if (torn.length > 0) this.refuse(torn, 'was cut off');
    if (whole.length === 0) return this.finish(batch);
    let reply;
    try {
      reply = await this.post(whole.join('\n'), batch.id);
    } catch (error) {
      this.warn('away', `the endpoint cannot be reached (${error?.code ?? 'error'}): events are kept`);
      return this.backOff();
    }
    return this.settle(batch, whole, reply);
  }

  refuse(lines, reason) {
    this.spool.refuse(lines.map((event) => ({ event, reason })));
  }

  finish(batch) {
    this.spool.remove(batch);
    return true;
  }

  /** Do what the answer to a batch asks for. Returns false when the endpoint takes no batch now. */
  settle(batch, lines, { status, wait, agent, body }) {
    const refused = Array.isArray(body?.refused) ? body.refused : [];
    const namesAll = Array.isArray(body?.stored) && body.stored.length + refused.length === lines.length;
    if (namesAll && (status === 200 || status === 207 || status === 422)) {
      this.spool.belongsTo(/^[A-Za-z0-9._~%-]{1,1024}$/.test(agent) ? agent : '');
      const entries = refused.map(({ index, field, reason }) => ({ event: lines[index] ?? '', field, reason }));
      if (entries.length > 0) this.spool.refuse(entries);
      this.failures = 0;
      this.notBefore = 0;
      this.setAside.delete(batch.id);
      this.onTaken();
      return this.finish(batch);
    }
    if (status === 413 && lines.length > 1) {
      const middle = Math.ceil(lines.length / 2);
      this.spool.replace(batch, [lines.slice(0, middle), lines.slice(middle)]);
      return true;
    }
    if (status === 413 || status === 400) {
      // A disk or a person may have damaged some lines: send the others.
      const bad = lines.filter((line) => !isObject(tryJson(line)));
      if (status === 413 || bad.length === 0 || bad.length === lines.length) {
        this.refuse(lines, `was answered with ${status}`);
        return this.finish(batch);
      }
      this.refuse(bad, 'is not JSON');
      this.spool.replace(batch, [lines.filter((line) => isObject(tryJson(line)))]);
      return true;
    }
    if (status === 403 && refused.length > 0) {
      // These events name another agent, whose token can send them. Other batches can go with this token.
      this.warn('403', 'events name another agent than the one of the token: they are kept until the token of that agent is set');
      this.setAside.set(batch.id, Date.now() + FORBIDDEN_MS);
      return true;
    }
    if (status === 401 || status === 403) {
      this.warn(String(status), `the endpoint does not take the token (${status}): events are kept until it does`);
    } else if (status !== 429 && status < 500) {
      this.warn(String(status), `the endpoint does not answer as the log does (${status}): events are kept`);
    }
    return this.backOff(retryAfter(wait));
  }

  /** Try again later: after ever longer pauses, and not before the endpoint asks for it. Returns false. */
  backOff(asked = 0) {
    const most = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    const jittered = most * (0.5 + Math.random() / 2);
    this.notBefore = Date.now() + Math.max(jittered, Math.min(asked, LONGEST_RETRY_AFTER_MS));
    this.schedule(0);
    return false;
  }

  async post(text, id) {
    const request = (this.target.protocol === 'https:' ? https : http).request(this.target, {
      method: 'POST',
      agent: false,
      rejectUnauthorized: true, // also with NODE_TLS_REJECT_UNAUTHORIZED=0: the request holds the token
      headers: {
        authorization: `Bearer ${this.token}`,
        'content-type': 'application/x-ndjson',
        'content-length': Buffer.byteLength(text),
        'idempotency-key': id,
      },
    });
    const fail = (code) => request.destroy(Object.assign(new Error(), { code }));
    const timer = setTimeout(fail, SEND_MS, 'ETIMEDOUT').unref();
    request.on('error', () => {}); // `once` and the response report it
    request.on('socket', (socket) => {
      this.socket = socket;
      this.hold();
    });
    request.end(text);
    try {
      const [response] = await once(request, 'response');
      const chunks = [];
      let size = 0;
      for await (const chunk of response) {
        size += chunk.length;
        if (size > REPLY_BYTES) throw Object.assign(new Error(), { code: 'EMSGSIZE' });
        chunks.push(chunk);
      }
      const { 'retry-after': wait, 'audit-log-agent': agent = '' } = response.headers;
      return { status: response.statusCode, wait, agent, body: tryJson(Buffer.concat(chunks).toString()) };
    } finally {
      clearTimeout(timer);
      request.destroy();
      this.socket = null;
    }
  }

  /** A process that has nothing else to do stays for a request only while somebody waits for it. */
  hold() {
    if (this.waiters > 0) this.socket?.ref();
    else this.socket?.unref();
  }

  /** Send all there is, for at most `ms`. Returns whether all of it is stored. `patient`: retry when that fails. */
  async flush(ms, patient = true) {
    const deadline = Date.now() + ms;
    this.waiters += 1;
    this.hold();
    try {
      if (this.running !== null) {
        await within(this.running, ms); // it may have begun before the last events came
        if (!patient && this.notBefore > Date.now()) return false;
      }
      for (;;) {
        const gone = await within(this.work(), Math.max(0, deadline - Date.now()));
        if (gone === true) return true;
        if (gone === undefined || !patient) return false;
        const next = Math.max(10, Math.min(this.notBefore - Date.now(), FIRST_BACKOFF_MS));
        if (Date.now() + next >= deadline) return false;
        await pause(next);
      }
    } finally {
      this.waiters -= 1;
      this.hold();
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

// log.mjs

/**
 * @typedef {object} Context  Who calls, for whom, as part of what. What is left out is null in the record.
 * @property {string} [agentId]  the agent's name; the token decides who it really is
 * @property {string | number | bigint} [userId]  a number becomes its decimal text; so do the other ids
 * @property {string} [sessionId]
 * @property {string} [correlationId]  ties the calls of a workflow together; sent along as X-Trace-ID
 * @property {string} [agentVersion]
 * @property {string} [deploymentId]
 * @property {string} [traceId]
 * @property {string} [spanId]
 * @property {string} [model]
 * @property {'success' | 'throttled' | 'error' | 'policy-blocked'} [outcome]  instead of what the status implies
 * @property {Record<string, unknown>} [attributes]  other metadata; no content
 */

/**
 * @typedef {object} AuditLogOptions  What is left out is taken from the environment.
 * @property {string} [endpoint]  AUDIT_LOG_ENDPOINT
 * @property {string} [token]  AUDIT_LOG_TOKEN
 * @property {string} [spool]  AUDIT_LOG_SPOOL: a folder; by default one in the user's state folder
 * @property {Context} [context]  for every call; AUDIT_LOG_USER and AUDIT_LOG_CORRELATION
 * @property {DigestKey} [digestKey]  makes digests `hmac-sha256`
 * @property {'path' | 'domain'} [endpointDetail]  how much of an address is kept; `path`
 * @property {boolean} [traceHeader]  whether X-Trace-ID is added to calls; true
 * @property {number} [maxSpoolBytes]  256 MiB
 * @property {typeof fetch} [fetch]  makes the calls
 * @property {(message: string) => void} [onWarning]  instead of a process warning
 */

/**
 * @typedef {object} AuditLog
 * @property {(url: string | URL | Request, options?: RequestInit, context?: Context) => Promise<Response>} fetchWithLog
 *   `fetch`, logged. Can be given to any SDK that takes a `fetch`.
 * @property {(event: Record<string, unknown>) => void} record
 *   one call by hand: fields as in the guide (or as in a context), `request` and `response`, which are digested here
 * @property {<T>(context: Context, work: () => T) => T} withContext  a context for every call that `work` makes
 * @property {(ms?: number) => Promise<boolean>} flush  send what waits; whether all of it is stored
 * @property {(ms?: number) => Promise<boolean>} close  the same, then stop
 */

const IDS = ['id', 'provider_request_id', ...CONTEXT_FIELDS.map(([, field]) => field)];
const EVENT_BYTES = 64 * 1024;
const EXIT_MS = 3000;
/** A body that takes longer is logged as a stream: first its start, later its end. */
const SLOW_BODY_MS = 10_000;
const nativeFetch = globalThis.fetch; // taken now: a program may put `fetchWithLog` in its place

class Recorder {
  /** @param {AuditLogOptions} options */
  constructor(options) {
    const { env } = process;
    this.fetch = options.fetch ?? nativeFetch;
    this.onWarning = options.onWarning ?? ((message) => process.emitWarning(message, 'AuditLogWarning'));
    this.digesting = { key: options.digestKey };
    this.domainOnly = options.endpointDetail === 'domain';
    this.traceHeader = options.traceHeader ?? true;
    this.context = { userId: env.AUDIT_LOG_USER, correlationId: env.AUDIT_LOG_CORRELATION, ...options.context };
    this.around = new AsyncLocalStorage();
    this.open = new Set(); // calls that are not over
    this.jobs = []; // work for when the program has nothing else to do
    this.incomplete = new Map(); // promises, and what adds their events
    this.warned = new Set();
    this.isNew = false; // whether there may be events that the end of the program has not tried to send
    this.spool = null;
    this.delivery = null;
    new RunningDigest(options.digestKey); // throws at once for an invalid key, which is the program's mistake
    const token = String(options.token ?? env.AUDIT_LOG_TOKEN ?? '').trim(); // as it was pasted
    const target = eventsAddress(options.endpoint ?? env.AUDIT_LOG_ENDPOINT ?? '');
    if (target === null || !/^[\x21-\x7e]+$/.test(token)) {
      const wanted = 'AUDIT_LOG_ENDPOINT and AUDIT_LOG_TOKEN must be the address and the token that were printed';
      this.warn('settings', `nothing is logged: ${wanted}, and the address begin with https`);
      return;
    }
    const named = options.spool || env.AUDIT_LOG_SPOOL;
    const folder = path.join(named || defaultFolder(target, token), 'node');
    const warn = this.warn.bind(this);
    this.spool = new Spool(folder, options.maxSpoolBytes ?? 256 * 1024 * 1024, warn, !named);
    // After a batch was taken, a new failure is reported again.
    this.delivery = new Delivery(target, token, this.spool, warn, () => this.warned.clear());
    this.slow = setInterval(() => this.logSlow(), SLOW_BODY_MS / 4).unref();
    this.handlers = { beforeExit: () => void this.exit(), exit: () => this.keep(), SIGTERM: () => void this.terminate() };
    for (const [event, handler] of Object.entries(this.handlers)) process.on(event, handler);
  }

  /** Report a kind of fault once. The message holds no value, payload or token. */
  warn(kind, message) {
    if (this.warned.has(kind)) return;
    this.warned.add(kind);
    try {
      this.onWarning(`agent-audit-log: ${message}`);
    } catch {
      // The program's own handler failed.
    }
  }

  /** Do some work. Where it fails, the call goes on without a record. */
  guard(work) {
    try {
      return work();
    } catch (error) {
      this.warn('bug', `a call could not be logged (${plainName(error?.name) ?? 'Error'})`);
      return undefined;
    }
  }

  /** Keep an event. */
  add(event) {
    this.guard(() => {
      let line = jsonOf(event);
      if (line.length > EVENT_BYTES) line = JSON.stringify({ ...event, attributes: { truncated: true } });
      this.spool.append(line);
      this.isNew = true;
      this.delivery.schedule(LINGER_MS);
    });
  }

  /** Work that nobody waits for is done after what the program has to do now. */
  later(work) {
    if (this.jobs.push(work) === 1) setImmediate(() => this.catchUp());
  }

  catchUp() {
    while (this.jobs.length > 0) for (const job of this.jobs.splice(0)) this.guard(job);
  }

  /** Add an event once `unknown` is settled, or the process ends. */
  addWhenKnown(unknown, add) {
    const event = unknown
      .catch(() => {})
      .then(() => {
        if (this.incomplete.delete(event)) add();
      });
    this.incomplete.set(event, add);
  }

  /** Log the start of bodies that take long. */
  logSlow() {
    const now = performance.now();
    for (const call of this.open) {
      if (call.answeredAfter !== null && now - call.started > SLOW_BODY_MS) this.later(() => call.begin());
    }
  }

  /** The call, or undefined for one that is not logged. */
  begin(url, options, context) {
    const address = url instanceof Request ? url.url : String(url);
    // Data and blobs are inside of the program: an SDK tries with one what its `fetch` can do.
    if (this.spool === null || /^(?:data|blob):/i.test(address)) return undefined;
    return new Call(this, url, options, { ...this.context, ...this.around.getStore(), ...context });
  }

  async fetchWithLog(url, options, context) {
    const call = this.guard(() => this.begin(url, options, context));
    if (call === undefined) return this.fetch.call(undefined, url, options);
    let response;
    try {
      response = await this.fetch.call(undefined, call.url, call.options);
    } catch (error) {
      call.failed(error);
      throw error;
    }
    return this.guard(() => call.answered(response)) ?? response;
  }

  record(given) {
    if (this.spool === null) return;
    this.guard(() => {
      const { request, response, endpoint, attributes, ...fields } = given;
      const context = { ...this.context, ...this.around.getStore() };
      for (const [name, field] of CONTEXT_FIELDS) {
        if (fields[name] === undefined || name === field) continue;
        fields[field] = fields[name];
        delete fields[name];
      }
      const event = { id: randomUUID(), timestamp: new Date().toISOString(), ...contextFields(context), ...fields };
      event.attributes = { ...context.attributes, ...attributes };
      for (const name of IDS) event[name] = idText(event[name]);
      if (typeof endpoint === 'string') {
        event.endpoint = cleanEndpoint(endpoint, this.domainOnly) ?? endpoint.replace(/[?#].*$/s, '').replace(/^.*@/s, '');
      }
      for (const [side, payload] of Object.entries({ request, response })) {
        if (payload === undefined || payload === null) continue;
        const isRaw = isBytes(payload);
        const bytes = bytesOf(isRaw || typeof payload === 'string' ? payload : JSON.stringify(payload));
        const { digest, size, mime } = digestPayload(bytes, { ...this.digesting, text: !isRaw });
        event[`${side}_hash`] = digest ?? undefined;
        event[`${side}_bytes`] ??= size;
        event[`${side}_mime`] ??= mime;
      }
      this.add(event);
    });
  }

  async flush(ms, patient) {
    if (this.delivery === null) return true;
    this.catchUp();
    await within(Promise.all(this.incomplete.keys()), ms);
    return this.delivery.flush(ms, patient);
  }

  /** The end of answers that are still being read will not be seen. */
  cutOpen() {
    for (const call of this.open) if (call.answeredAfter !== null) call.finish(() => false);
    this.catchUp();
  }

  /** The process ends now, and its calls with it. Put what is only in memory on the disk. */
  keep() {
    this.cutOpen();
    for (const call of this.open) call.failed({ name: 'ProcessExit' });
    this.catchUp();
    for (const add of this.incomplete.values()) add();
    this.incomplete.clear();
  }

  /** The process has nothing left to do: send what waits, once. */
  async exit() {
    this.cutOpen();
    if (!this.isNew) return; // it was tried: the rest is on disk
    this.isNew = false;
    await this.flush(EXIT_MS, false);
  }

  /** Asked to end. A program with a handler of its own ends when that says so; another would have ended by now. */
  async terminate() {
    process.off('SIGTERM', this.handlers.SIGTERM);
    const isAlone = process.listenerCount('SIGTERM') === 0;
    if (isAlone) this.keep();
    await this.flush(EXIT_MS, false).catch(() => false);
    if (isAlone) process.kill(process.pid, 'SIGTERM');
  }

  async close(ms) {
    this.cutOpen();
    const gone = await this.flush(ms);
    this.spool?.seal();
    this.delivery?.close();
    clearInterval(this.slow);
    for (const [event, handler] of Object.entries(this.handlers ?? {})) process.off(event, handler);
    return gone;
  }
}

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?';
const ENDPOINT = new RegExp(
  `^(https?)://(${LABEL}(?:\\.${LABEL}){0,30}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::[0-9]{1,5})?` +
    '((?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/*)$',
  'i',
);

/** Where events go, or null. A grammar of our own reads the address first, because `URL` rewrites unusual ones. */
function eventsAddress(endpoint) {
  const text = endpoint.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  const match = ENDPOINT.exec(text);
  if (match === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  const host = match[2].toLowerCase();
  // Only the one unambiguous form of an address is taken. Port 0 is not valid.
  if ((!host.startsWith('[') && url.hostname !== host) || url.port === '0') return null;
  // Without TLS anybody on the way could read the token.
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
  if (url.protocol !== 'https:' && !isLoopback) return null;
  url.pathname = match[3].replace(/\/+$/, '').replace(/\/v1\/events$/, '').replace(/\/+$/, '') + '/v1/events';
  return url;
}

/**
 * The spool's folder, unless the program names one: `<endpoint>-<token>`. Each token has its own, because a spool is
 * sent with one agent's token. A file `agent` in it tells which folders are the same agent's.
 */
function defaultFolder(target, token) {
  const { XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  const local = process.platform === 'win32' ? LOCALAPPDATA : undefined;
  const state = XDG_STATE_HOME || local || path.join(os.homedir(), '.local', 'state');
  const base = target.href.replace(/\/v1\/events$/, '');
  const names = [base, token].map((text) => shortHash(text, 16));
  return path.join(state, 'agent-audit-log', names.join('-'));
}

/**
 * A log. Without a valid endpoint it does not throw: it warns once, and calls go on unlogged.
 * @param {AuditLogOptions} [options] @returns {AuditLog}
 */
export function createAuditLog(options = {}) {
  const recorder = new Recorder(options);
  return {
    fetchWithLog: (url, init, context) => recorder.fetchWithLog(url, init, context),
    record: (event) => recorder.record(event),
    withContext: (context, work) => recorder.around.run({ ...recorder.around.getStore(), ...context }, work),
    flush: (ms = 5000) => recorder.flush(ms),
    close: (ms = 5000) => recorder.close(ms),
  };
}

let shared;

/**
 * `fetch`, logged as the environment says (AUDIT_LOG_ENDPOINT, AUDIT_LOG_TOKEN).
 * @param {string | URL | Request} url @param {RequestInit} [options] @param {Context} [context]
 * @returns {Promise<Response>}
 */
export function fetchWithLog(url, options, context) {
  shared ??= createAuditLog();
  return shared.fetchWithLog(url, options, context);
}

export default fetchWithLog;
