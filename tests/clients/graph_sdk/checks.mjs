// What an application does with Microsoft's client library, asserted step by step. Input on standard input as JSON:
// { url, user, token, delivered, mime }. Ends with the line "all done".

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import graph from "@microsoft/microsoft-graph-client";

const GRAPH = "https://graph.microsoft.com";
const IMMUTABLE = 'IdType="ImmutableId"';
const told = JSON.parse(readFileSync(0, "utf8"));

/** The library insists on https hosts of Microsoft's: this last link of its chain stands where the network would. */
class Loopback {
  async execute(context) {
    const asked = context.request;
    const url = typeof asked === "string" ? asked : asked.url;
    const options = { ...context.options };
    const answer = await fetch(url.replace(GRAPH, told.url), options);
    const empty = [202, 204].includes(answer.status);
    const kind = answer.headers.get("content-type") ?? "";
    // Links in answers lead back to the address that was asked.
    const body = kind.includes("json") ? (await answer.text()).replaceAll(told.url, GRAPH) : await answer.arrayBuffer();
    context.response = new Response(empty ? null : body, { status: answer.status, headers: answer.headers });
  }
}

const authentication = new graph.AuthenticationHandler({ getAccessToken: async () => told.token });
const links = [authentication, new graph.RetryHandler(), new graph.TelemetryHandler(), new Loopback()];
links.reduce((before, after) => (before.setNext(after), after));
const client = graph.Client.initWithMiddleware({ middleware: authentication });

async function everyPage(request) {
  const rows = [];
  const iterator = new graph.PageIterator(client, await request.get(), (row) => rows.push(row));
  await iterator.iterate();
  return rows;
}

const steps = {
  async "folders are listed and paged"() {
    const folders = await everyPage(client.api("/me/mailFolders").top(3));
    const names = folders.map((folder) => folder.displayName);
    assert.ok(names.includes("Inbox") && names.includes("Sent Items") && names.includes("SDK"), `${names}`);
    assert.equal(new Set(folders.map((folder) => folder.id)).size, folders.length);
    assert.equal((await client.api("/me/mailFolders/inbox").get()).displayName, "Inbox");
    steps.folder = folders.find((folder) => folder.displayName === "SDK");
  },

  async "messages are listed in pages of ten, with $select, $orderby and $filter"() {
    const path = `/me/mailFolders/${steps.folder.id}/messages`;
    assert.equal((await client.api(path).get()).value.length, 10);
    const all = await everyPage(client.api(path).select("id,subject,receivedDateTime").orderby("receivedDateTime desc"));
    assert.equal(all.length, told.delivered);
    assert.ok(!("body" in all[0]));
    const unread = await client.api(path).filter("isRead eq false").top(50).count(true).get();
    assert.equal(unread.value.length, told.delivered);
    assert.equal(unread["@odata.count"], told.delivered);
    steps.messages = all;
  },

  async "$value is the MIME of the message"() {
    const octets = await client.api(`/me/messages/${steps.messages[0].id}/$value`).responseType("text").get();
    assert.match(octets, /^From: Grace <grace@elsewhere\.example>\r\n/);
    assert.match(octets, new RegExp(`\r\nSubject: ${steps.messages[0].subject}\r\n`));
  },

  async "an unknown message is a GraphError with Microsoft's code"() {
    await assert.rejects(client.api("/me/messages/AAMkAG-nothing=").get(), (error) => {
      assert.ok(error instanceof graph.GraphError);
      assert.ok([400, 404].includes(error.statusCode), `${error.statusCode}`);
      return /^Error/.test(error.code);
    });
  },

  async "a delta is followed to its end and tells of a change and a removal"() {
    const round = async (request) => {
      const rows = [];
      let page = await request.header("Prefer", `${IMMUTABLE}, odata.maxpagesize=5`).get();
      for (;;) {
        rows.push(...page.value);
        if (page["@odata.deltaLink"]) return { rows, link: page["@odata.deltaLink"] };
        page = await client.api(page["@odata.nextLink"]).header("Prefer", `${IMMUTABLE}, odata.maxpagesize=5`).get();
      }
    };
    const path = `/me/mailFolders/${steps.folder.id}/messages/delta`;
    const first = await round(client.api(path).select("subject,isRead"));
    assert.equal(first.rows.length, told.delivered);
    const [gone, changed] = first.rows;
    await client.api(`/me/messages/${gone.id}`).header("Prefer", IMMUTABLE).delete();
    await client.api(`/me/messages/${changed.id}`).header("Prefer", IMMUTABLE).patch({ isRead: true });
    const second = await round(client.api(first.link));
    const removal = second.rows.find((row) => row.id === gone.id);
    assert.ok(removal && "@removed" in removal, JSON.stringify(second.rows));
    assert.equal(second.rows.find((row) => row.id === changed.id).isRead, true);
    assert.equal(second.rows.length, 2);
    steps.immutable = changed.id;
  },

  async "a batch runs its steps, one of them refused"() {
    const requests = [
      { id: "1", request: new Request(`${GRAPH}/me/mailFolders/inbox`) },
      { id: "2", request: new Request(`${GRAPH}/me/messages/AAMkAG-nothing=`) },
      { id: "3", request: new Request(`${GRAPH}/me/mailFolders?$top=1`) },
    ];
    const content = await new graph.BatchRequestContent(requests).getContent();
    const answers = new graph.BatchResponseContent(await client.api("/$batch").post(content));
    assert.equal((await answers.getResponseById("1").json()).displayName, "Inbox");
    assert.ok(answers.getResponseById("2").status >= 400);
    assert.equal((await answers.getResponseById("3").json()).value.length, 1);
  },

  async "a move keeps the immutable id and changes the ordinary one"() {
    const ordinary = steps.messages.at(-1).id;
    const plain = await client.api(`/me/messages/${ordinary}/move`).post({ destinationId: "archive" });
    assert.notEqual(plain.id, ordinary);
    const path = `/me/messages/${steps.immutable}`;
    const moved = await client.api(`${path}/move`).header("Prefer", IMMUTABLE).post({ destinationId: "archive" });
    assert.equal(moved.id, steps.immutable);
    const archive = await client.api("/me/mailFolders/archive").get();
    assert.equal((await client.api(path).header("Prefer", IMMUTABLE).get()).parentFolderId, archive.id);
  },

  async "a draft is made from MIME, changed and sent"() {
    const mime = Buffer.from(told.mime).toString("base64");
    const draft = await client.api("/me/messages").header("Content-Type", "text/plain").post(mime);
    assert.equal(draft.isDraft, true);
    assert.equal(draft.subject, "From MIME");
    const changed = await client.api(`/me/messages/${draft.id}`).patch({ subject: "From MIME, changed" });
    assert.equal(changed.subject, "From MIME, changed");
    await client.api(`/me/messages/${draft.id}/send`).post({});
  },

  async "a message is sent by sendMail in JSON"() {
    await client.api("/me/sendMail").post({
      message: {
        subject: "By sendMail",
        body: { contentType: "Text", content: "Hello." },
        toRecipients: [{ emailAddress: { address: "bob@elsewhere.example" } }],
      },
    });
    const sent = await everyPage(client.api("/me/mailFolders/sentitems/messages").select("subject"));
    const subjects = sent.map((row) => row.subject);
    assert.ok(subjects.includes("By sendMail") && subjects.includes("From MIME, changed"), `${subjects}`);
  },
};

for (const [name, step] of Object.entries(steps)) {
  if (typeof step !== "function") continue;
  try {
    await step();
  } catch (error) {
    console.error(`FAIL  ${name}`, error);
    process.exit(1);
  }
  console.log(`ok    ${name}`);
}
console.log("all done");
