/** Files of this user alone: no link is followed, and nothing large is read. And which process owns a file. */

import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';

const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const NO_LINK = O_NOFOLLOW | O_NONBLOCK;
/** In bytes. A larger file is not read. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
export const APPEND = O_WRONLY | O_APPEND | O_CREAT | NO_LINK;
export const APPEND_NEW = APPEND | O_EXCL;
/** A file belongs to a process, a thread, and a start time: numbers of processes come back. */
export const PROCESS = `${process.pid}.${threadId}.${startOf(process.pid)}`;
/** Process ids are only known within one machine, or container. */
export const MACHINE = shortHash(os.hostname() + fromProc(() => fs.readlinkSync('/proc/self/ns/pid')), 8);

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
export function hasEnded(machine, owner) {
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
export function shortHash(text, digits) {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

const isOwn = (stat) => !process.getuid || stat.uid === process.getuid();

/** Whether it is a regular file of this user, and not too large. */
export const isReadable = (stat, most = MAX_FILE_BYTES) => stat.isFile() && isOwn(stat) && stat.size <= most;

/** Whether it is a folder of this user, not a link to one. */
export function isOwnFolder(folder) {
  const stat = fs.lstatSync(folder, { throwIfNoEntry: false });
  return stat !== undefined && stat.isDirectory() && isOwn(stat);
}

/** Make a folder that only this user can read. */
export function makeOwnFolder(folder) {
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

export function readOwn(file, most = MAX_FILE_BYTES) {
  const fd = fs.openSync(file, O_RDONLY | NO_LINK);
  try {
    if (!isReadable(fs.fstatSync(fd), most)) throw new Error('is not a file of a spool');
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Write a file that is there as a whole or not at all. */
export function writeWhole(file, text) {
  const made = `${file}.${randomUUID()}.new`; // another process that writes the same writes elsewhere
  fs.writeFileSync(made, text, { mode: 0o600, flag: 'wx' });
  fs.renameSync(made, file);
}
