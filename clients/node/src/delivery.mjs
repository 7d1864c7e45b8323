/** Delivery: one batch after the other, until the endpoint names each of its events as stored or as refused for good. */

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { isObject, plainName, retryAfter, tryJson, within } from './text.mjs';

/** How long events are collected before they are sent. All times are in milliseconds. */
export const LINGER_MS = 1000;
const SEND_MS = 20_000;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 10 * 60_000;
const FORBIDDEN_MS = 5 * 60_000;
const RESCAN_MS = 60_000;
const REPLY_BYTES = 16 * 1024 * 1024;

export class Delivery {
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
