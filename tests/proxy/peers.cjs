// The clients for Node among the eight of peers.py: node peers.cjs NAME PATH ROUNDS EVENTS
const { createHash } = require("node:crypto");

const [name, path, rounds, wanted] = process.argv.slice(2);
const COMMANDS = [
  ["query-name", {}],
  ["query-version", {}],
  ["query-commands", {}],
  ["query-qmp-schema", {}],
  ["human-monitor-command", { "command-line": "info version" }],
  ["bogus", {}],
  ["query-fdsets", { a: 1 }],
];
const answers = {};
const events = [];
let left = Number(rounds);

function add(command, value) {
  let text = JSON.stringify(value);
  if (text.length > 1000) text = `${text.length} ${createHash("sha256").update(text).digest("hex")}`;
  answers[command] = [...new Set([...(answers[command] ?? []), text])];
}

function wantsMore() {
  left -= 1;
  return left >= 0 || events.length < Number(wanted);
}

async function askAll(execute, more) {
  console.log("ready");
  while (wantsMore()) {
    await Promise.all(
      [...COMMANDS, ...more].map(async ([command, args, oob]) => {
        try {
          add(command, await execute(command, args, oob));
        } catch (error) {
          add(command, error.message);
        }
      }),
    );
  }
  console.log(JSON.stringify({ answers, events }));
}

async function nodeQemu() {
  const { QMPClient } = require("node-qemu");
  const client = new QMPClient({ socketPath: path, reconnect: false, oob: true });
  client.on("error", () => {});
  client.on("rawEvent", ({ event }) => events.push(event));
  await client.connect();
  await askAll(
    (command, args, oob) => (oob ? client.executeOob(command) : client.execute(command, args)),
    [["query-yank", {}, true]],
  );
  await client.close();
}

async function qemuQmp() {
  const QMP = require("qemu-qmp");
  const client = new QMP();
  // Its streams have an event "resume" of their own, without a name.
  for (const event of ["stop", "resume"]) client.on(event, (name) => name && events.push(name));
  await new Promise((resolve, reject) => {
    client.connect(path, (error) => (error ? reject(error) : resolve()));
  });
  await askAll(
    (command, args) =>
      new Promise((resolve, reject) => {
        client.execute(command, args, (error, value) => (error ? reject(error) : resolve(value)));
      }),
    [],
  );
  client.end();
}

const late = setTimeout(() => {
  console.error("late");
  process.exit(3);
}, 60000);
({ "node-qemu": nodeQemu, "npm qemu-qmp": qemuQmp })[name]().then(
  () => clearTimeout(late),
  (error) => {
    console.error(String(error));
    process.exit(1);
  },
);
