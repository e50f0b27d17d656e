// Stop a machine, with qemu-qmp of npm (npm install qemu-qmp): qmpeer fake vm.toml -- node stop.cjs
const QMP = require('qemu-qmp');

const qmp = new QMP();
let hasEvent = false;
qmp.on('stop', () => { hasEvent = true; });
qmp.connect(process.env.QMP_SOCKET, (error) => {
  if (error) throw error;
  qmp.execute('stop', (error) => {
    if (error) throw error;
    console.log(hasEvent ? 'stopped' : 'no event');
    process.exitCode = hasEvent ? 0 : 1;
    qmp.end();
  });
});
