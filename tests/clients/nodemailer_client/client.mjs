// A program that sends with nodemailer. Its only argument names a file of JSON:
// { host, port, user, password, method, pool, tls, ca, messages }; pool is how many connections it may have,
// tls "starttls" or "implicit". For each message it writes one line of JSON: what the server answered, or how it refused.

import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
const transport = nodemailer.createTransport({
  host: told.host,
  port: told.port,
  secure: told.tls === "implicit",
  requireTLS: told.tls === "starttls",
  ignoreTLS: told.tls === undefined,
  tls: told.ca && { ca: readFileSync(told.ca), servername: "localhost" },
  pool: told.pool !== undefined,
  maxConnections: told.pool,
  auth: { user: told.user, pass: told.password, method: told.method },
});

/** One message; attachments are named by path. */
async function send(message) {
  try {
    const { response, accepted, envelope } = await transport.sendMail(message);
    return { response, accepted, envelope };
  } catch (error) {
    return { code: error.responseCode, response: error.response ?? String(error) };
  }
}

for (const line of await Promise.all(told.messages.map(send))) {
  process.stdout.write(JSON.stringify(line) + "\n");
}
transport.close();
