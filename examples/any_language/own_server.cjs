// A test that starts its own server, arms a fault and sees the calls. With qemu-qmp of npm: node own_server.cjs qmpeer
const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const QMP = require('qemu-qmp');

const [command, ...words] = process.argv.slice(2);
const options = ['serve', '--print-address', '--until-eof', '--control', 'auto'];
const server = spawn(command, [...words, ...options], { stdio: ['pipe', 'pipe', 'ignore'] });

createInterface({ input: server.stdout }).once('line', (line) => {
  const { path, control } = JSON.parse(line);
  const vm = new QMP(), fake = new QMP();
  fake.connect(control.replace('unix:', ''), () => {
    fake.execute('fault-add', { fault: 'error command=stop desc=busy' }, () => {
      vm.connect(path, () => vm.execute('stop', (error) => {
        console.log('stop:', error.message || error.desc || error);
        fake.execute('query-calls', { command: 'stop' }, (error, calls) => {
          console.log('calls:', calls.length);
          vm.end();
          fake.end();
          server.stdin.end(); // and with it, the server
        });
      }));
    });
  });
});
