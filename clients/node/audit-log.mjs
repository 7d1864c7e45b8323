/**
 * Logs every external call of an agent to an agent-audit-log endpoint. Node >= 20, no dependencies, one file to copy.
 *
 *     import { fetchWithLog } from './audit-log.mjs';   // AUDIT_LOG_ENDPOINT and AUDIT_LOG_TOKEN: in the environment
 *     const res = await fetchWithLog(url, options, { userId });
 *
 * Promises:
 * - The call is the same as without this file: same response, same errors. What goes wrong in here is a warning.
 * - Payloads never leave the process, are never on disk and never in a message: what is kept of them is a digest, a
 *   size and a media type. Userinfo, query and fragment of addresses are dropped before anything is kept.
 * - A call waits for none of it: what came of the call is worked out as soon as the program has nothing else to do at
 *   the moment, and before it ends. Then it is on disk (where there is one), and is sent until the endpoint says that
 *   it is stored, or refuses it for good, across restarts; sent twice, it is stored once. `kill -9` loses what that
 *   moment had not come for, and calls that were not answered.
 * - What is kept is bounded: beyond `maxSpoolBytes` new events are dropped, counted and reported.
 *
 * It is long for one file because one file is what can be copied into a project without a package manager: digests,
 * calls, spool, delivery, in that order. `docs/record.md` of agent-audit-log says what the fields mean.
 */

import { AsyncLocalStorage } from 'node:async_hooks';
import { isUtf8 } from 'node:buffer';
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';

/**
 * @typedef {object} Context  Who calls, for whom, as part of what. Anything left out is null in the record.
 * @property {string} [agentId]  the agent's name; the token says who it really is
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
 * @typedef {object} DigestKey  For `hmac-sha256` digests: an id that records name it by, and at least 32 bytes.
 * @property {string} id
 * @property {Uint8Array} key
 */

/**
 * @typedef {object} PayloadDigest
 * @property {string | null} digest  null when `undigestible` says why there is none
 * @property {number} size  in bytes
 * @property {string} mime
 * @property {string} [undigestible]
 * @property {unknown} [value]  the decoded JSON, where it is some
 */

// ---------------------------------------------------------------------------------------------------------------------
// Digests: RFC 8785 without the fields of fields-1, the same as the writer's. tests/vectors/digests.json proves it.

const PLACEHOLDER = '***REDACTED***';
const JSON_MIME = 'application/json';
const TEXT_MIME = 'text/plain';
const BINARY_MIME = 'application/octet-stream';
const MAX_DEPTH = 128;
const MAX_CHUNK_DIGESTS = 128;
/** Bytes. What is shorter can be found from an unkeyed digest by trying what it may be. */
const GUESSABLE = 1024;
/** A payload is read as JSON up to so many bytes. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;
const TOO_LARGE = `is larger than ${MAX_JSON_BYTES} bytes, and may be JSON`;

/** Frozen: `fields-1`. A better list would be `fields-2`, beside it. */
const FIELDS_1 = new Set(
  `
  accesskey accesskeyid accesskeysecret accesstoken accesstokens accountkey accountnumber adminpassword
  anthropicapikey apikey apikeys apikeysecret apisecret apisecretkey apitoken apitokens appkey applicationkey
  appsecret assertion auth authcode authentication authenticationkey authkey authorization authorizationcode
  authsecret authtoken awsaccesskeyid awssecretaccesskey awssessiontoken azureopenaiapikey backupcode backupcodes
  bankaccountnumber basicauth bearer bearertoken bottoken cardcvc cardcvv cardnumber cardpin cardsecuritycode
  clientassertion clientsecret codeverifier cohereapikey confirmpassword connectionstring connectionstrings
  connectionuri consumersecret cookie cookies credential credentials creditcard creditcardnumber csrftoken
  currentpassword cvc cvv cvv2 databasepassword databaseuri databaseurl dbpass dbpassword dbpwd ddapikey
  ddapplicationkey deploytoken devicetoken discordtoken dsn encryptionkey geminiapikey githubtoken gitlabtoken
  googleapikey groqapikey hftoken hmackey hmacsecret huggingfacetoken iban idtoken jobtoken jwt licensekey masterkey
  masterpassword mfacode mfatoken mistralapikey mnemonic mongodburi mysqlpassword newpassword npmtoken oauthtoken
  oauthtokensecret ocpapimsubscriptionkey oldpassword onetimecode onetimepassword openaiapikey otp otpcode passcode
  passphrase passportnumber passwd password passwordconfirmation passwordhash passwords passwordsalt
  personalaccesstoken pgpassword pgpkey pin postgresurl privatekey privatekeypassphrase privatekeypem privatetoken
  proxyauthorization pwd pypitoken recoverycode recoverycodes recoveryphrase redispassword redisurl refreshtoken
  registrationtoken rootpassword routingnumber sastoken secret secretaccesskey secretkey secrets secretstring
  secrettoken secretvalue securitycode securitytoken seedphrase sendgridapikey serviceaccountkey servicekey
  sessioncookie sessionkey sessiontoken setcookie sharedaccesskey sharedaccesssignature sharedkey sharedsecret
  signingkey signingsecret slacktoken smscode smtppassword socialsecuritynumber sshkey sshprivatekey ssn storagekey
  stripekey stripesecretkey subscriptionkey telegrambottoken token totp totpsecret twilioauthtoken twofactorcode
  userpassword userpwd usertoken verificationcode walletkey webhooksecret wwwauthenticate xaccesstoken
  xamzsecuritytoken xapikey xapisecret xapitoken xauthkey xauthorization xauthtoken xcsrftoken xfunctionskey
  xgitlabtoken xgoogapikey xrapidapikey xrefreshtoken xsessiontoken xshopifyaccesstoken xsrftoken xusertoken
  xvaulttoken xxsrftoken
`
    .trim()
    .split(/\s+/),
);

/** @type {Map<string, { written: string, isSecret: boolean }>} */
const knownNames = new Map();

/** A key as it is written, and whether its value stays out of a digest. @param {string} name */
function knownName(name) {
  let known = knownNames.get(name);
  if (known === undefined) {
    const folded = name.replace(/[-_. ]/g, '').replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    known = { written: `${JSON.stringify(name)}:`, isSecret: FIELDS_1.has(folded) };
    if (name.length > 64) return known;
    if (knownNames.size >= 4096) knownNames.clear();
    knownNames.set(name, known);
  }
  return known;
}

/** @param {string[]} keys */
function isSorted(keys) {
  for (let at = 1; at < keys.length; at += 1) if (keys[at - 1] > keys[at]) return false;
  return true;
}

/**
 * RFC 8785, with the values of secret fields replaced. What is not checked of them, `checkValues` has to.
 * @param {any} value @param {unknown[]} replaced  takes those values
 * @param {boolean} surrogates whether there may be lone ones @param {number} depth @returns {string}
 */
function digestForm(value, replaced, surrogates, depth) {
  if (typeof value === 'string') {
    if (surrogates && !wellFormed(value)) throw new Undigestible('is not JSON');
    return JSON.stringify(value);
  }
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Undigestible('is not JSON');
    return String(value);
  }
  if (depth >= MAX_DEPTH) throw new Undigestible('is nested too deep');
  let form = '';
  if (Array.isArray(value)) {
    for (const item of value) form += `${form === '' ? '[' : ','}${digestForm(item, replaced, surrogates, depth + 1)}`;
    return form === '' ? '[]' : `${form}]`;
  }
  const keys = Object.keys(value);
  if (!isSorted(keys)) keys.sort();
  for (const key of keys) {
    if (surrogates && !wellFormed(key)) throw new Undigestible('is not JSON');
    const { written, isSecret } = knownName(key);
    if (isSecret) replaced.push(value[key]);
    const inner = isSecret ? `"${PLACEHOLDER}"` : digestForm(value[key], replaced, surrogates, depth + 1);
    form += (form === '' ? '{' : ',') + written + inner;
  }
  return form === '' ? '{}' : `${form}}`;
}

/** Why a payload that looks like JSON has no digest. Its message holds none of it. */
class Undigestible extends Error {}

/**
 * One JSON text, strictly: no key twice, no lone surrogate, no number beyond a double, at most 128 levels. Its value,
 * and the form that is digested.
 * @param {Uint8Array} bytes
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
  const surrogates = /\\u[dD][89a-fA-F]/.test(text);
  /** @type {unknown[]} */
  const replaced = [];
  let form = '';
  try {
    form = digestForm(value, replaced, surrogates, 0);
  } finally {
    // Which of several reasons counts does not depend on where they are.
    if (form === '' || replaced.length > 0) checkValues(value, surrogates);
  }
  // JSON.parse keeps the last of two equal keys, so that a colon is missing from what it read. An escaped colon would
  // upset the count: then every object is looked at.
  const twice = text.includes('\\u003')
    ? readJson(text, false).twice
    : colons(text) !== colons(form) + (replaced.length > 0 ? colons(JSON.stringify(replaced)) : 0);
  if (twice) throw new Undigestible('has an object with the same key twice');
  return { value, form };
}

/** @param {any} root @param {boolean} surrogates whether there may be lone ones */
function checkValues(root, surrogates) {
  let level = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    const inner = [];
    for (const value of level) {
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Undigestible('is not JSON');
      if (surrogates && typeof value === 'string' && !wellFormed(value)) throw new Undigestible('is not JSON');
      if (typeof value !== 'object' || value === null) continue;
      if (depth >= MAX_DEPTH) throw new Undigestible('is nested too deep');
      if (surrogates && !Array.isArray(value) && !Object.keys(value).every(wellFormed)) {
        throw new Undigestible('is not JSON');
      }
      for (const child of Object.values(value)) {
        if (typeof child === 'object' || typeof child === 'number' || surrogates) inner.push(child);
      }
    }
    level = inner;
  }
}

/** @param {string} text */
function wellFormed(text) {
  return !/\p{Surrogate}/u.test(text);
}

/** @param {string} text */
function colons(text) {
  let count = 0;
  for (let at = text.indexOf(':'); at !== -1; at = text.indexOf(':', at + 1)) count += 1;
  return count;
}

const DEEPEST = 900;
const NUMBER = '-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?';

/**
 * Follow a JSON text token by token, in linear time and without recursion: whether it is one, and has a key twice.
 * `loose`: as a lenient decoder reads it, with NaN, infinities and control characters in texts. More than 900 levels
 * are taken for JSON at once: a decoder that gives up there has read an object until then.
 * @param {string} text @param {boolean} loose
 */
function readJson(text, loose) {
  const space = /[ \t\r\n]*/y;
  const scalar = new RegExp(`${NUMBER}|true|false|null${loose ? '|-?Infinity|NaN' : ''}`, 'y');
  const escape = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;
  const stop = loose ? /["\\]/g : /["\\\x00-\x1f]/g;
  const no = { valid: false, twice: false };
  let at = 0;
  let twice = false;
  /** @type {(Set<string> | null)[]} */
  const open = []; // for each object its keys so far, for each array null

  /** Pass over what `token` matches here. @param {RegExp} token */
  const take = (token) => {
    token.lastIndex = at;
    const found = token.test(text);
    if (found) at = token.lastIndex;
    return found;
  };
  /** Pass over `mark`, if it is here. @param {string} mark */
  const takeMark = (mark) => {
    if (text[at] !== mark) return false;
    at += 1;
    return true;
  };
  /** The raw content of the string that begins here, or null when none does. */
  const string = () => {
    if (!takeMark('"')) return null;
    const start = at;
    for (;;) {
      stop.lastIndex = at;
      const found = stop.exec(text);
      if (found === null) return null;
      at = found.index + 1;
      if (found[0] === '"') return text.slice(start, found.index);
      if (found[0] !== '\\' || !take(escape)) return null;
    }
  };
  /** Pass over a key and its colon. */
  const key = () => {
    take(space);
    const raw = string();
    if (raw === null) return false;
    const keys = open[open.length - 1];
    if (!loose && keys) {
      const name = raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw;
      if (keys.has(name)) twice = true;
      keys.add(name);
    }
    take(space);
    return takeMark(':');
  };

  for (;;) {
    take(space);
    if (text[at] === '{' || text[at] === '[') {
      const isObject = text[at] === '{';
      at += 1;
      take(space);
      if (!takeMark(isObject ? '}' : ']')) {
        open.push(isObject ? new Set() : null);
        if (open.length > DEEPEST) return { valid: true, twice };
        if (isObject && !key()) return no;
        continue;
      }
    } else if (text[at] === '"' ? string() === null : !take(scalar)) {
      return no;
    }
    // A value has ended: what is around it ends too, or goes on with another.
    for (;;) {
      take(space);
      if (open.length === 0) return at === text.length ? { valid: true, twice } : no;
      const isObject = open[open.length - 1] !== null;
      if (takeMark(',')) {
        if (isObject && !key()) return no;
        break;
      }
      if (!takeMark(isObject ? '}' : ']')) return no;
      open.pop();
    }
  }
}

/** @param {number | undefined} byte */
const isSpace = (byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a;
/** @param {number} byte */
const isSkipped = (byte) => isSpace(byte) || byte === 0xef || byte === 0xbb || byte === 0xbf;

/** Where the first byte is that is neither white space nor of a byte order mark. @param {Uint8Array} bytes */
function firstOf(bytes) {
  let at = 0;
  while (at < bytes.length && isSkipped(bytes[at])) at += 1;
  return at;
}

/** Whether a decoder less strict than ours would find an object or an array. @param {Uint8Array} bytes */
function isLooseJson(bytes) {
  const first = String.fromCharCode(bytes[firstOf(bytes)] ?? 0);
  if (first !== '{' && first !== '[') return false;
  const readings = [new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)];
  if (bytes[1] === 0) readings.push(new TextDecoder('utf-16le', { ignoreBOM: true }).decode(bytes));
  return readings.some((text) => readJson(text.replace(/^[ \t\r\n\ufeff]+/, ''), true).valid);
}

/** A running SHA-256, or an HMAC-SHA-256 (Node's own cannot be read on the way). */
class Running {
  /** @param {DigestKey} [key] */
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

  /** @param {Uint8Array | string} data */
  update(data) {
    this.hash.update(data);
    return this;
  }

  /** The digest so far. */
  written() {
    const inner = this.hash.copy();
    if (this.outer === undefined) return this.prefix + inner.digest('hex');
    return this.prefix + createHash('sha256').update(this.outer).update(inner.digest()).digest('hex');
  }
}

/**
 * The digest of a payload: as JSON where it is JSON, as it is otherwise. JSON that is ambiguous gets none: one over its
 * bytes would hold the secret fields.
 * @param {Uint8Array} bytes @param {{ key?: DigestKey, text?: boolean }} [options] @returns {PayloadDigest}
 */
export function digestPayload(bytes, { key, text = false } = {}) {
  const size = bytes.length;
  const mime = text ? TEXT_MIME : BINARY_MIME;
  if (size > MAX_JSON_BYTES) {
    const shape = new JsonShape();
    shape.feed(bytes.subarray(0, MAX_JSON_BYTES));
    if (shape.mayHoldFields) return { digest: null, size, mime: JSON_MIME, undigestible: TOO_LARGE };
  } else if ('{["-0123456789tfn'.includes(String.fromCharCode(bytes[firstOf(bytes)] ?? 0))) {
    try {
      const { value, form } = decodeJson(bytes);
      return { digest: new Running(key).update(form).written(), size, mime: JSON_MIME, value };
    } catch (error) {
      if (!(error instanceof Undigestible)) throw error;
      if (isLooseJson(bytes)) return { digest: null, size, mime: JSON_MIME, undigestible: error.message };
    }
  }
  return { digest: new Running(key).update(bytes).written(), size, mime };
}

/** Whether bytes that arrive piece by piece can still be one JSON document. A "no" is final and right. */
class JsonShape {
  /** @type {'before' | 'opened' | 'inside' | 'word' | 'after' | 'wide' | 'not'} */
  state = 'before';
  skipped = false;
  depth = 0;
  inString = false;
  escaped = false;
  isContainer = false;

  get mayBeJson() {
    return this.state !== 'not';
  }

  get mayHoldFields() {
    return this.mayBeJson && (this.isContainer || this.state === 'before');
  }

  /** @param {Uint8Array} bytes */
  feed(bytes) {
    let at = this.state === 'before' ? this.begin(bytes) : 0;
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

  /** Look for the first byte that counts: where to go on. @param {Uint8Array} bytes */
  begin(bytes) {
    const at = firstOf(bytes);
    this.skipped ||= at > 0;
    if (at === bytes.length) return at;
    const first = String.fromCharCode(bytes[at]);
    if (first === '{' || first === '[') {
      this.isContainer = true;
      this.depth = 1;
      this.state = this.skipped ? 'inside' : 'opened';
      return at + 1;
    }
    this.state = first === '"' ? 'inside' : '-0123456789tfn'.includes(first) ? 'word' : 'not';
    return at;
  }

  /** Follow strings and brackets: where to go on. @param {Uint8Array} bytes @param {number} start */
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
      if (this.depth > 0 || this.inString) continue;
      this.state = 'after';
      return at;
    }
  }
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
    this.running = new Running(options.key);
    /** @type {JsonShape | null} */
    this.shape = new JsonShape();
    /** @type {Uint8Array[]} */
    this.held = [];
    this.tooLarge = false;
    this.size = 0;
    this.chunks = 0;
    this.chunkEvery = 1;
    /** @type {(string | null)[]} */
    this.chunkDigests = [];
  }

  /** Take the next chunk, which nobody may change from now on. An empty one is none. @param {Uint8Array} chunk */
  add(chunk) {
    if (chunk.length === 0) return;
    const before = this.size;
    this.size += chunk.length;
    this.chunks += 1;
    if (this.shape !== null) {
      this.held.push(chunk);
      this.decide(this.shape, chunk.subarray(0, Math.max(0, MAX_JSON_BYTES - before)));
    } else if (!this.tooLarge) {
      this.running.update(chunk);
    }
    if (this.chunks % this.chunkEvery !== 0) return;
    const guessable = this.options.key === undefined && this.size < GUESSABLE;
    this.chunkDigests.push(this.shape !== null || this.tooLarge || guessable ? null : this.running.written());
    if (this.chunkDigests.length > MAX_CHUNK_DIGESTS) {
      this.chunkDigests = this.chunkDigests.filter((_, index) => index % 2 === 1);
      this.chunkEvery *= 2;
    }
  }

  /**
   * Let go of what is held once it cannot be JSON, or is too large.
   * @param {JsonShape} shape @param {Uint8Array} piece
   */
  decide(shape, piece) {
    shape.feed(piece);
    if (shape.mayBeJson && this.size <= MAX_JSON_BYTES) return;
    this.tooLarge = shape.mayHoldFields;
    if (!this.tooLarge) for (const held of this.held) this.running.update(held);
    this.held = [];
    this.shape = null;
  }

  /** The digest of the whole body. Call it once, at the end. @returns {PayloadDigest} */
  finish() {
    const { size } = this;
    if (this.shape !== null) {
      const whole = this.held.length === 1 ? this.held[0] : Buffer.concat(this.held);
      this.held = [];
      return digestPayload(whole, this.options);
    }
    if (this.tooLarge) return { digest: null, size, mime: JSON_MIME, undigestible: TOO_LARGE };
    return { digest: this.running.written(), size, mime: this.options.text ? TEXT_MIME : BINARY_MIME };
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Calls: one `fetch`, watched. What fails in here is caught, and said once; only the call's own errors pass.

const SETTINGS_IN_CONTEXT = /** @type {const} */ ([
  ['agentId', 'agent_id'],
  ['userId', 'user_id'],
  ['sessionId', 'session_id'],
  ['correlationId', 'correlation_id'],
  ['agentVersion', 'agent_version'],
  ['deploymentId', 'deployment_id'],
  ['traceId', 'trace_id'],
  ['spanId', 'span_id'],
  ['model', 'model'],
  ['outcome', 'outcome'],
]);
const IDS = ['id', 'provider_request_id', ...SETTINGS_IN_CONTEXT.map(([, field]) => field)];
const TRACE_HEADER = 'x-trace-id';
/** Where services put their own id of a request, the most telling first. */
const REQUEST_ID_HEADERS = [
  'x-request-id', 'request-id', 'x-amzn-requestid', 'x-amz-request-id', 'apim-request-id', 'x-ms-request-id',
  'x-goog-request-id', 'x-github-request-id', 'x-correlation-id', 'x-trace-id', 'cf-ray',
];
const STREAM_TYPES = /event-stream|eventstream|ndjson|jsonl|jsonlines|json-seq|stream\+json/;
/** A body that is not over after so many milliseconds is logged as a stream: it has begun, whatever becomes of it. */
const SLOW_BODY_MS = 10_000;
/** So long a record waits for the digest of a request body that is still being read when the call is over. */
const SENDING_MS = 250;
/** So much of a body is read ahead of the caller, so that the record of a body that nobody reads is whole. */
const READ_AHEAD = 256 * 1024;
const COUNTS = {
  input: ['input_tokens', 'prompt_tokens', 'promptTokenCount', 'inputTokens', 'inputTokenCount'],
  output: ['output_tokens', 'completion_tokens', 'candidatesTokenCount', 'outputTokens', 'outputTokenCount'],
  total: ['total_tokens', 'totalTokenCount', 'totalTokens'],
  cache_read: [
    'cache_read_input_tokens', 'cachedContentTokenCount', 'cacheReadInputTokens', 'prompt_cache_hit_tokens',
  ],
  cache_creation: ['cache_creation_input_tokens', 'cacheWriteInputTokens'],
  reasoning: ['thoughtsTokenCount'],
};
const COUNTED_DETAILS = /** @type {const} */ ([
  ['cache_read', ['prompt_tokens_details', 'input_tokens_details'], 'cached_tokens'],
  ['reasoning', ['completion_tokens_details', 'output_tokens_details'], 'reasoning_tokens'],
]);
const OLLAMA_COUNTS = /** @type {const} */ ([['input', 'prompt_eval_count'], ['output', 'eval_count']]);
const USAGES = ['usage', 'usageMetadata', 'usage_metadata', 'amazon-bedrock-invocationMetrics'];
/** Members in which a provider puts what others put at the top. */
const INNER = ['message', 'response', 'delta', 'meta', 'result'];
const ENDED = ['message', 'delta', 'response', 'promptFeedback', 'messageStop'];
const REASONS = ['finish_reason', 'finishReason', 'stop_reason', 'stopReason', 'done_reason', 'blockReason'];
const BLOCKED = 'policy-blocked';
/** Reasons of answers that a policy stopped, as `foldedWord` writes them. */
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
const THROTTLED_CODE = new RegExp(
  '^(?:.*(?:ratelimit|throttl|toomanyrequests|quotaexceeded|requestlimitexceeded|usagelimitreached|throughputexceeded).*' +
    '|.*resourceexhausted(?:error|exception)?|insufficientquota|slowdown|429)$',
);
const ERROR_CODE = /^(?:[A-Za-z][A-Za-z_.-]{1,63}|[1-9][0-9]{2})$/;
const EVENT_STREAM = 'text/event-stream';
const AWS_STREAM = 'application/vnd.amazon.eventstream';
/** Media types of streams whose events are read. */
const READ_TYPES = new Set([
  EVENT_STREAM, AWS_STREAM, 'application/x-ndjson', 'application/ndjson', 'application/jsonl',
  'application/stream+json', 'application/json-seq',
]);
const TELLING = new RegExp(
  '"(?:usage|usageMetadata|error|errors|isError|message_st[a-z]+|message-end|stream-end|done|is_finished' +
    '|response\\.(?:created|completed|failed|incomplete|cancelled)' +
    '|(?:finish_reason|finishReason|stop_reason|stopReason)"\\s*:\\s*"|blockReason)',
);
/** The first events are always read: they show which protocol it is. */
const FIRST_EVENTS = 8;
const FIRST_TYPES = new Set(['message_start', 'response.created', 'message-start']);
const LAST_TYPES = new Set([
  'message_stop', 'response.completed', 'response.failed', 'response.incomplete', 'response.cancelled', 'message-end',
  'error',
]);
const AWS_NAME = /:(event|exception|message)-type\x07\x00[^]([A-Za-z-]{1,60})/g;
const AWS_PREFIX = 12;
const AWS_CRC = 4;
const CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A text that a record's field may hold, or undefined. @param {unknown} value @param {number} [most] */
function plainText(value, most = 256) {
  return typeof value === 'string' && value !== '' && value.length <= most && !CONTROL.test(value) ? value : undefined;
}

/** An id as the text of a record: a number becomes its decimal text. @param {unknown} id */
function idText(id) {
  if (typeof id === 'bigint' || (typeof id === 'number' && Number.isFinite(id))) {
    return Number.isInteger(id) ? BigInt(id).toString() : String(id);
  }
  return id;
}

/** An identifier that is no prose: a model's name, an error's code. @param {unknown} value */
function plainName(value) {
  return typeof value === 'string' && /^[A-Za-z0-9][\w.:/@-]{0,127}$/.test(value) ? value : undefined;
}

/** The members that JSON can hold: no bigint, no circle. @param {Record<string, any>} members */
function jsonMembers(members) {
  const isJson = (/** @type {unknown} */ value) => {
    try {
      return JSON.stringify(value) !== undefined;
    } catch {
      return false;
    }
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => isJson(value)));
}

/** An event as JSON, without the members that JSON cannot hold. @param {Record<string, unknown>} event */
function jsonOf(event) {
  try {
    return JSON.stringify(event);
  } catch {
    const attributes = jsonMembers(event.attributes ?? {});
    return JSON.stringify({ ...jsonMembers(event), attributes });
  }
}

/** What was called, without userinfo, query and fragment. @param {string} text @param {boolean} [domainOnly] */
function cleanEndpoint(text, domainOnly = false) {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.host === '') return url.protocol;
  return domainOnly ? url.hostname : `${url.protocol}//${url.host}${url.pathname}`;
}

/** The media type without its parameters. @param {string | null | undefined} contentType */
function mediaType(contentType) {
  return plainText(contentType?.split(';', 1)[0].trim().toLowerCase(), 255);
}

/** What the answer of a model or a tool says. `outcome` is never success: that follows from the status. */
class Said {
  /** @type {string | undefined} */
  model;
  /** @type {Record<string, number>} */
  tokens = {};
  /** @type {'error' | 'throttled' | 'policy-blocked' | undefined} */
  outcome;
  /** @type {string | undefined} of the error */
  code;
  /** @type {string | undefined} why the answer ended, where that is not an error */
  reason;

  /** Read one JSON document. A later count replaces an earlier one, unless it is zero. @param {any} value */
  read(value) {
    // A list: Gemini's stream as one document.
    for (const item of Array.isArray(value) ? value : [value]) {
      if (!isObject(item)) continue;
      for (const part of [item, ...INNER.map((name) => item[name])]) {
        if (!isObject(part)) continue;
        this.model ??= plainName(part.model ?? part.modelVersion);
        for (const name of USAGES) this.count(part[name]);
      }
      for (const [kind, name] of OLLAMA_COUNTS) this.keep(kind, item[name]);
      if (this.outcome === undefined || this.outcome === BLOCKED) this.judge(item);
    }
  }

  /** The answer is an error. @param {unknown} [code] */
  fail(code) {
    if (this.outcome !== undefined && this.outcome !== BLOCKED) return;
    const kind = typeof code === 'string' || typeof code === 'number' ? String(code) : '';
    const plain = foldedWord(kind);
    this.outcome = THROTTLED_CODE.test(plain) ? 'throttled' : BLOCKED_REASONS.has(plain) ? BLOCKED : 'error';
    this.code = ERROR_CODE.test(kind) ? kind : undefined;
  }

  /** @param {any} item */
  judge(item) {
    for (const name of ['', 'response', 'delta', 'result']) {
      const part = name === '' ? item : item[name];
      if (!isObject(part)) continue;
      if (name !== 'result' && isError(part.error)) return this.fail(codeOf(part.error));
      if (part.isError === true) return this.fail(); // MCP
    }
    const graphQl = Array.isArray(item.errors) && item.errors.some((error) => isObject(error) && 'message' in error);
    if (graphQl) return this.fail();
    if (item.type === 'error') return this.fail(item.code);
    const exception = Object.keys(item).find((name) => /^[A-Za-z]{1,60}Exception$/.test(name)); // Bedrock
    if (exception !== undefined) return this.fail(exception);
    for (const reason of endReasons(item)) {
      const plain = foldedWord(reason);
      if (this.outcome !== undefined || !(BLOCKED_REASONS.has(plain) || FAILED_REASONS.has(plain))) continue;
      this.fail(reason);
      [this.code, this.reason] = [undefined, this.code];
    }
  }

  /** @param {any} usage */
  count(usage) {
    if (!isObject(usage)) return;
    for (const [kind, names] of Object.entries(COUNTS)) for (const name of names) this.keep(kind, usage[name]);
    for (const [kind, parents, name] of COUNTED_DETAILS) {
      for (const parent of parents) this.keep(kind, usage[parent]?.[name]);
    }
    this.count(usage.tokens); // Cohere
  }

  /** @param {string} kind @param {any} number */
  keep(kind, number) {
    if (!Number.isSafeInteger(number) || number < 0) return;
    if (number > 0 || this.tokens[kind] === undefined) this.tokens[kind] = number;
  }
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A word in lower case, of letters and digits alone. @param {string} text */
function foldedWord(text) {
  return text.slice(0, 128).toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Whether an `error` member reports an error: some services always send it, empty. @param {any} error */
function isError(error) {
  if (isObject(error)) return Object.values(error).some((value) => ![null, '', 0, false].includes(value));
  return typeof error === 'string' && error !== '' && !/^(?:none|null|ok|false|0)$/.test(foldedWord(error));
}

/** The most specific code of an error: one of a limit or a policy before any other. @param {any} error */
function codeOf(error) {
  if (!isObject(error)) return error;
  const codes = [error.type, error.code, error.status, error.innererror?.code].filter(
    (code) => typeof code === 'number' || (typeof code === 'string' && code !== ''),
  );
  const isTelling = (/** @type {unknown} */ code) => {
    const plain = foldedWord(String(code));
    return BLOCKED_REASONS.has(plain) || THROTTLED_CODE.test(plain);
  };
  return codes.find(isTelling) ?? codes.find((code) => typeof code === 'string') ?? codes[0];
}

/** Why an answer ended, from every member where providers put it. @param {any} item */
function endReasons(item) {
  const listed = [item.choices, item.candidates].filter(Array.isArray).flatMap((list) => list.slice(0, 128));
  const parts = [item, ...ENDED.map((name) => item[name]), ...listed].filter(isObject);
  const found = parts.flatMap((part) => [
    ...REASONS.map((name) => part[name]),
    part.incomplete_details?.reason, // OpenAI's Responses
    part.object === 'response' ? part.status : undefined,
  ]);
  return found.filter((reason) => typeof reason === 'string');
}

/**
 * Reads the events of one streamed answer of the media type `mime`. The protocol's last event ends an answer, not the
 * end of its connection. One event is in memory at a time, up to 32 MiB; a longer one is skipped.
 */
class Events {
  /** @param {string} mime */
  constructor(mime) {
    this.said = new Said();
    this.isAws = mime === AWS_STREAM;
    this.isSse = mime === EVENT_STREAM;
    /** @type {Uint8Array[]} */
    this.held = [];
    this.size = 0;
    this.wanted = AWS_PREFIX;
    this.skipping = false;
    this.name = '';
    /** @type {string[]} */
    this.data = [];
    this.dataSize = 0;
    this.count = 0;
    this.lastIsDue = false;
    this.isOver = false; // the protocol's last event has come
  }

  /** Whether the protocol's last event is missing, after the answer's last byte. */
  get isCut() {
    return this.lastIsDue && !this.isOver;
  }

  /** Take the next bytes. @param {Uint8Array} bytes */
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

  /** @param {Uint8Array} bytes */
  hold(bytes) {
    if (bytes.length === 0 || this.skipping) return;
    this.held.push(bytes);
    this.size += bytes.length;
    if (this.size <= MAX_JSON_BYTES) return;
    this.held = [];
    this.skipping = true;
  }

  /** Take whole lines. The first may have begun in earlier bytes. @param {Uint8Array} bytes */
  takeLines(bytes) {
    const lines = Buffer.concat([...this.held, bytes]).toString().split('\n');
    this.held = [];
    this.size = 0;
    const begin = this.skipping ? 1 : 0;
    this.skipping = false;
    for (let at = begin; at < lines.length - 1; at += 1) this.line(lines[at]);
  }

  /** @param {string} whole */
  line(whole) {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
    if (!this.isSse) this.read(line.replace(/^\x1e/, ''));
    else if (line.startsWith('data:')) {
      this.dataSize += line.length;
      if (this.dataSize <= MAX_JSON_BYTES) this.data.push(line.slice(5));
    } else if (line.startsWith('event:')) this.name = line.slice(6).trim();
    else if (line === '') this.endEvent();
  }

  /** Read what came since the last empty line. */
  endEvent() {
    if (this.data.length > 0) {
      this.read(this.data.join('\n'));
      this.data = [];
      this.dataSize = 0;
    }
    if (this.name === 'error') {
      this.said.fail();
      this.isOver = true;
    }
    this.name = '';
  }

  /** Read the content of one event. @param {string} text */
  read(text) {
    if (text.trim() === '[DONE]') {
      this.isOver = true;
      return;
    }
    this.count += 1;
    if (this.count > FIRST_EVENTS && !TELLING.test(text)) return;
    const value = tryJson(text);
    this.said.read(value);
    if (isObject(value)) this.follow(value);
  }

  /** Note which protocol it is, and whether this was its last event. @param {Record<string, any>} value */
  follow({ type, done, is_finished: isFinished, candidates, choices }) {
    const last = done ?? isFinished; // Ollama; Cohere's first version
    const isListed = Array.isArray(candidates) || Array.isArray(choices);
    this.lastIsDue ||= FIRST_TYPES.has(type) || typeof last === 'boolean' || isListed;
    this.isOver ||=
      LAST_TYPES.has(type) ||
      last === true ||
      this.said.outcome === 'error' ||
      this.said.outcome === 'throttled' ||
      (Array.isArray(candidates) && candidates.some((one) => isObject(one) && one.finishReason !== undefined));
  }

  /** Read AWS's frames: length, length of the headers, a checksum; headers; payload; a checksum. */
  takeFrames() {
    const buffer = Buffer.concat(this.held);
    this.held = [];
    let at = 0;
    while (buffer.length - at >= AWS_PREFIX) {
      const total = buffer.readUInt32BE(at);
      const headers = buffer.readUInt32BE(at + 4);
      if (total < AWS_PREFIX + headers + AWS_CRC || total > MAX_JSON_BYTES) {
        this.skipping = true; // not an event stream of AWS
        return;
      }
      if (buffer.length - at < total) break;
      const begin = at + AWS_PREFIX + headers;
      this.frame(buffer.toString('latin1', at + AWS_PREFIX, begin), buffer.toString('utf8', begin, at + total - AWS_CRC));
      at += total;
    }
    const rest = buffer.subarray(at);
    this.held = [rest];
    this.size = rest.length;
    this.wanted = rest.length >= AWS_PREFIX ? rest.readUInt32BE(0) : AWS_PREFIX;
  }

  /** @param {string} headers @param {string} payload */
  frame(headers, payload) {
    const names = Object.fromEntries([...headers.matchAll(AWS_NAME)].map(([, kind, name]) => [kind, name]));
    if (names.message === 'exception' || names.message === 'error') {
      this.said.fail(names.exception);
      this.isOver = true;
    }
    this.lastIsDue ||= names.event === 'messageStart';
    this.isOver ||= names.event === 'messageStop';
    this.count = 0; // AWS's frames are few: read each
    this.read(payload);
  }
}

/** The fields of an event that a context gives. @param {Context} context */
function contextFields(context) {
  /** @type {Record<string, unknown>} */
  const fields = {};
  for (const [name, field] of SETTINGS_IN_CONTEXT) fields[field] = plainText(idText(context[name]));
  return fields;
}

/** @param {unknown} value @returns {value is AsyncIterable<Uint8Array>} */
function isAsyncIterable(value) {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** @param {unknown} body @returns {body is ArrayBufferLike | ArrayBufferView} */
function isBytes(body) {
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof SharedArrayBuffer;
}

/** The body as bytes, where it is there as a whole; it is read before anybody can change it. @param {unknown} body */
function wholeBody(body) {
  if (body === undefined || body === null) return new Uint8Array();
  if (!isBytes(body)) return Buffer.from(String(body));
  return ArrayBuffer.isView(body)
    ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : new Uint8Array(body);
}

/** Bodies that are closed when their stream is no longer reachable: see `Call.answered`. */
const unread = new FinalizationRegistry((/** @type {() => void} */ abandon) => abandon());

/**
 * One call: from what `fetch` is given to the records of what came of it. What the caller's own path passes through only
 * notes what happened; all else is done `later`, in the order of what happened.
 */
class Call {
  /**
   * @param {Recorder} recorder
   * @param {string | URL | Request} url
   * @param {RequestInit | undefined} options
   * @param {Context} context
   */
  constructor(recorder, url, options, context) {
    this.recorder = recorder;
    this.started = performance.now();
    this.url = url;
    this.options = options;
    /** @type {Promise<void> | null} */
    this.sending = null; // while a request body is read on its way
    /** @type {Uint8Array | string | null} */
    this.sent = null; // a request body that is there as a whole
    /** @type {number | null} */
    this.answeredAfter = null; // milliseconds
    this.isStream = false;
    this.startTold = false;
    this.over = false; // for the caller
    this.concluded = false; // for the log
    this.isJudged = context.outcome !== undefined; // the program gives the outcome itself
    /** @type {Uint8Array[]} */
    this.arrived = []; // what of the body is still to be digested
    /** @type {Events | null} */
    this.events = null;
    /** @type {string | null} */
    this.length = null; // what the answer's header says
    this.body = new StreamDigest({ key: recorder.digestKey });
    /** @type {Record<string, unknown>} */
    this.attributes = { ...context.attributes };
    /** @type {Record<string, string | undefined>} */
    this.undigestible = {};
    /** @type {Record<string, any>} */
    this.fields = { timestamp: new Date().toISOString() };
    const headers = this.prepare(url, options, plainText(idText(context.correlationId)));
    const address = url instanceof Request ? url.url : String(url);
    const method = options?.method ?? (url instanceof Request ? url.method : 'GET');
    this.later(() => this.describe(address, method, headers, context));
    recorder.open.add(this);
  }

  /** @param {string} address @param {string} method @param {Headers} headers @param {Context} context */
  describe(address, method, headers, context) {
    const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(headers.get('traceparent') ?? '');
    const fields = contextFields(context);
    Object.assign(this.fields, fields, {
      endpoint: cleanEndpoint(address, this.recorder.domainOnly),
      method: /^[A-Za-z][A-Za-z-]{0,19}$/.test(method) ? method.toUpperCase() : undefined,
      correlation_id:
        fields.correlation_id ?? plainText(headers.get('x-correlation-id')) ?? plainText(headers.get(TRACE_HEADER)),
      request_mime: mediaType(headers.get('content-type')),
    });
    this.fields.trace_id ??= trace?.[1];
    this.fields.span_id ??= trace?.[2];
    if (this.sent === null) return;
    const payload = digestPayload(wholeBody(this.sent), {
      key: this.recorder.digestKey,
      text: typeof this.sent === 'string',
    });
    this.sent = null;
    this.addRequest(payload);
  }

  /**
   * Make the request that is sent: the same, with an X-Trace-ID, and with its body digested on the way. Returns its
   * headers.
   * @param {string | URL | Request} url
   * @param {RequestInit | undefined} options
   * @param {string | undefined} correlation
   */
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
      else this.await(this.digestAll(copy));
      return request.headers;
    }
    const headers = new Headers(options?.headers);
    this.addTrace(headers, correlation);
    this.options = { ...options, headers };
    if (body instanceof Blob) {
      this.await(this.digestAll(body.stream()));
      if (!headers.has('content-type') && body.type !== '') {
        return new Headers([...headers, ['content-type', body.type]]);
      }
    } else if (isAsyncIterable(body)) {
      this.options.body = /** @type {any} */ (this.watched(body));
    } else {
      // As it is now: whoever made it may change it.
      this.sent = isBytes(body) ? new Uint8Array(wholeBody(body)) : String(body ?? '');
      if (body instanceof URLSearchParams && !headers.has('content-type')) {
        return new Headers([...headers, ['content-type', 'application/x-www-form-urlencoded']]);
      }
    }
    return headers;
  }

  /** @param {Headers} headers @param {string | undefined} correlation */
  addTrace(headers, correlation) {
    if (!this.recorder.traceHeader || headers.has(TRACE_HEADER)) return;
    const known = correlation ?? plainText(headers.get('x-correlation-id')) ?? randomUUID();
    if (/^[\x21-\x7e]{1,256}$/.test(known)) headers.set(TRACE_HEADER, known);
  }

  /** A body that streams, digested as the network takes it. @param {AsyncIterable<Uint8Array>} body */
  watched(body) {
    const call = this;
    const digest = new StreamDigest({ key: this.recorder.digestKey });
    /** @type {(result: PayloadDigest) => void} */
    let settle = () => {};
    this.await(new Promise((resolve) => (settle = resolve)));
    const unknown = { digest: null, size: 0, mime: '' };
    /** @param {boolean} whole */
    const end = (whole) => settle(whole ? digest.finish() : { ...unknown, size: digest.size });
    async function* pass() {
      let whole = false;
      try {
        for await (const chunk of body) {
          call.guard(() => digest.add(new Uint8Array(wholeBody(chunk))));
          yield chunk;
        }
        whole = true;
      } finally {
        end(whole);
      }
    }
    const passed = pass();
    // Node's own `fetch` takes either; before 20.6 there is only the latter.
    const from = /** @type {any} */ (ReadableStream).from;
    return body instanceof ReadableStream && from !== undefined ? from.call(ReadableStream, passed) : passed;
  }

  /** @param {ReadableStream<Uint8Array>} stream @returns {Promise<PayloadDigest>} */
  async digestAll(stream) {
    const digest = new StreamDigest({ key: this.recorder.digestKey });
    try {
      for await (const chunk of stream) digest.add(chunk);
      return digest.finish();
    } catch {
      return { digest: null, size: digest.size, mime: '' };
    }
  }

  /** @param {Promise<PayloadDigest>} digest of a request body that is read on its way */
  await(digest) {
    this.sending = digest.then((payload) => {
      this.recorder.catchUp(); // what is known of the request comes first
      this.sending = null;
      this.addRequest(payload);
    });
  }

  /** @param {PayloadDigest} payload */
  addRequest(payload) {
    const value = /** @type {any} */ (payload.value);
    this.fields.request_hash = payload.digest ?? undefined;
    this.fields.request_bytes = payload.size;
    this.undigestible.request_undigestible = payload.undigestible;
    if (payload.size > 0) this.fields.request_mime ??= payload.mime || undefined;
    this.fields.model ??= plainName(value?.model);
    if (value?.stream === true) this.isStream = true;
  }

  /** There is no answer. @param {unknown} error */
  failed(error) {
    this.later(() => {
      this.fields.outcome ??= 'error';
      this.addError(error);
    });
    this.finish(() => false);
  }

  /** What kind of error it was; its message may hold anything. @param {any} error */
  addError(error) {
    const cause = error?.cause;
    this.attributes.error_type = plainName(error?.name) ?? 'Error';
    this.attributes.error_code = plainName(cause?.code) ?? plainName(error?.code);
  }

  /** There is an answer: the same one, for the caller to read, watched. @param {Response} response */
  answered(response) {
    this.answeredAfter = this.elapsed();
    this.later(() => this.describeAnswer(response));
    if (response.body === null) {
      this.finish(() => true);
      return response;
    }
    return this.watch(response, response.body);
  }

  /** @param {Response} response */
  describeAnswer({ headers, status, redirected, url }) {
    this.attributes.first_byte_ms = this.answeredAfter;
    this.fields.status = status;
    // A success is known only at the end.
    if (status >= 400) this.fields.outcome ??= status === 429 ? 'throttled' : 'error';
    this.fields.response_mime = mediaType(headers.get('content-type'));
    this.fields.provider_request_id = REQUEST_ID_HEADERS.map((name) => plainText(headers.get(name))).find(Boolean);
    this.attributes.retry_after_ms = retryAfter(headers.get('retry-after'));
    if (redirected) this.attributes.target = cleanEndpoint(url, this.recorder.domainOnly);
    if (STREAM_TYPES.test(this.fields.response_mime ?? '')) this.isStream = true;
    if (READ_TYPES.has(this.fields.response_mime ?? '')) this.events = new Events(this.fields.response_mime);
    if (!headers.has('content-encoding')) this.length = headers.get('content-length');
    if (this.isStream) this.begin();
  }

  /** Put a watched body in the place of a response's own. @param {Response} response @param {ReadableStream} source */
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
            call.cut(error);
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
          call.finish(() => call.isWhole());
          return reader.cancel(reason);
        },
      },
      { highWaterMark: READ_AHEAD },
    );
    // Nobody can read a stream that nobody holds: let go of its connection, and say that its end was not seen.
    unread.register(stream, () => {
      call.finish(() => false);
      reader.cancel().catch(() => {});
    });
    return sameAs(response, new Response(stream, response));
  }

  /** @param {Uint8Array} chunk */
  received(chunk) {
    if (this.over) return;
    this.arrived.push(chunk);
    if (this.arrived.length === 1) this.later(() => this.digestArrived());
  }

  digestArrived() {
    for (const chunk of this.arrived) {
      this.body.add(chunk);
      this.events?.add(chunk);
    }
    this.arrived = [];
  }

  /** Whether a body that was given up had nothing left to be read. */
  isWhole() {
    return this.length === String(this.body.size) || (this.events?.isOver ?? false);
  }

  /** The body broke off. @param {unknown} error */
  cut(error) {
    this.later(() => {
      if (this.concluded) return;
      this.fields.outcome = 'error';
      this.addError(error);
    });
    this.finish(() => false);
  }

  /** The record of a stream's start. */
  begin() {
    if (this.startTold || this.concluded) return;
    this.startTold = true;
    this.streamId = randomUUID();
    this.tell({ stream: { id: this.streamId, phase: 'start' }, duration_ms: this.answeredAfter });
  }

  /** The call is over, or its stream is. Only the first end counts. @param {() => boolean} isComplete */
  finish(isComplete) {
    if (this.over) return;
    this.over = true;
    this.recorder.open.delete(this);
    const duration = this.elapsed();
    this.later(() => this.conclude(isComplete, duration));
  }

  /** The record of the call, or of its stream's end. @param {() => boolean} isRead @param {number} duration */
  conclude(isRead, duration) {
    this.concluded = true;
    const answered = this.fields.status !== undefined;
    this.events?.finish();
    const complete = isRead() && !(this.events?.isCut ?? false);
    const { size, chunks, chunkEvery, chunkDigests } = this.body;
    const payload = answered && complete ? this.body.finish() : null;
    this.body.held = [];
    /** @type {Record<string, unknown>} */
    const last = { duration_ms: duration };
    if (answered) last.response_bytes = size;
    const said = this.events?.said ?? new Said();
    said.read(payload?.value);
    this.events = null;
    if (said.model) this.fields.model = said.model;
    if (Object.keys(said.tokens).length > 0) last.tokens = said.tokens;
    const isBad = this.fields.status >= 400;
    if (!this.isJudged && said.outcome !== undefined && (said.outcome === BLOCKED || !isBad)) {
      last.outcome = said.outcome;
    } else if (complete && answered) {
      this.fields.outcome ??= 'success';
    }
    this.attributes.error_code ??= said.code;
    this.attributes.finish_reason ??= said.reason;
    if (payload !== null) {
      last.response_hash = payload.digest ?? undefined;
      this.undigestible.response_undigestible = payload.undigestible;
      if (size > 0) last.response_mime = this.fields.response_mime ?? payload.mime;
    } else if (answered) {
      this.attributes.truncated = true;
    }
    if (answered && (this.startTold || this.isStream || !complete)) {
      const digests = chunkDigests.some(Boolean) ? { chunk_every: chunkEvery, chunk_digests: chunkDigests } : {};
      last.stream = { id: this.streamId ?? randomUUID(), phase: 'end', chunks, bytes: size, complete, ...digests };
    }
    this.tell(last);
  }

  /** Record an event, once its request's digest is known. @param {Record<string, unknown>} more */
  tell(more) {
    const id = randomUUID();
    const attributes = { ...this.attributes };
    const add = () => {
      const event = { id, ...this.fields, ...more, attributes: { ...attributes, ...this.undigestible } };
      this.recorder.add(event);
    };
    if (this.sending === null) add();
    else this.recorder.await(within(this.sending, SENDING_MS), add);
  }

  /** @param {() => void} work */
  later(work) {
    this.recorder.later(work);
  }

  elapsed() {
    return Math.round((performance.now() - this.started) * 10) / 10;
  }

  /** @param {() => void} work */
  guard(work) {
    try {
      work();
    } catch (error) {
      this.recorder.failed(error);
    }
  }
}

/** Give a response what the constructor cannot: where it came from. @param {Response} from @param {Response} to */
function sameAs(from, to) {
  const { url, redirected, type } = from;
  return Object.defineProperties(to, {
    url: { value: url },
    redirected: { value: redirected },
    type: { value: type },
    clone: { value: () => sameAs(from, Response.prototype.clone.call(to)) },
  });
}

/** Milliseconds that a Retry-After asks for. @param {string | null | undefined} text */
function retryAfter(text) {
  if (!text) return undefined;
  const ms = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : undefined;
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * What comes of `work`, or undefined when that takes longer than `ms`.
 * @template T @param {Promise<T>} work @param {number} ms
 */
async function within(work, ms) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    return await /** @type {Promise<T | undefined>} */ (Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The spool: files of lines, appended to by one process each, sealed into batches that never change again. A batch's
// name is its Idempotency-Key. In memory where there is no disk.
//
//     <time>-<machine>-<process>-<id>.open     being written, by the process that is named
//     <time>-<machine>-<process>-<id>.batch    waiting to be stored
//     refused.ndjson                           what the endpoint refused for good, and why
//     ../agent                                 whose token it is, as the log says: where the folder is a token's

const BATCH_BYTES = 3 * 1024 * 1024;
const BATCH_EVENTS = 5000;
const EVENT_BYTES = 64 * 1024;
const REFUSED_BYTES = 8 * 1024 * 1024;
/** A larger file is not read. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MEMORY_BYTES = 16 * 1024 * 1024;
const NO_LINK = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
/** Its process seals a file before it is this old; others take what is ten times older, whoever wrote it. */
const OPEN_MS = 60_000;
const ORPHAN_MS = 10 * OPEN_MS;
const FILE = /^(\d{13})-([0-9a-f]{8})-(\d+\.\d+\.\d+)-([0-9a-f-]{36}(?:_[01])*)\.(open|batch)$/;
/** Process, thread, and when the process began: numbers of processes come back. */
const PROCESS = `${process.pid}.${threadId}.${startOf(process.pid)}`;
/** Process ids say something only within one machine, or container. */
const MACHINE = createHash('sha256').update(os.hostname() + processNamespace()).digest('hex').slice(0, 8);
/** The files that this process writes, shared by all copies of this module in it. @type {Set<string>} */
const ownFiles = ((/** @type {any} */ (globalThis))[Symbol.for('agent-audit-log.files')] ??= new Set());

/** When a process began, where the system tells; else 0. @param {number} pid */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) || 0;
  } catch {
    return 0;
  }
}

function processNamespace() {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/**
 * Make a folder, and those above it. (Node's own way never ends where a folder can be seen, but not made.)
 * @param {string} folder
 */
function makeFolders(folder) {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (code === 'EEXIST') return;
    const parent = path.dirname(folder);
    if (code !== 'ENOENT' || parent === folder || fs.existsSync(parent)) throw error;
    makeFolders(parent);
    fs.mkdirSync(folder, { mode: 0o700 });
  }
}

/** @param {fs.Stats} stat */
const isOwn = (stat) => !process.getuid || stat.uid === process.getuid();

/** Whether it is a regular file of this user, and not too large. @param {fs.Stats} stat @param {number} most */
const isReadable = (stat, most) => stat.isFile() && isOwn(stat) && stat.size <= most;

/** Whether it is a folder of this user, not a link to one. @param {string} folder */
function isOwnFolder(folder) {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && isOwn(stat);
}

/** Read a whole file. No link is followed. @param {string} file @param {number} most */
function readOwn(file, most) {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | NO_LINK);
  try {
    if (!isReadable(fs.fstatSync(fd), most)) throw new Error('is not a file of a spool');
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * @typedef {object} Batch  Lines that are sent together. `file`: where they are; `text`: what they are, without a file.
 * @property {string} id
 * @property {string | null} file
 * @property {string | null} text
 */

class Spool {
  /**
   * @param {string} folder @param {number} maxBytes @param {(kind: string, message: string) => void} warn
   * @param {boolean} ofToken  whether it belongs to one token, and others beside it to others
   */
  constructor(folder, maxBytes, warn, ofToken) {
    this.folder = folder;
    this.ofToken = ofToken;
    this.agent = this.owner(path.dirname(folder)); // as far as the log has said so
    this.maxBytes = maxBytes;
    this.warn = warn;
    /** @type {{ fd: number, name: string, bytes: number, events: number, since: number } | null} */
    this.current = null;
    /** @type {string[]} */
    this.lines = []; // without a disk
    /** @type {Batch[]} */
    this.memory = [];
    this.memoryBytes = 0;
    this.bytes = 0;
    this.dropped = 0;
    this.retryDisk = 0;
    try {
      this.makeFolder();
      for (const name of fs.readdirSync(folder)) {
        const stat = fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false });
        if (stat !== undefined && isReadable(stat, MAX_FILE_BYTES)) this.bytes += stat.size;
      }
    } catch (error) {
      this.withoutDisk(error);
    }
  }

  /** What the log has called the owner of the token that a folder belongs to. @param {string} folder */
  owner(folder) {
    try {
      return this.ofToken ? readOwn(path.join(folder, 'agent'), 1024).toString('latin1') : '';
    } catch {
      return '';
    }
  }

  /**
   * Folders of other tokens for the same endpoint that are `agent`'s; '': of which nobody knows whose.
   * @param {string} agent
   */
  beside(agent) {
    const own = path.dirname(this.folder);
    const all = path.dirname(own);
    const endpoint = path.basename(own).split('-')[0];
    try {
      if (!this.ofToken) return [];
      return fs
        .readdirSync(all)
        .filter((name) => name.startsWith(`${endpoint}-`) && name !== path.basename(own))
        .map((name) => path.join(all, name))
        .filter((folder) => this.owner(folder) === agent)
        .map((folder) => path.join(folder, 'node'));
    } catch {
      return [];
    }
  }

  /**
   * The log has said whose token it is that this spool is sent with; or, '', not. What is in folders of other tokens is
   * sent with this one only when the log has said of both that they are one agent's.
   * @param {string} agent
   */
  belongsTo(agent) {
    if (!this.ofToken || (this.told && (agent === this.agent || agent === ''))) return;
    this.told = true;
    try {
      if (agent !== '' && agent !== this.agent) {
        this.agent = agent;
        const file = path.join(path.dirname(this.folder), 'agent');
        const made = `${file}.${randomUUID()}`;
        fs.writeFileSync(made, agent, { mode: 0o600 });
        fs.renameSync(made, file);
      }
    } catch {
      // Without a disk nothing is left on it either.
    }
    const { bytes } = this; // those are none of ours
    for (const folder of this.beside('')) {
      if (this.waitingIn(folder).length === 0) continue;
      const how = 'If they are this agent\'s, start it once with AUDIT_LOG_SPOOL set to that folder';
      const where = path.dirname(folder);
      this.warn(`left ${where}`, `events of another token wait in ${where}. ${how}: they are sent in its name`);
    }
    this.bytes = bytes;
  }

  makeFolder() {
    makeFolders(this.folder);
    if (!isOwnFolder(this.folder)) throw new Error('is not our own');
    if (process.getuid && (fs.lstatSync(this.folder).mode & 0o077) !== 0) fs.chmodSync(this.folder, 0o700);
  }

  /** @param {any} error */
  withoutDisk(error) {
    this.retryDisk = Date.now() + OPEN_MS;
    const why = error?.code ?? 'unusable folder';
    this.warn('spool', `no spool on disk (${why}): what is not sent yet is only in memory`);
  }

  /** Keep one event, and before it what became of those that there was no room for. @param {string} line */
  append(line) {
    const { dropped } = this;
    if (dropped > 0) {
      const attributes = { event_name: 'events_dropped', dropped_events: dropped };
      const event = { id: randomUUID(), timestamp: new Date().toISOString(), outcome: 'error', attributes };
      if (this.take(JSON.stringify(event))) this.dropped = 0;
    }
    if (this.take(line)) return;
    this.dropped += 1;
    this.warn('full', 'the spool is full: events are dropped until there is room; a record will say how many');
  }

  /** Whether there was room for a line. @param {string} line */
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

  /** @param {Buffer} data */
  write(data) {
    const { current } = this;
    if (current !== null) {
      const full = current.bytes + data.length > BATCH_BYTES || current.events >= BATCH_EVENTS;
      if (full || Date.now() - current.since > OPEN_MS) this.seal();
    }
    this.current ??= this.create();
    const { fd } = this.current;
    if (fs.writeSync(fd, data) !== data.length) throw Object.assign(new Error(), { code: 'ENOSPC' });
    this.current.bytes += data.length;
    this.current.events += 1;
    this.bytes += data.length;
  }

  create() {
    this.makeFolder();
    const since = Date.now();
    const name = `${String(since).padStart(13, '0')}-${MACHINE}-${PROCESS}-${randomUUID()}`;
    const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = fs.constants;
    ownFiles.add(name);
    const file = path.join(this.folder, `${name}.open`);
    const fd = fs.openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | NO_LINK, 0o600);
    return { fd, name, bytes: 0, events: 0, since };
  }

  /** Whether there are events that are in no batch yet. */
  get hasNew() {
    return this.current !== null || this.lines.length > 0;
  }

  /** What was appended so far becomes a batch. */
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
        ownFiles.delete(current.name); // whoever looks next takes it, as it is
        // Where it is gone, another process thought us gone and took it: that has all of it.
        if (/** @type {any} */ (error).code !== 'ENOENT') this.warn('seal', 'a spool file could not be closed');
      }
    }
    if (this.lines.length > 0) {
      for (let at = 0; at < this.lines.length; at += 1000) {
        this.memory.push({ id: randomUUID(), file: null, text: this.lines.slice(at, at + 1000).join('\n') + '\n' });
      }
      this.lines = [];
    }
  }

  /** The batches that are ours to send, oldest first: our own, and those that nobody else will send. */
  batches() {
    this.bytes = 0;
    const siblings = this.agent === '' ? [] : this.beside(this.agent);
    return [...this.memory, ...[...siblings, this.folder].flatMap((folder) => this.waitingIn(folder))];
  }

  /** @param {string} folder */
  waitingIn(folder) {
    /** @type {Batch[]} */
    const found = [];
    let names;
    try {
      names = isOwnFolder(folder) ? fs.readdirSync(folder).sort() : [];
    } catch {
      return found;
    }
    for (const file of names) {
      try {
        const stat = fs.lstatSync(path.join(folder, file));
        if (!isReadable(stat, MAX_FILE_BYTES)) continue; // no spool made it
        this.bytes += stat.size;
        const match = FILE.exec(file);
        if (match === null) {
          // Whoever was splitting a batch when it was killed left the batch as it was.
          const isPiece = /^\d{13}-.*\.new$/.test(file) && Date.now() - stat.mtimeMs > ORPHAN_MS;
          if (isPiece) fs.rmSync(path.join(folder, file));
          continue;
        }
        const [, since, machine, owner, id, state] = match;
        const name = file.slice(0, file.lastIndexOf('.'));
        if (!this.isOurs(name, Number(since), machine, owner, state)) continue;
        const batch = path.join(folder, `${name}.batch`);
        if (state === 'open') fs.renameSync(path.join(folder, file), batch);
        found.push({ id, file: batch, text: null });
      } catch {
        // Sent by another process in the meantime.
      }
    }
    return found;
  }

  /** @param {string} name @param {number} since @param {string} machine @param {string} owner @param {string} state */
  isOurs(name, since, machine, owner, state) {
    if (ownFiles.has(name)) return state === 'batch';
    if (Date.now() - since > ORPHAN_MS) return true;
    if (machine !== MACHINE) return false;
    const [pid, thread, start] = owner.split('.').map(Number);
    if (pid === process.pid && thread === threadId) return true; // not our file: a process before us had our number
    try {
      process.kill(pid, 0);
      return start !== 0 && startOf(pid) !== start;
    } catch (error) {
      return /** @type {any} */ (error).code === 'ESRCH';
    }
  }

  /** @param {Batch} batch */
  read(batch) {
    return batch.file === null ? batch.text ?? '' : readOwn(batch.file, MAX_FILE_BYTES).toString();
  }

  /** @param {Batch} batch */
  remove(batch) {
    if (batch.file === null) {
      this.memory = this.memory.filter((other) => other !== batch);
      this.memoryBytes -= Buffer.byteLength(batch.text ?? '');
      return;
    }
    fs.rmSync(batch.file, { force: true });
    ownFiles.delete(path.basename(batch.file, '.batch'));
  }

  /** Make two batches of one that is too large. @param {Batch} batch @param {string[]} lines */
  split(batch, lines) {
    const middle = Math.ceil(lines.length / 2);
    this.replace(batch, [lines.slice(0, middle), lines.slice(middle)]);
  }

  /**
   * Put other batches in the place of one. The result is the same where this is done again.
   * @param {Batch} batch @param {string[][]} parts
   */
  replace(batch, parts) {
    const texts = parts.map((lines) => lines.join('\n') + '\n');
    if (batch.file === null) {
      const at = this.memory.indexOf(batch);
      this.memory.splice(at, 1, ...texts.map((text, index) => ({ id: `${batch.id}_${index}`, file: null, text })));
      return;
    }
    const { file } = batch;
    texts.forEach((text, index) => {
      const part = file.replace(/\.batch$/, `_${index}.batch`);
      const made = `${part}.${randomUUID()}.new`; // whoever else splits it writes elsewhere
      fs.writeFileSync(made, text, { mode: 0o600, flag: 'wx' });
      fs.renameSync(made, part);
      if (ownFiles.has(path.basename(file, '.batch'))) ownFiles.add(path.basename(part, '.batch'));
    });
    this.remove(batch);
  }

  /**
   * Put events aside that the endpoint will never take.
   * @param {{ event: string, field?: string, reason?: string }[]} entries
   */
  refuse(entries) {
    const file = path.join(this.folder, 'refused.ndjson');
    const lines = entries.map(({ event, field, reason }) => JSON.stringify({ field, reason, event: tryJson(event) }));
    const many = `the endpoint refused ${entries.length} event(s) for good`;
    try {
      if ((fs.lstatSync(file, { throwIfNoEntry: false })?.size ?? 0) > REFUSED_BYTES) fs.renameSync(file, `${file}.old`);
      const { O_WRONLY, O_APPEND, O_CREAT } = fs.constants;
      fs.appendFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600, flag: O_WRONLY | O_APPEND | O_CREAT | NO_LINK });
      this.warn('refused', `${many}: they are in ${file}`);
    } catch {
      this.warn('refused', `${many}: ${entries[0]?.field} ${entries[0]?.reason}`);
    }
  }
}

/** @param {string} text */
function tryJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Delivery: one batch after the other, until the endpoint names each of its events as stored or as refused for good.

const LINGER_MS = 1000;
const SEND_MS = 20_000;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;
const FORBIDDEN_MS = 5 * 60_000;
const RESCAN_MS = 60_000;
const REPLY_BYTES = 16 * 1024 * 1024;

class Delivery {
  /**
   * @param {URL} target
   * @param {string} token
   * @param {Spool} spool
   * @param {(kind: string, message: string) => void} warn
   * @param {() => void} takes  called when the endpoint has taken something
   */
  constructor(target, token, spool, warn, takes) {
    this.takes = takes;
    this.target = target;
    this.token = token;
    this.spool = spool;
    this.warn = warn;
    this.failures = 0;
    this.notBefore = 0;
    this.holding = 0; // how many wait for it: while nobody does, it keeps no process alive
    /** @type {Promise<boolean> | null} */
    this.running = null;
    /** @type {import('node:net').Socket | null} */
    this.socket = null;
    /** @type {NodeJS.Timeout | null} */
    this.timer = null;
    this.due = Infinity;
    this.closed = false;
    /** @type {Map<string, number>} */
    this.setAside = new Map(); // batches that wait for another token, and until when
    this.schedule(LINGER_MS);
  }

  /** Work in so many milliseconds, or earlier. @param {number} ms */
  schedule(ms) {
    const due = Math.max(Date.now() + ms, this.notBefore);
    if (this.closed || due >= this.due) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.due = Infinity;
      void this.work();
    }, due - Date.now());
    this.timer.unref();
  }

  /** Send what there is. Whether all of it is gone. */
  work() {
    this.running ??= this.sendAll()
      .catch((error) => {
        const why = plainName(error?.code ?? error?.name) ?? 'error';
        this.warn('delivery', `events could not be sent (${why}): they are kept`);
        this.backOff(undefined);
        return false;
      })
      .finally(() => {
        this.running = null;
        this.schedule(this.spool.hasNew ? LINGER_MS : RESCAN_MS);
      });
    return this.running;
  }

  /** What comes while this sends collects for the next time: a busy program's events too go out in batches. */
  async sendAll() {
    for (let sealed = false; ; ) {
      const now = Date.now();
      const batches = this.spool.batches();
      const waiting = batches.filter((batch) => (this.setAside.get(batch.id) ?? 0) <= now);
      if (waiting.length === 0 && sealed) return batches.length === 0;
      // What is new goes last, and on collecting for as long as the endpoint takes nothing.
      if (waiting.length === 0) {
        this.spool.seal();
        sealed = true;
      }
      for (const batch of waiting) if (!(await this.send(batch))) return false;
    }
  }

  /** Send one batch. False: the endpoint does not take any now. @param {Batch} batch */
  async send(batch) {
    let text;
    try {
      text = this.spool.read(batch);
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'ENOENT') {
        this.warn('unreadable', 'a file of the spool cannot be read: it stays there');
        this.setAside.set(batch.id, Date.now() + FORBIDDEN_MS);
      }
      return true; // another process sent it
    }
    const lines = text.split('\n').filter(Boolean);
    const torn = lines.filter((line) => !line.endsWith('}'));
    if (torn.length > 0) {
      // The last line of a process that a power cut took: no reader could make an event of it.
      this.spool.refuse(torn.map((event) => ({ event, reason: 'was cut off' })));
    }
    const whole = torn.length > 0 ? lines.filter((line) => line.endsWith('}')) : lines;
    if (whole.length === 0) {
      this.spool.remove(batch);
      return true;
    }
    let reply;
    try {
      reply = await this.post(whole.join('\n'), batch.id);
    } catch (error) {
      const why = /** @type {any} */ (error)?.code ?? 'error';
      this.warn('away', `the endpoint cannot be reached (${why}): events are kept`);
      this.backOff(undefined);
      return false;
    }
    return this.settle(batch, whole, reply);
  }

  /**
   * @param {Batch} batch @param {string[]} lines
   * @param {{ status: number, retryAfter: string | undefined, agent: string, body: any }} reply
   */
  settle(batch, lines, { status, retryAfter: wait, agent, body }) {
    const refused = Array.isArray(body?.refused) ? body.refused : [];
    const stored = Array.isArray(body?.stored) ? body.stored : null;
    const isAnswer = stored !== null && stored.length + refused.length === lines.length;
    if ((status === 200 || status === 207 || status === 422) && isAnswer) {
      this.spool.belongsTo(/^[A-Za-z0-9._~%-]{1,1024}$/.test(agent) ? agent : '');
      if (refused.length > 0) {
        this.spool.refuse(
          refused.map((/** @type {any} */ { index, field, reason }) => ({ event: lines[index] ?? '', field, reason })),
        );
      }
      this.spool.remove(batch);
      this.failures = 0;
      this.notBefore = 0;
      this.setAside.delete(batch.id);
      this.takes();
      return true;
    }
    if (status === 413 && lines.length > 1) {
      this.spool.split(batch, lines);
      return true;
    }
    if (status === 400) {
      // A disk or a person has damaged some lines: send the others.
      const isGood = lines.map((line) => isObject(tryJson(line)));
      const good = lines.filter((_, index) => isGood[index]);
      if (good.length > 0 && good.length < lines.length) {
        const bad = lines.filter((_, index) => !isGood[index]);
        this.spool.refuse(bad.map((event) => ({ event, reason: 'is not JSON' })));
        this.spool.replace(batch, [good]);
        return true;
      }
    }
    if (status === 413 || status === 400) {
      this.spool.refuse(lines.map((event) => ({ event, reason: `was answered with ${status}` })));
      this.spool.remove(batch);
      return true;
    }
    if (status === 403 && refused.length > 0) {
      // These events name another agent: with that agent's token they would be taken. Others may be, with this one.
      this.warn('403', 'events name another agent than the token does: they are kept until it is theirs');
      this.setAside.set(batch.id, Date.now() + FORBIDDEN_MS);
      return true;
    }
    if (status === 401 || status === 403) {
      this.warn(String(status), `the endpoint does not take the token (${status}): events are kept until it does`);
    } else if (status !== 429 && status < 500) {
      this.warn(String(status), `the endpoint does not answer as the log does (${status}): events are kept`);
    }
    this.backOff(retryAfter(wait));
    return false;
  }

  /** @param {number | undefined} asked milliseconds */
  backOff(asked) {
    const most = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    const jittered = most * (0.5 + Math.random() / 2);
    this.notBefore = Date.now() + Math.max(jittered, Math.min(asked ?? 0, LONGEST_RETRY_AFTER_MS));
    this.schedule(0);
  }

  /**
   * @param {string} text @param {string} id
   * @returns {Promise<{ status: number, retryAfter: string | undefined, agent: string, body: any }>}
   */
  post(text, id) {
    const data = Buffer.from(text);
    return new Promise((resolve, reject) => {
      const request = (this.target.protocol === 'https:' ? https : http).request(this.target, {
        method: 'POST',
        agent: false,
        rejectUnauthorized: true, // also with NODE_TLS_REJECT_UNAUTHORIZED=0: the request holds the token
        headers: {
          authorization: `Bearer ${this.token}`,
          'content-type': 'application/x-ndjson',
          'content-length': data.length,
          'idempotency-key': id,
        },
      });
      const timer = setTimeout(() => request.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), SEND_MS);
      timer.unref();
      request.on('socket', (socket) => {
        this.socket = socket;
        this.hold();
      });
      request.on('error', reject);
      request.on('close', () => {
        clearTimeout(timer);
        this.socket = null;
        reject(Object.assign(new Error(), { code: 'ECONNRESET' })); // no effect on what was answered in full
      });
      request.on('response', (response) => {
        /** @type {Buffer[]} */
        const chunks = [];
        let size = 0;
        response.on('data', (/** @type {Buffer} */ chunk) => {
          size += chunk.length;
          if (size <= REPLY_BYTES) chunks.push(chunk);
          else request.destroy();
        });
        response.on('error', reject);
        response.on('end', () => {
          if (!response.complete) return;
          const body = tryJson(Buffer.concat(chunks).toString());
          const { 'retry-after': retryAfter, 'audit-log-agent': agent } = response.headers;
          resolve({ status: response.statusCode ?? 0, retryAfter, agent: String(agent ?? ''), body });
        });
      });
      request.end(data);
    });
  }

  /** A process that has nothing else to do stays for a request only while somebody waits for it. */
  hold() {
    if (this.holding > 0) this.socket?.ref();
    else this.socket?.unref();
  }

  /**
   * Send all there is, for at most `ms`. Whether all of it is stored.
   * @param {number} ms @param {boolean} [patient] whether to try again when the endpoint is away
   */
  async flush(ms, patient = true) {
    const deadline = Date.now() + ms;
    this.holding += 1;
    this.hold();
    try {
      if (this.running !== null) {
        await within(this.running, ms); // it may have begun before the last events came
        if (!patient && this.notBefore > Date.now()) return false;
      }
      for (;;) {
        const left = deadline - Date.now();
        const gone = await within(this.work(), Math.max(0, left));
        if (gone === true) return true;
        if (gone === undefined || !patient) return false;
        const next = Math.max(10, Math.min(this.notBefore, Date.now() + FIRST_BACKOFF_MS) - Date.now());
        if (Date.now() + next >= deadline) return false;
        await pause(next);
      }
    } finally {
      this.holding -= 1;
      this.hold();
    }
  }

  close() {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The log: what a program holds.

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
 * @property {typeof fetch} [fetch]  what makes the calls
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

const EXIT_MS = 3000;
const nativeFetch = globalThis.fetch; // taken now, as somebody may put `fetchWithLog` in its place

class Recorder {
  /** @param {AuditLogOptions} options */
  constructor(options) {
    const { env } = process;
    this.fetch = options.fetch ?? nativeFetch;
    this.onWarning = options.onWarning ?? ((message) => process.emitWarning(message, 'AuditLogWarning'));
    this.digestKey = options.digestKey;
    this.domainOnly = options.endpointDetail === 'domain';
    this.traceHeader = options.traceHeader ?? true;
    /** @type {Context} */
    this.context = { userId: env.AUDIT_LOG_USER, correlationId: env.AUDIT_LOG_CORRELATION, ...options.context };
    /** @type {AsyncLocalStorage<Context>} */
    this.around = new AsyncLocalStorage();
    /** @type {Set<Call>} */
    this.open = new Set(); // calls that are not over
    /** @type {(() => void)[]} */
    this.jobs = []; // what is to be done as soon as the program has nothing else to do
    /** @type {Map<Promise<void>, () => void>} */
    this.awaited = new Map(); // events that are still being put together
    /** @type {Set<string>} */
    this.said = new Set();
    this.fresh = false; // whether there may be something that the end of the program has not tried to send
    /** @type {Spool | null} */
    this.spool = null;
    /** @type {Delivery | null} */
    this.delivery = null;
    new Running(options.digestKey); // a key that is none is the program's mistake: said at once
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
    // What is said of an endpoint that takes nothing is said again when it happens again.
    this.delivery = new Delivery(target, token, this.spool, warn, () => this.said.clear());
    this.slow = setInterval(() => this.tellSlow(), SLOW_BODY_MS / 4);
    this.slow.unref();
    this.onBeforeExit = () => void this.exit();
    this.onTerm = () => void this.terminate();
    this.onExit = () => this.keep();
    process.on('beforeExit', this.onBeforeExit);
    process.on('exit', this.onExit);
    process.once('SIGTERM', this.onTerm);
  }

  /** Say something once: never a value, a payload or a token. @param {string} kind @param {string} message */
  warn(kind, message) {
    if (this.said.has(kind)) return;
    this.said.add(kind);
    try {
      this.onWarning(`agent-audit-log: ${message}`);
    } catch {
      // Whoever was to hear it cannot.
    }
  }

  /** Something in here went wrong: the call goes on without a record. @param {any} error */
  failed(error) {
    this.warn('bug', `a call could not be logged (${plainName(error?.name) ?? 'Error'})`);
  }

  /** Keep an event. @param {Record<string, unknown>} event */
  add(event) {
    if (this.spool === null || this.delivery === null) return;
    try {
      let line = jsonOf(event);
      if (line.length > EVENT_BYTES) line = JSON.stringify({ ...event, attributes: { truncated: true } });
      this.spool.append(line);
      this.fresh = true;
      this.delivery.schedule(LINGER_MS);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Do work that nobody has to wait for: after what the program has to do now. @param {() => void} work */
  later(work) {
    if (this.jobs.push(work) === 1) setImmediate(() => this.catchUp());
  }

  catchUp() {
    while (this.jobs.length > 0) {
      const { jobs } = this;
      this.jobs = [];
      for (const job of jobs) {
        try {
          job();
        } catch (error) {
          this.failed(error);
        }
      }
    }
  }

  /** Add an event once what is still unknown of it is known. @param {Promise<unknown>} unknown @param {() => void} add */
  await(unknown, add) {
    /** @type {Promise<void>} */
    const event = unknown.catch(() => {}).then(() => {
      if (this.awaited.delete(event)) add();
    });
    this.awaited.set(event, add);
  }

  /** Bodies that take long have begun, whatever becomes of them. */
  tellSlow() {
    const now = performance.now();
    for (const call of this.open) {
      if (call.answeredAfter !== null && now - call.started > SLOW_BODY_MS) call.later(() => call.begin());
    }
  }

  /** @param {string | URL | Request} url @param {RequestInit} [options] @param {Context} [context] */
  async fetchWithLog(url, options, context) {
    /** @type {Call | null} */
    let call = null;
    if (this.spool !== null) {
      try {
        // Nothing outside of the program is called: an SDK tries with one what its `fetch` can do.
        const address = url instanceof Request ? url.url : String(url);
        if (/^(?:data|blob):/i.test(address)) return this.fetch.call(undefined, url, options);
        call = new Call(this, url, options, { ...this.context, ...this.around.getStore(), ...context });
      } catch (error) {
        this.failed(error);
      }
    }
    if (call === null) return this.fetch.call(undefined, url, options);
    let response;
    try {
      response = await this.fetch.call(undefined, call.url, call.options);
    } catch (error) {
      call.failed(error);
      throw error;
    }
    try {
      return call.answered(response);
    } catch (error) {
      this.failed(error);
      return response;
    }
  }

  /** @param {Record<string, any>} event */
  record(event) {
    try {
      const { request, response, endpoint, attributes, ...fields } = event;
      /** @type {Context} */
      const context = { ...this.context, ...this.around.getStore() };
      /** @type {Record<string, any>} */
      const made = { id: randomUUID(), timestamp: new Date().toISOString(), ...contextFields(context) };
      for (const [name, field] of SETTINGS_IN_CONTEXT) {
        if (fields[name] === undefined) continue;
        made[field] = fields[name];
        delete fields[name];
      }
      Object.assign(made, fields, { attributes: { ...context.attributes, ...attributes } });
      for (const name of IDS) made[name] = idText(made[name]);
      if (typeof endpoint === 'string') {
        made.endpoint = cleanEndpoint(endpoint, this.domainOnly) ?? withoutQuery(endpoint);
      }
      for (const [side, payload] of Object.entries({ request, response })) {
        if (payload === undefined || payload === null) continue;
        const isRaw = isBytes(payload);
        const bytes = wholeBody(isRaw || typeof payload === 'string' ? payload : JSON.stringify(payload));
        const { digest, size, mime } = digestPayload(bytes, { key: this.digestKey, text: !isRaw });
        made[`${side}_hash`] = digest ?? undefined;
        made[`${side}_bytes`] ??= size;
        made[`${side}_mime`] ??= mime;
      }
      this.add(made);
    } catch (error) {
      this.failed(error);
    }
  }

  /** @param {number} ms @param {boolean} [patient] */
  async flush(ms, patient) {
    if (this.delivery === null) return true;
    this.catchUp();
    await within(Promise.all(this.awaited.keys()), ms);
    return this.delivery.flush(ms, patient);
  }

  /** Answers that are still being read are not seen to their end. */
  cutOpen() {
    for (const call of this.open) if (call.answeredAfter !== null) call.finish(() => false);
    this.catchUp();
  }

  /** The process ends now, and what it has asked for with it. What is only in memory is put on the disk. */
  keep() {
    this.cutOpen();
    for (const call of this.open) call.failed({ name: 'ProcessExit' });
    this.catchUp();
    for (const add of this.awaited.values()) add();
    this.awaited.clear();
  }

  /** The process has nothing left to do: send what waits, if the endpoint takes it. */
  async exit() {
    this.cutOpen();
    if (!this.fresh) return; // it was tried: the rest is on disk
    this.fresh = false;
    await this.flush(EXIT_MS, false);
  }

  /** Asked to end. A program with a handler of its own ends when that says so; another would be gone by now. */
  async terminate() {
    if (process.listenerCount('SIGTERM') > 0) {
      await this.flush(EXIT_MS, false);
      return;
    }
    this.keep();
    await this.flush(EXIT_MS, false).catch(() => false);
    process.kill(process.pid, 'SIGTERM');
  }

  /** @param {number} ms */
  async close(ms) {
    this.cutOpen();
    const gone = await this.flush(ms);
    this.spool?.seal();
    this.delivery?.close();
    clearInterval(this.slow);
    if (this.onBeforeExit) process.off('beforeExit', this.onBeforeExit);
    if (this.onExit) process.off('exit', this.onExit);
    if (this.onTerm) process.off('SIGTERM', this.onTerm);
    return gone;
  }
}

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?';
const ENDPOINT = new RegExp(
  `^(https?)://(${LABEL}(?:\\.${LABEL}){0,30}|\\[[0-9A-Fa-f:.]{2,45}\\])(?::[0-9]{1,5})?` +
    '((?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/*)$',
  'i',
);

/**
 * Where events go, or null. A grammar of our own reads the address first, because `URL` rewrites unusual ones.
 * @param {string} endpoint
 */
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
 * A spool belongs to one agent, as what is in it is sent with that agent's token. So each token has a folder, unless
 * the program names one: `<endpoint>-<token>`, with a file `agent` in it that tells which are the same agent's.
 * @param {URL} target @param {string} token
 */
function defaultFolder(target, token) {
  const state =
    process.env.XDG_STATE_HOME ||
    (process.platform === 'win32' ? process.env.LOCALAPPDATA : undefined) ||
    path.join(os.homedir(), '.local', 'state');
  const base = target.href.replace(/\/v1\/events$/, '');
  const names = [base, token].map((text) => createHash('sha256').update(text).digest('hex').slice(0, 16));
  return path.join(state, 'agent-audit-log', names.join('-'));
}

/** @param {string} text */
function withoutQuery(text) {
  return text.replace(/[?#].*$/s, '').replace(/^.*@/s, '');
}

/**
 * A log. Never throws for want of an endpoint: it says so once, and calls go on unlogged.
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

/** @type {AuditLog | undefined} */
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
