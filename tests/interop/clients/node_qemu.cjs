// Query a server's status with node-qemu: node node_qemu.cjs PATH
const { QMPClient } = require("node-qemu");

async function main() {
  const client = new QMPClient({ socketPath: process.argv[2], reconnect: false });
  client.on("error", () => {});
  await client.connect();
  console.log((await client.execute("query-status")).status);
  await client.close();
}

const late = setTimeout(() => {
  console.error("late");
  process.exit(3);
}, 10000);
main().then(
  () => clearTimeout(late),
  (error) => {
    console.error(String(error));
    process.exit(1);
  },
);
