/**
 * The spool: files of lines. One process appends to a file, and seals it into a batch that never changes again. The
 * name of a batch is its Idempotency-Key. Where there is no disk, batches are in memory.
 *
 *     <time>-<machine>-<process>-<id>.open     being written, by the process that is named
 *     <time>-<machine>-<process>-<id>.batch    waiting to be stored
 *     refused.ndjson                           what the endpoint refused for good, and why
 *     ../agent                                 the log's name for the agent, where the folder belongs to a token
 */

import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  APPEND, APPEND_NEW, MACHINE, PROCESS, hasEnded, isOwnFolder, isReadable, makeOwnFolder, readOwn, writeWhole,
} from './files.mjs';
import { tryJson } from './text.mjs';

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

export class Spool {
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
