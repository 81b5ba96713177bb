/** What a node is booted with: script and command line as golden texts, which file it gets, who may fetch what, whether it is current. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Leases } from '../nodes/leases.ts';
import { Nodes } from '../nodes/nodes.ts';
import { LOADERS } from '../words.ts';
import { BootFiles } from './files.ts';
import { type BootSettings, type Plan, Plans } from './plan.ts';
import { type FetchStep, NodeSource } from './source.ts';
import { Standing } from './standing.ts';

const ID = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const CA = `sha256:${'A'.repeat(43)}`;
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const bootOf = (kernel: string, initramfs: string, args: string): string =>
  sha([sha(kernel), sha(initramfs), args].join('\n')).slice(0, 16);

interface Place {
  readonly settings?: Partial<BootSettings>;
  readonly self?: { node: string; ca?: string; listens: string[] };
  readonly files?: Record<string, string>;
  readonly cfg?: Record<string, unknown>;
  readonly more?: readonly string[];
}

const FILES = { 'amd64/kernel': 'K', 'amd64/initramfs': 'I', 'amd64/undionly.kpxe': 'U', 'amd64/snponly.efi': 'S' };
const kr = (index: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  '/nodename': `kr${index}`,
  '/arch': 'amd64',
  '/platform': 'ipmi',
  '/ipv4/ifaces/kraken/eth/mac': `52:54:00:00:00:0${index}`,
  '/ipv4/ifaces/kraken/ip/ip': `10.0.0.${index}`,
  '/ipv4/ifaces/kraken/ip/subnet': '255.255.255.0',
  ...more,
});

/** Nodes kr7 and kr8, of which `cfg` adds to kr7. */
function place(t: TestContext, { settings = {}, self, files = FILES, cfg = {}, more = [] }: Place = {}) {
  const root = mkdtempSync(join(tmpdir(), 'kraken-pxe-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const put = (name: string, text: string): void => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  for (const [name, text] of Object.entries(files)) put(name, text);
  const leases = new Leases(600);
  const nodes = new Nodes(leases);
  const watcher = nodes.watcher({ cfg: () => {}, dsc: () => {} });
  const page = [7, 8].map((index) => ({ id: ID(index), cfg: kr(index, index === 7 ? cfg : {}) as never, dsc: {} }));
  watcher.nodes(page, false, { revision: 1, snapshot: true });
  const all = { kernel: 'kernel', initramfs: 'initramfs', loaders: LOADERS, args: '', parents: [], httpPort: 8067, ...settings };
  const here = self ?? { node: ID(1), ca: CA, listens: ['127.0.0.1:31415', '192.168.1.1:31415', '10.0.0.1:31415'] };
  const plans = new Plans(all, new BootFiles(root), { nodes, leases, self: here });
  plans.servers = ['192.168.1.1', '10.0.0.1'];
  const fetched: string[] = [];
  const planned: Plan[] = [];
  const told = {
    fetched: (lease: { name: string }, step: FetchStep) => void fetched.push(`${lease.name} ${step}`),
    planned: (_node: string, plan: Plan) => void planned.push(plan),
  };
  const source = new NodeSource(plans, { nodes, leases }, more, told);
  const plan = async (index = 7): Promise<Plan> => plans.of(nodes.get(ID(index)) ?? assert.fail());
  const script = async (index = 7): Promise<string> => plans.script(nodes.get(ID(index)) ?? assert.fail(), await plan(index));
  return { root, put, leases, nodes, watcher, plans, source, plan, script, fetched, planned };
}

const BOOT = bootOf('K', 'I', '');
const GOLDEN = `#!ipxe
# kr7 ${ID(7)}
echo Kraken: kr7 boots ${BOOT}
kernel --name kernel http://10.0.0.1:8067/${BOOT}/kernel initrd=initramfs kraken.parent=10.0.0.1:31415,192.168.1.1:31415 kraken.id=${ID(7)} kraken.ca=${CA} kraken.ip=10.0.0.7/24 kraken.mac=52:54:00:00:00:07 kraken.name=kr7 kraken.boot=${BOOT} || goto again
initrd --name initramfs http://10.0.0.1:8067/${BOOT}/initramfs || goto again
boot || goto again
:again
echo Kraken: kr7 could not be booted, again in 5 seconds
imgfree
sleep 5
chain --replace http://10.0.0.1:8067/boot.ipxe || goto again
`;

test('the script of a node that says no more than it must', async (t) => {
  const { plan, script } = place(t);
  assert.deepEqual((await plan()).missing, []);
  assert.equal(await script(), GOLDEN);
});

test('router, arguments of service and node, files of its own, a parent that is another node', async (t) => {
  const { plan, script } = place(t, {
    files: { ...FILES, 'nodes/kr7/vmlinuz': 'K7', 'amd64/ipmi/initramfs': 'I-ipmi' },
    settings: { args: 'console=ttyS0,115200  quiet' },
    cfg: {
      '/ipv4/routes': [{ ip: '10.0.0.254' }],
      '/pxe/kernel': 'vmlinuz',
      '/pxe/args': 'nosmt',
      '/parentId': ID(8),
    },
  });
  const { boot, args } = await plan();
  assert.equal(args, 'console=ttyS0,115200 quiet nosmt');
  assert.equal(boot, bootOf('K7', 'I-ipmi', args));
  const [line] = (await script()).split('\n').filter((one) => one.startsWith('kernel'));
  assert.equal(
    line,
    `kernel --name kernel http://10.0.0.1:8067/${boot}/vmlinuz initrd=initramfs kraken.parent=10.0.0.8,10.0.0.1:31415,192.168.1.1:31415 kraken.id=${ID(7)} kraken.ca=${CA} kraken.ip=10.0.0.7/24 kraken.gw=10.0.0.254 kraken.mac=52:54:00:00:00:07 kraken.name=kr7 kraken.boot=${boot} ${args} || goto again`,
  );
});

test('a template of the site', async (t) => {
  const { script } = place(t, {
    files: {
      ...FILES,
      'site.ipxe':
        '#!ipxe\n# {{name}} {{ ip }}/{{prefix}} via {{gateway}} on {{interface}} {{args}}\nkernel {{kernel}} {{cmdline}} $' + '{net0/ip}\n',
    },
    settings: { template: 'site.ipxe', args: 'quiet', parents: ['head', 'spare:4000'] },
    cfg: { '/ipv4/ifaces/kraken/eth/iface': 'eth1' },
  });
  const boot = bootOf('K', 'I', 'quiet');
  assert.equal(
    await script(),
    `#!ipxe\n# kr7 10.0.0.7/24 via  on eth1 quiet\nkernel http://10.0.0.1:8067/${boot}/kernel kraken.parent=head,spare:4000 kraken.id=${ID(7)} kraken.ca=${CA} kraken.ip=10.0.0.7/24 kraken.mac=52:54:00:00:00:07 kraken.name=kr7 kraken.boot=${boot} quiet \${net0/ip}\n`,
  );
});

const LISTENS = { node: ID(1), ca: CA, listens: ['127.0.0.1:31415'] };
const MISSING: Readonly<Record<string, readonly [Place, RegExp]>> = {
  'no kernel': [
    { files: {} },
    /there is no file kernel in \S+, nor below it in nodes\/kr7, amd64\/ipmi, amd64; there is no file initramfs/,
  ],
  'a kernel that is a folder': [{ files: { 'amd64/kernel/x': '', 'amd64/initramfs': 'I' } }, /no file kernel/],
  "another node's file": [
    { files: { ...FILES, 'nodes/kr8/kernel': 'K' }, cfg: { '/pxe/kernel': 'nodes/kr8/kernel' } },
    /"nodes\/kr8\/kernel" is no name of a boot file/,
  ],
  'a name out of the root': [{ cfg: { '/pxe/initramfs': '../x' } }, /"\.\.\/x" is no name/],
  'no address': [{ cfg: { '/ipv4/ifaces/kraken/ip/ip': '' } }, /no interface to boot from/],
  "another node's address": [{ cfg: { '/ipv4/ifaces/kraken/ip/ip': '10.0.0.8' } }, /also that of kr8/],
  'arguments that are ours': [{ cfg: { '/pxe/args': 'quiet kraken.ca=x' } }, /argument kraken\.ca is Kraken's own/],
  'arguments that iPXE would take for its own': [{ cfg: { '/pxe/args': 'a || shell' } }, /argument \|\| would be read by the boot loader/],
  'arguments that iPXE would fill in': [{ settings: { args: `a=$\{uuid}` } }, /argument a=\$\{uuid\}/],
  'more than a kernel takes': [{ cfg: { '/pxe/args': 'x'.repeat(1900) } }, /the kernel's command line would have \d+ characters/],
  'no host to come to': [{ self: LISTENS }, /this host listens on 127\.0\.0\.1:31415 for its children, where it cannot be reached/],
  'no CA': [{ self: { node: ID(1), listens: ['10.0.0.1:31415'] } }, /kraken init/],
  'no template': [{ settings: { template: 't.ipxe' } }, /there is no file t\.ipxe/],
  'a placeholder that there is not': [
    { files: { ...FILES, t: 'a\n{{ip}}\n {{pasword}}' }, settings: { template: 't' } },
    /\/t, line 3: there is no placeholder \{\{pasword\}\} \(there are: interface, ip, prefix/,
  ],
  'braces that do not match': [{ files: { ...FILES, t: '{{ip' }, settings: { template: 't' } }, /\/t, line 1: \{\{ and \}\} do not match/],
};
for (const [name, [given, says]] of Object.entries(MISSING))
  test(`missing, in words: ${name}`, async (t) => {
    const { plan, source } = place(t, given);
    assert.match((await plan()).missing.join('; '), says);
    const from = given.cfg?.['/ipv4/ifaces/kraken/ip/ip'] === undefined ? '10.0.0.7' : undefined;
    if (from === undefined) return;
    const served = await source.open('boot.ipxe', from, 'http');
    assert.ok(served.kind === 'bytes');
    assert.match(
      String(served.bytes),
      /^#!ipxe\necho Kraken: kr7 cannot be booted: see kraken pxe show kr7\n(?:.*\n)*sleep 15\nchain --replace http:\/\/10\.0\.0\.1:8067\/boot\.ipxe/,
    );
  });

test('a link that leads out of the root is not followed, one within it is', async (t) => {
  const { root, plan, put } = place(t, { files: { ...FILES, 'v2/kernel': 'K2' }, cfg: { '/pxe/kernel': 'linked' } });
  symlinkSync('v2/kernel', join(root, 'linked'));
  assert.equal((await plan()).kernel?.sha256, sha('K2'));
  rmSync(join(root, 'linked'));
  put('../kraken-pxe-outside', 'secret');
  t.after(() => rmSync(join(root, '../kraken-pxe-outside')));
  symlinkSync('../kraken-pxe-outside', join(root, 'linked'));
  assert.match((await plan()).missing.join(), /linked below \S+ is a link out of it/);
});

test('who may fetch what', async (t) => {
  const { source, put, fetched } = place(t, {
    files: { ...FILES, 'nodes/kr8/kernel': 'K8', 'nodes/kr8/initramfs': 'I8', 'extra.img': 'X', 'secret.txt': 'no' },
    cfg: {
      '/ipv4/ifaces/data/eth/mac': '52:54:00:00:00:77',
      '/ipv4/ifaces/data/ip/ip': '10.1.0.7',
      '/ipv4/ifaces/data/ip/subnet': '255.255.255.0',
    },
    more: ['extra.img'],
  });
  const check = async (name: string, from: string, expect: string | RegExp): Promise<void> => {
    const served = await source.open(name, from, 'http');
    if (served.kind === 'refused') assert.match(`${served.status} ${served.why}`, expect as RegExp, `${name} by ${from}`);
    else assert.equal(served.kind === 'file' ? served.etag : String(served.bytes), expect, `${name} by ${from}`);
  };
  const tag = (text: string): string => `"${sha(text)}"`;
  await check('boot.ipxe', '10.0.0.7', GOLDEN);
  await check('boot.ipxe', '::ffff:10.0.0.7', GOLDEN);
  await check('kernel', '10.0.0.7', tag('K'));
  await check('initramfs', '10.0.0.7', tag('I'));
  await check('undionly.kpxe', '10.0.0.7', tag('U'));
  await check('snponly.efi', '10.0.0.7', tag('S'));
  await check('extra.img', '10.0.0.7', tag('X'));
  await check(`${BOOT}/kernel`, '10.0.0.7', tag('K'));
  await check('kernel', '10.0.0.8', tag('K8'));
  const own = bootOf('K8', 'I8', '');
  await check(`${own}/initramfs`, '10.0.0.8', tag('I8'));
  await check(`${own}/initramfs`, '10.0.0.7', /^404 boot .* of kr7 is not what it is given now: fetch boot\.ipxe again/);
  for (const name of ['secret.txt', 'nodes/kr8/kernel', 'amd64/kernel', 'nodes', `${BOOT}/secret.txt`, `${BOOT}/nodes/kr8/kernel`])
    await check(name, '10.0.0.7', /^403 .* is no boot file of kr7$/);
  for (const from of ['10.0.0.9', '10.0.0.1', '::1', '127.0.0.1'])
    for (const name of ['boot.ipxe', 'kernel', 'extra.img', `${BOOT}/kernel`])
      await check(name, from, /^403 \S+ is the address of no node/);
  await check('boot.ipxe', '10.1.0.7', /^403 10\.1\.0\.7 is not the address that kr7 boots from/);
  put('amd64/kernel', 'K-new');
  await check(`${BOOT}/kernel`, '10.0.0.7', /^404/);
  await check('kernel', '10.0.0.7', tag('K-new'));
  for (const name of ['boot.ipxe', `${own}/kernel`, 'initramfs', 'undionly.kpxe', 'extra.img', 'secret.txt'])
    source.done(name, '10.0.0.8', 'http');
  source.done('kernel', '10.0.0.99', 'http');
  source.done('kernel', '10.1.0.7', 'http');
  assert.deepEqual(fetched, ['kr8 SCRIPT', 'kr8 KERNEL', 'kr8 INITRAMFS', 'kr8 LOADER']);
});

test('a machine is current until its files or arguments are others; many are looked at with one look', async (t) => {
  const { plans, nodes, watcher, put, plan } = place(t);
  const told: string[] = [];
  const standing: Standing = new Standing(plans, nodes, {
    boot: (node, word) => {
      told.push(`${node.slice(-1)} ${word}`);
      watcher.changes([{ node, view: 'dsc', path: '/pxe/boot', to: word }], 2);
    },
    ready: (node) => told.push(`${node.slice(-1)} ready`),
  });
  const next = async (): Promise<string[]> => {
    await standing.settled();
    return told.splice(0);
  };
  const see = (index: number, to?: string): void => {
    watcher.changes([{ node: ID(index), view: 'dsc', path: '/booted/id', ...(to !== undefined && { to }) }], 2);
    standing.booted(ID(index));
  };
  standing.look();
  assert.deepEqual(await next(), ['7 ready', '8 ready']);
  see(7, BOOT);
  see(8, 'something-else');
  assert.deepEqual(await next(), ['7 CURRENT', '8 OLD']);
  standing.look();
  assert.deepEqual(await next(), [], 'nothing is said twice');
  watcher.changes([{ node: ID(7), view: 'cfg', path: '/pxe/args', to: 'nosmt' }], 3);
  standing.changed(ID(7));
  assert.deepEqual(await next(), ['7 OLD']);
  watcher.changes([{ node: ID(7), view: 'cfg', path: '/pxe/args' }], 4);
  standing.changed(ID(7));
  assert.deepEqual(await next(), ['7 CURRENT']);
  put('amd64/initramfs', 'I-new');
  // The other one asks for its boot: what was found then is good for all.
  standing.note(ID(8), await plan(8));
  assert.deepEqual(await next(), ['7 OLD']);
  see(7);
  assert.deepEqual(await next(), ['7 UNKNOWN']);
  rmSync(join(plans.files.root, 'amd64/kernel'));
  standing.look();
  assert.deepEqual(await next(), ['8 UNKNOWN']);
  assert.equal(standing.isReady(ID(8)), false);
  put('amd64/kernel', 'K');
  standing.look();
  assert.deepEqual(await next(), ['7 ready', '8 OLD', '8 ready']);
});
