/** Another machine on the boot network, as any user and as root: what of the nodes' it can fetch, claim and learn. The README says what that is. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BMC_PASSWORD } from '../../host/vm/bmcs.ts';
import { BRIDGE, HEAD, macOf, nodeAddress } from '../../host/vm/network.ts';
import { BoxLab } from './box-lab.ts';
import type { Job, Outcome } from './forger.ts';
import { install } from './install.ts';

const OWN = '10.99.3.3';
const HTTP = `http://${HEAD}:8067`;
const PORT = 31415;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
/** A name that a node fetches, and what the answer must be where it is not for the one who asks. */
const FILES = [
  'boot.ipxe',
  'kernel',
  'initramfs',
  'undionly.kpxe',
  'nodes/kr2/kernel',
  'amd64/kernel',
  'kraken.json',
  '../data/keys/ca.key',
];

let lab: BoxLab;
let place = '';
let recording: ChildProcess;

/** In the foe's machine; `who` any user of it, or root. */
function foe(who: 'nobody' | 'root', program: string, ...args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const words = who === 'nobody' ? [...NOBODY, program, ...args] : [program, ...args];
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', place, ...words], { encoding: 'utf8', cwd: '/', timeout: 60_000 });
  return { code: status, said: `${stdout}${stderr}` };
}

async function claim(node: string, privileged: boolean, from: string): Promise<string> {
  const cluster = await lab.control('peer/list', {});
  const claims: Job['claims'] = [{ node, proof: { kind: 'boot' }, privileged, times: 1 }];
  const job: Job = { to: HEAD, port: PORT, pin: cluster.sync?.ca ?? '', recorded: [], datagrams: 0, garbage: 0, claims, from: [from] };
  const script = fileURLToPath(new URL('forger.ts', import.meta.url));
  const args = ['netns', 'exec', place, process.execPath, '--import', 'tsx', '--conditions=kraken-source', script];
  const child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: fileURLToPath(new URL('../..', import.meta.url)) });
  child.stdin.end(JSON.stringify(job));
  const { answers } = JSON.parse(await text(child.stdout)) as Outcome;
  return Object.keys(answers).join('\n');
}

/** HTTP status, or curl's number of what is wrong. */
function fetched(who: 'nobody' | 'root', url: string, ...more: readonly string[]): string {
  const { code, said } = foe(who, 'curl', '-s', '--path-as-is', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', ...more, url);
  return code === 0 ? said : `curl ${code}`;
}

const idOf = async (name: string): Promise<string> => {
  const { nodes } = await lab.control('state/read', { set: name, paths: ['/nodename'], view: 'cfg' });
  return nodes[0]?.id ?? assert.fail(`there is no ${name}`);
};

before(async () => {
  install({ curl: 'curl', udhcpc: 'udhcpc', tcpdump: 'tcpdump', setpriv: 'util-linux', ip: 'iproute2', busybox: 'busybox-static' });
  lab = await BoxLab.open({ machines: 3, kind: 'uml', firmware: 'bios' });
  const { network } = lab.box;
  place = network.firmwarePlace(92);
  assert.equal(spawnSync('ip', ['netns', 'add', place]).status, 0);
  network.ip([`link add foe92 type veth peer name eth0 netns ${place}`, `link set foe92 master ${BRIDGE}`, 'link set foe92 up']);
  const lines = `addr add ${OWN}/16 dev eth0\nlink set eth0 up\nlink set lo up\n`;
  assert.equal(spawnSync('ip', ['-n', place, '-batch', '-'], { input: lines }).status, 0);
  recording = network.spawn('tcpdump', ['-i', BRIDGE, '-U', '-s', '0', '-Z', 'root', '-w', join(lab.box.folder, 'boot.pcap')], {
    stdio: 'ignore',
  });
  const [first = {}, ...others] = lab.box.nodes();
  const off = others.map((node) => {
    const { runState: _sync, ...described } = { runState: '', ...node, physState: 'POWER_OFF' };
    return described;
  });
  await lab.apply([first, ...off]);
  await lab.until('SYNC of kr1', 300, async () => (await lab.inSync()).includes('kr1'));
  await lab.until('the others are seen off', 30, async () => (await lab.seen('/physState')).get('kr3') === 'POWER_OFF');
});
after(() => lab?.end());

for (const who of ['nobody', 'root'] as const)
  test(`${who} with an address of its own is given no file, by HTTP and by TFTP, from whatever port`, () => {
    for (const name of FILES) assert.match(fetched(who, `${HTTP}/${name}`), /^40[034]$/, name);
    if (who === 'root') assert.equal(fetched(who, `${HTTP}/boot.ipxe`, '--local-port', '700-799'), '403');
    for (const name of ['undionly.kpxe', 'kernel', 'boot.ipxe']) {
      const { code, said } = foe(who, 'curl', '-s', '-S', '-m', '10', '-o', '/dev/null', `tftp://${HEAD}/${name}`);
      assert.notEqual(code, 0, `${name}: ${said}`);
    }
  });

test('any user cannot take the address of a node, nor a port that counts', () => {
  assert.match(fetched('nobody', `${HTTP}/boot.ipxe`, '--interface', nodeAddress(2)), /^curl 45$/);
  assert.match(fetched('nobody', `${HTTP}/boot.ipxe`, '--local-port', '700-799'), /^curl 45$/);
  assert.notEqual(foe('nobody', 'ip', 'addr', 'add', `${nodeAddress(2)}/16`, 'dev', 'eth0').code, 0);
});

test('claims from an address of its own, or from a port of any user, let nobody in', async () => {
  for (const name of ['kr1', 'kr2']) {
    const id = await idOf(name);
    assert.match(await claim(id, false, OWN), /no: it came from a port that any user can use/);
    assert.match(await claim(id, true, OWN), /(?:no|wait): /);
    assert.doesNotMatch(await claim(id, true, OWN), /admitted/);
  }
});

test('an unknown machine that asks for an address is given none, and is listed', async () => {
  const { code, said } = foe('root', 'busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-t', '2', '-T', '1', '-s', '/bin/true');
  assert.notEqual(code, 0, said);
  const mac = /link\/ether (\S+)/.exec(foe('root', 'ip', 'link', 'show', 'eth0').said)?.[1] ?? '';
  const { result } = await lab.control('service/call', { service: 'pxe', call: 'strangers', params: {} });
  const { strangers } = result as unknown as { strangers: readonly { mac: string }[] };
  assert.deepEqual(
    strangers.map((stranger) => stranger.mac),
    [mac],
  );
});

test('root who takes the address of a node that is off reads its script and its files: no secret is in them, and they let nobody in', async () => {
  assert.equal(foe('root', 'ip', 'addr', 'add', `${nodeAddress(2)}/16`, 'dev', 'eth0').code, 0);
  const by = ['--interface', nodeAddress(2)];
  for (const name of ['boot.ipxe', 'kernel', 'initramfs']) assert.equal(fetched('root', `${HTTP}/${name}`, ...by), '200', name);
  for (const name of ['nodes/kr1/kernel', '../data/keys/ca.key', 'kraken.json'])
    assert.match(fetched('root', `${HTTP}/${name}`, ...by), /^40[034]$/);
  const script = foe('root', 'curl', '-s', ...by, `${HTTP}/boot.ipxe`).said;
  assert.match(script, new RegExp(`kraken\\.id=${await idOf('kr2')}`));
  assert.ok(!script.includes(await idOf('kr1')), 'another node is in it');
  const words = [...script.matchAll(/kraken\.(\w+)=/g)].map(([, word]) => word).sort();
  assert.deepEqual([...new Set(words)], ['boot', 'ca', 'id', 'ip', 'mac', 'name', 'parent']);
  assert.match(await claim(await idOf('kr2'), true, nodeAddress(2)), /wait: this host neither caused nor saw its boot/);
  assert.deepEqual(lab.switched(2), [], 'something was done to the machine');
  assert.equal(foe('root', 'ip', 'addr', 'del', `${nodeAddress(2)}/16`, 'dev', 'eth0').code, 0);
});

test('while a node boots, a claim in its name from elsewhere is refused, and it comes into sync', async () => {
  await lab.kraken('node', 'set', 'kr2', 'physState=POWER_ON', 'runState=SYNC');
  await lab.until('kr2 is on', 30, async () => (await lab.seen('/physState')).get('kr2') === 'POWER_ON');
  const id = await idOf('kr2');
  const answers = [await claim(id, true, OWN), await claim(id, false, OWN)].join('\n');
  assert.doesNotMatch(answers, /admitted/);
  await lab.until('SYNC of kr2', 300, async () => (await lab.inSync()).includes('kr2'));
  assert.deepEqual(lab.switched(2), ['set power 1']);
  assert.doesNotMatch(await claim(id, true, OWN), /admitted/);
});

test('root who plays a node that is off, from its DHCP on, is let in as that node; the true one ends that when it is switched on', async () => {
  const id = await idOf('kr3');
  const iface = ['ip', 'link', 'set', 'eth0', 'address'] as const;
  const mac = /link\/ether (\S+)/.exec(foe('root', 'ip', 'link', 'show', 'eth0').said)?.[1] ?? '';
  assert.equal(foe('root', ...iface, macOf(3)).code, 0);
  const boots = ['-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x5d:0000'];
  const { said } = foe('root', 'busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-t', '3', '-T', '2', '-s', '/bin/true', ...boots);
  assert.match(said, new RegExp(`lease of ${nodeAddress(3)} obtained`), said);
  assert.equal(foe('root', 'ip', 'addr', 'add', `${nodeAddress(3)}/16`, 'dev', 'eth0').code, 0);
  const answer = await claim(id, true, nodeAddress(3));
  assert.match(answer, /: admitted$/);
  assert.equal(foe('root', 'ip', 'addr', 'del', `${nodeAddress(3)}/16`, 'dev', 'eth0').code, 0);
  assert.equal(foe('root', ...iface, mac).code, 0);
  await lab.kraken('node', 'set', 'kr3', 'physState=POWER_ON', 'runState=SYNC');
  const serial = (): boolean =>
    lab.box
      .serial(3)
      .lines()
      .some(({ text: line }) => /kraken is up/.test(line));
  await lab.until('SYNC of the true kr3', 300, async () => serial() && (await lab.inSync()).includes('kr3'));
  assert.deepEqual(lab.switched(3), ['set power 1'], 'its power was touched for what the foe did');
});

test('in all that went over the wire there is no secret', async () => {
  recording.kill('SIGINT');
  if (recording.exitCode === null && recording.signalCode === null) await once(recording, 'exit');
  const wire = readFileSync(join(lab.box.folder, 'boot.pcap'));
  const keys = join(lab.box.folder, 'data/keys');
  let looked = 0;
  for (const name of readdirSync(keys).filter((file) => file.endsWith('.key'))) {
    const file = readFileSync(join(keys, name));
    const isText = file.includes('-----BEGIN');
    const body = file.toString('latin1').replace(/-----[^-]+-----|\s/g, '');
    for (const secret of isText ? [Buffer.from(body), Buffer.from(body, 'base64').subarray(-32)] : [file]) {
      assert.ok(secret.length >= 32, `${name} is no key`);
      assert.ok(!wire.includes(secret), `${name} went over the wire`);
      looked++;
    }
  }
  assert.ok(!wire.includes(BMC_PASSWORD), 'the password of the BMCs went over the wire');
  assert.ok(looked > 0 && wire.length > 1_000_000, `nothing was recorded: ${wire.length} bytes, ${looked} keys`);
  assert.ok(wire.includes(Buffer.from(macOf(2).replaceAll(':', ''), 'hex')), 'what went over it would not be found');
  console.log(`  ${looked} keys sought in ${wire.length} bytes`);
});
