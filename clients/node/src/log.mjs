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

import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { CONTEXT_FIELDS, Call, contextFields } from './call.mjs';
import { Delivery, LINGER_MS } from './delivery.mjs';
import { RunningDigest, digestPayload } from './digest.mjs';
import { shortHash } from './files.mjs';
import { Spool } from './spool.mjs';
import { bytesOf, cleanEndpoint, idText, isBytes, jsonOf, plainName, within } from './text.mjs';

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
