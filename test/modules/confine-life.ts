/** How a confined module lives and ends: said as it was, counted whole, and nothing of it left. Each for what stands in these places. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRegistry, parseServices } from '../../host/modules/registry.ts';
import { until } from '../e2e/lab.ts';
import { type Hosted, hosted, openFolder, pidOf, ready } from './confine-lab.ts';

const HOST = fileURLToPath(new URL('../fixtures/confined/host.ts', import.meta.url));

type Places = readonly string[] | undefined;
const at = (places: Places): { readonly places?: readonly string[] } => (places ? { places } : {});

/** Of the processes that are there, by what they were started with. */
export function processesOf(word: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => commandOf(pid).includes(word));
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

const isEnforced = async (lab: Hosted, what: string): Promise<boolean> =>
  (await lab.lines()).some((line) => line.what === what && line.state === 'enforced');

async function said(lab: Hosted, pattern: RegExp, limit = 15_000): Promise<void> {
  await until(
    `${pattern} in the log`,
    () => lab.log.some((line) => pattern.test(line)),
    limit,
    20,
    () => lab.log.join('\n'),
  );
}

/** The pid that people see is the module's; how it ended is said as it was; nothing stays open in the host. */
export async function endsAsItDid(t: TestContext, places: Places): Promise<void> {
  await hosted(t, at(places), async (lab) => {
    const { host, tries, log } = lab;
    const program = pidOf(host, 'thief');
    assert.match(commandOf(program), /^node \S*main\.mjs/, 'the pid is that of the module itself');
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    await tries('exit');
    await said(lab, /thief.*it exited with code 7/);
    await until(
      'it is there again',
      () => pidOf(host, 'thief') !== program && log.filter((line) => /thief is ready/.test(line)).length === 2,
    );
    await ready(host, log);
    await tries('die');
    await said(lab, /thief.*it was ended by SIGKILL/);
    await until('and again', () => log.filter((line) => /thief is ready/.test(line)).length === 3, 15_000);
    await ready(host, log);
    await until(
      'no file more is open than before',
      () => open() <= before,
      5_000,
      50,
      () => `${before} before, ${open()} now`,
    );
  });
}

/** Of what it let go of nothing is left, where that is said; else it is said that it may be. */
export async function leavesNothing(t: TestContext, places: Places): Promise<void> {
  const sleep = `300.${process.pid}`;
  t.after(() => {
    for (const pid of processesOf(`sleep ${sleep}`)) process.kill(pid, 'SIGKILL');
  });
  await hosted(t, { ...at(places), loot: { sleep } }, async ({ host, tries, mechanism, lines }) => {
    await tries('orphan');
    assert.equal(processesOf(`sleep ${sleep}`).length, 1);
    await host.port.services.stop('thief');
    if (mechanism.kind === 'bubblewrap')
      await until('what it let go of is gone with it', () => processesOf(`sleep ${sleep}`).length === 0, 3_000);
    else {
      assert.equal(processesOf(`sleep ${sleep}`).length, 1);
      const { how = '' } = (await lines()).find(({ what }) => what === 'processes') ?? {};
      assert.match(how, /what it lets go of may outlive it|those of the host's user/);
    }
  });
}

/** Memory of what it let go of is counted where that is said to be enforced. */
export async function countsAll(t: TestContext, places: Places): Promise<void> {
  await hosted(t, { ...at(places), memoryMiB: 200 }, async (lab) => {
    assert.ok(await isEnforced(lab, 'memory'));
    await lab.tries('hiddenHog');
    await said(lab, /thief.*it uses more memory than its limit of 200 MiB/, 20_000);
    await until('the hog is gone', () => processesOf('Buffer.alloc(32 << 20').length === 0, 5_000);
  });
}

/** It ignores shutdown and the end of its input; SIGTERM comes to it, and not to what stands around it. */
export async function hearsTheLadder(t: TestContext, places: Places): Promise<void> {
  await hosted(t, { ...at(places), loot: { stubborn: true } }, async ({ host, log }) => {
    await host.port.services.stop('thief');
    const { lines } = await host.port.services.logs('thief', 10);
    assert.match(lines.join('\n'), /SIGTERM came/);
    assert.ok(!log.some((line) => /thief did not stop/.test(line)), log.join('\n'));
  });
}

/** A host that is killed in a way in which it can do nothing: its module, and what that let go of. */
export async function diesWithTheHost(t: TestContext, places: Places): Promise<void> {
  const word = `400.${process.pid}`;
  const node = ['--import', 'tsx', '--conditions=kraken-source', HOST, JSON.stringify({ places, sleep: word })];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => {
    child.kill('SIGKILL');
    for (const pid of processesOf(`sleep ${word}`)) process.kill(pid, 'SIGKILL');
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  const { kind, pid, folder } = JSON.parse(String(value)) as { readonly kind: string; readonly pid: number; readonly folder: string };
  assert.match(commandOf(pid), /main\.mjs/);
  assert.equal(processesOf(`sleep ${word}`).length, 1);
  child.kill('SIGKILL');
  await until('the module is gone', () => !commandOf(pid).includes('main.mjs'), 6_000);
  if (kind === 'bubblewrap') await until('what it let go of too', () => processesOf(`sleep ${word}`).length === 0, 3_000);
  await until('nothing works in its folder', () => processesOf(folder).length === 0, 6_000);
}

/** Who owns the service's directory follows how it is confined, with all that is in it, and it works each time. */
export async function changesHands(t: TestContext, all: readonly Places[]): Promise<void> {
  const owners: string[] = [];
  const folder = openFolder(t);
  for (const places of all)
    await hosted(t, { ...at(places), folder }, async ({ data, tries, lines }) => {
      const dir = join(data, 'services', 'thief');
      assert.equal((await tries('ownWrite'))['ownWrite'], 'x'.repeat(owners.length + 1), 'what it had written is there, and its own');
      const own = (await lines()).some(({ what, state }) => what === 'own user' && state === 'enforced');
      const [folder, kept] = [lstatSync(dir), lstatSync(join(dir, 'kept'))];
      assert.equal(folder.uid, kept.uid);
      assert.equal(folder.mode & 0o777, 0o700);
      assert.equal(folder.uid >= 60_706, own);
      owners.push(own ? 'own' : 'host');
    });
  t.diagnostic(owners.join(', '));
}

/** A file that only the host may read is read by the module all the same, when its config names it; no file stays open for that. */
export async function readsWhatIsNamed(t: TestContext, places: Places): Promise<void> {
  const folder = openFolder(t);
  const key = join(folder, 'key');
  writeFileSync(key, 'a key', { mode: 0o600 });
  await hosted(t, { ...at(places), folder, loot: { given: key } }, async ({ host, tries, log, lines }) => {
    assert.equal((await tries('given'))['given'], 'a key', log.join('\n'));
    const open = (): number => readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === key).length;
    await until('the host has closed it', () => open() === 0, 2_000);
    for (let again = 0; again < 3; again++) await host.port.services.restart('thief');
    await until('each time', () => open() === 0, 2_000);
    t.diagnostic((await lines()).map(({ what, state }) => `${what} ${state}`).join(', '));
  });
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** What the host brings along: all of it becomes ready, confined, wherever its data lies. Answers how each is confined. */
export async function runsItsOwn(t: TestContext, places: Places, mode: number): Promise<readonly string[]> {
  const folder = openFolder(t);
  const root = join(folder, 'boot');
  mkdirSync(root);
  writeFileSync(join(folder, 'bmc.password'), 'secret', { mode: 0o600 });
  chmodSync(folder, mode);
  const login = { user: 'admin', password: { file: join(folder, 'bmc.password') } };
  const services = {
    sim: { module: 'simulator' },
    ipmi: { module: 'ipmi', config: login },
    redfish: { module: 'redfish', config: login },
    pxe: { module: 'pxe', config: { interfaces: ['lo'], root, ports: { dhcp: 50_067, tftp: 50_069, http: 50_080 } } },
    restapi: { module: 'restapi', config: { listen: '127.0.0.1:50443' } },
  };
  return hosted(t, { ...at(places), folder, services }, async ({ host, confinement, data }) => {
    const specs = parseServices(services as never, createRegistry(), join(data, 'services'));
    const asked = (): Promise<boolean> =>
      fetch('http://127.0.0.1:50443/v1/nodes').then(
        ({ status }) => status < 500,
        () => false,
      );
    // It listens when it has read the state, which is after it is ready.
    await until('the REST service answers', asked, 10_000, 50, () => host.port.services.logs('restapi', 20).lines.join('\n'));
    assert.ok(host.port.services.list().every(({ state }) => state === 'ready'));
    return Promise.all(
      specs.map(async (spec) => {
        const all = (await confinement.describe(spec)).filter(({ state }) => state === 'enforced').map(({ what }) => what);
        return `${spec.service}: ${all.join(', ')}`;
      }),
    );
  });
}
