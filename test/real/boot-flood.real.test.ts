/** Somebody on the boot network invents machines without end: a node that boots meanwhile comes into sync, and no table grows for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BRIDGE, HEAD } from '../../host/vm/network.ts';
import { BoxLab } from './box-lab.ts';
import { install } from './install.ts';

const MACHINES = 1_000_000;
const RATE = 3_000;
const SECONDS = 50;
/** Of the boot service while the flood goes on, in MiB; before, it takes what any process takes that begins to work. */
const GROWTH = 5;
/** As the service has it. */
const MOST_STRANGERS = 256;

/** Resident memory of the boot service, in MiB. */
function memoryOf(folder: string): number {
  const cwd = `${folder}/data/services/pxe`;
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const mine = all.flatMap((pid) => {
    const at = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' }).stdout.trim();
    return at === cwd ? [pid] : [];
  });
  const sizes = mine.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  return sizes.length > 0 ? Math.max(...sizes) : assert.fail(`no process runs in ${cwd}`);
}

test('three thousand unknown machines a second ask for addresses while a node boots', async () => {
  install({ perfdhcp: 'kea-admin', ip: 'iproute2' });
  const lab = await BoxLab.open({ machines: 1, kind: 'uml', firmware: 'bios' });
  try {
    const { network } = lab.box;
    const place = network.firmwarePlace(93);
    assert.equal(spawnSync('ip', ['netns', 'add', place]).status, 0);
    network.ip([`link add foe93 type veth peer name eth0 netns ${place}`, `link set foe93 master ${BRIDGE}`, 'link set foe93 up']);
    const input = 'addr add 10.99.3.4/16 dev eth0\nlink set eth0 up\nlink set lo up\n';
    assert.equal(spawnSync('ip', ['-n', place, '-batch', '-'], { input }).status, 0);
    const words = ['-4', '-i', '-l', 'eth0', '-R', String(MACHINES), '-r', String(RATE), '-p', String(SECONDS), HEAD];
    const flood = network.spawn('perfdhcp', words, { stdio: ['ignore', 'pipe', 'ignore'] }, place);
    let report = '';
    flood.stdout?.on('data', (chunk: Buffer) => (report += chunk.toString()));
    const gone = once(flood, 'exit');
    const from = await lab.apply();
    await lab.until('SYNC', 300, async () => (await lab.inSync()).length === 1);
    assert.equal(flood.exitCode, null, 'the flood was over before the node had booted');
    console.log(`  SYNC ${((Date.now() - from) / 1000).toFixed(1)} s after the description`);
    assert.deepEqual(lab.switched(1), ['set power 1']);
    assert.equal(lab.box.machine(1).boots, 1);
    await sleep(5_000);
    const before = memoryOf(lab.box.folder);
    await gone;
    const sent = Number(/sent packets: (\d+)/.exec(report)?.[1]);
    assert.ok(sent > 60_000, `the flood was none: ${report}`);
    assert.match(report, /received packets: 0/, 'an unknown machine was answered');
    const { result } = await lab.control('service/call', { service: 'pxe', call: 'strangers', params: {} });
    const { strangers } = result as unknown as { strangers: readonly object[] };
    assert.ok(strangers.length > 0 && strangers.length <= MOST_STRANGERS, `${strangers.length} strangers are listed`);
    const grown = memoryOf(lab.box.folder) - before;
    console.log(`  ${sent} messages of strangers, ${strangers.length} of them listed; the service grew by ${grown.toFixed(0)} MiB`);
    assert.ok(grown < GROWTH, `the service grew by ${grown} MiB`);
    assert.deepEqual(await lab.inSync(), ['kr1']);
  } finally {
    await lab.end();
  }
});
