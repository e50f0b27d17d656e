// Query a server's status with qemu-qmp: node qemu_qmp.cjs PATH
const QMP = require("qemu-qmp");

const client = new QMP();
const late = setTimeout(() => {
  console.error("late");
  process.exit(3);
}, 10000);
client.connect(process.argv[2], (error) => {
  if (error) throw error;
  client.execute("query-status", (error, status) => {
    if (error) throw error;
    console.log(status.status);
    clearTimeout(late);
    client.end();
  });
});
