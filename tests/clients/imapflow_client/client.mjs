// One visit of a program that uses imapflow. Its only argument is JSON: { host, port, user, password, mode, … }.
// What it found and did is written to standard output as one line of JSON; what happens while it watches, one line each.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync, existsSync, appendFileSync } from "node:fs";
import { ImapFlow } from "imapflow";

const told = JSON.parse(process.argv[2]);
const uid = { uid: true };
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const digest = (octets) => createHash("sha256").update(octets).digest("hex");
const client = new ImapFlow({
  host: told.host,
  port: told.port,
  secure: false,
  doSTARTTLS: false,
  auth: { user: told.user, pass: told.password },
  qresync: true,
  logger: false,
});

/** Where mail of a kind goes. */
function special(folders) {
  const entries = folders.filter((folder) => folder.specialUseSource === "extension");
  return Object.fromEntries(entries.map((folder) => [folder.specialUse, folder.path]));
}

/** The chores, as every client does them. */
async function mind() {
  const [read, did] = [{}, []];
  const folders = await client.list();
  if (!folders.some((folder) => folder.path === told.bills)) {
    const made = await client.mailboxCreate(told.bills);
    assert.deepEqual([made.path, made.created], [told.bills, true]);
    did.push("create");
  }
  await client.mailboxOpen("INBOX");
  const fresh = await client.search({ seen: false }, uid);
  const query = { uid: true, envelope: true, bodyStructure: true, flags: true, size: true, source: true };
  for (const message of fresh.length ? await client.fetchAll(fresh, query, uid) : []) {
    assert.equal(message.size, message.source.length);
    const subject = message.envelope.subject;
    read[subject] = digest(message.source);
    did.push(`handle ${subject}`);
    assert.ok(await client.messageFlagsAdd(message.uid, ["\\Seen"], uid));
    if (subject.startsWith("Rechnung")) {
      const moved = await client.messageMove(message.uid, told.bills, uid);
      assert.equal(moved.uidMap.size, 1);
    } else if (subject === "Copy me") {
      await client.messageFlagsAdd(message.uid, ["\\Flagged"], uid);
      const copied = await client.messageCopy(message.uid, "Archive", uid);
      assert.equal(copied.uidMap.size, 1);
    } else if (subject === "Delete me") {
      assert.ok(await client.messageDelete(message.uid, uid));
    }
  }
  const roles = special(folders);
  for (const { role, id, text, flags } of told.filed) {
    await client.mailboxOpen(roles[role]);
    const found = await client.search({ header: { "message-id": id } }, uid);
    if (!found.length) {
      const filed = await client.append(roles[role], Buffer.from(text), flags);
      assert.ok(filed.uid > 0);
      did.push("append");
    }
  }
  return { read, did, roles };
}

/** A mirror of every folder that comes back with what it remembers: QRESYNC, and FETCH with CHANGEDSINCE. */
async function mirror() {
  const known = existsSync(told.memory) ? JSON.parse(readFileSync(told.memory, "utf8")) : {};
  const heard = { fetched: [], flags: [], gone: 0 };
  client.on("flags", (event) => heard.flags.push([event.path, event.uid]));
  client.on("expunge", (event) => (heard.gone += event.vanished ? 1 : 0));
  const folders = await client.list({ statusQuery: { messages: true, uidNext: true, uidValidity: true, highestModseq: true } });
  for (const folder of folders) {
    const old = known[folder.path];
    const back = old && { changedSince: old.modseq, uidValidity: old.validity };
    const box = await client.mailboxOpen(folder.path, { readOnly: true, ...back });
    // STATUS may tell of the last look, while opening the folder looks again.
    if (told.quiet) assert.deepEqual([folder.status.messages, folder.status.uidNext], [box.exists, box.uidNext]);
    const now = { modseq: `${box.highestModseq}`, validity: `${box.uidValidity}`, mail: old?.mail ?? {} };
    const query = { uid: true, flags: true, source: true, internalDate: true };
    const first = old ? old.next : 1;
    const rows = box.exists && box.uidNext > first ? await client.fetchAll(`${first}:*`, query, uid) : [];
    for (const row of rows.filter((row) => row.uid >= first)) {
      now.mail[row.uid] = digest(row.source);
      heard.fetched.push(row.uid);
    }
    known[folder.path] = { ...now, next: box.uidNext };
  }
  writeFileSync(told.memory, JSON.stringify(known));
  return { heard, mail: Object.fromEntries(Object.entries(known).map(([path, { mail }]) => [path, Object.values(mail)])) };
}

/** Makes, renames and deletes folders. */
async function folders() {
  const paths = async () => (await client.list()).map((folder) => folder.path);
  for (const name of told.names) {
    await client.mailboxCreate(name);
    assert.ok(await client.mailboxSubscribe(name));
    const made = (await client.list()).find((folder) => folder.path === name);
    assert.ok(made?.subscribed, `${name} is not subscribed`);
    await client.append(name, Buffer.from(told.text));
    const status = await client.status(name, { messages: true, unseen: true });
    assert.deepEqual([status.messages, status.unseen], [1, 1]);
    await client.mailboxRename(name, `${name} neu`);
    assert.ok(!(await paths()).includes(name), `${name} after it was renamed`);
    assert.equal((await client.mailboxOpen(`${name} neu`)).exists, 1);
    await client.mailboxClose();
    await client.mailboxDelete(`${name} neu`);
    assert.ok(!(await paths()).includes(`${name} neu`), `${name} after it was deleted`);
  }
  return {};
}

/** Searches, downloads one part, then tells of what comes until it is stopped. */
async function watch() {
  await client.mailboxOpen("INBOX");
  const found = await client.search(told.criteria, uid);
  const { content } = await client.download(`${found[0]}`, told.part, uid);
  const pieces = [];
  for await (const piece of content) pieces.push(piece);
  for (const kind of ["exists", "expunge", "flags"]) {
    client.on(kind, ({ count, flags }) => {
      appendFileSync(told.events, JSON.stringify({ kind, count, flags: flags && [...flags] }) + "\n");
    });
  }
  say({ found: found.length, part: digest(Buffer.concat(pieces)) });
  for (;;) await client.idle();
}

await client.connect();
const did = await { mind, mirror, folders, watch }[told.mode]();
const capabilities = [...client.capabilities.keys()];
say({ ...did, capabilities, enabled: [...client.enabled], compressed: Boolean(client._deflate) });
await client.logout();
