/** kill -9 of whoever installs, at random moments: what is installed is the old version or the new one, whole, and it runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../host/core/random.ts';
import { openStoppedPlugins } from '../../host/stopped-plugins.ts';
import { LONG } from '../long.ts';
import { Lab, service } from './lab.ts';
import { writeLamp } from './lamp.ts';

const FILES = LONG ? 50 : 3;
const HOSTS = LONG ? 15 : 2;
const SEED = Number(process.env['KRAKEN_SEED'] ?? 1);
/**
 * Random moments of something that takes a while nobody knows beforehand: longer after one that came too early to find it done, shorter
 * after one that came too late. So on any machine about half of the moments lie within it, spread evenly.
 */
class Moments {
  readonly #random: () => number;
  #most: number;

  constructor(random: () => number, most: number) {
    this.#random = random;
    this.#most = most;
  }

  next(): number {
    return this.#random() * this.#most;
  }

  wasLate(late: boolean): void {
    this.#most *= late ? 0.85 : 1.18;
  }
}

/** Where it begins, in milliseconds. */
const INSTALL = 2_500;
/** An upgrade is watched for five seconds before it counts. */
const UPGRADE = 9_000;

/** Where no socket is named, and none answers beside the data, the files are asked. */
const STOPPED = { KRAKEN_SOCKET: '' };

/** The version that is installed, its files as they were when it was. */
async function versionIn(lab: Lab): Promise<string | undefined> {
  const plugins = await openStoppedPlugins({ dataDir: lab.dataDir, config: lab.config });
  const ask = <M extends 'plugin/list' | 'plugin/info'>(method: M, params: object) =>
    plugins.ask<M>(method, params as never, 'ada', new AbortController().signal, () => undefined);
  try {
    const all = await ask('plugin/list', {});
    const lamp = all.plugins.find(({ plugin }) => plugin === 'lamp');
    if (lamp === undefined) return undefined;
    const { changed } = await ask('plugin/info', { plugin: 'lamp' });
    assert.deepEqual([lamp.problem, changed, lamp.services], [undefined, false, ['lamp']], lamp.version);
    return lamp.version;
  } finally {
    await plugins.close();
  }
}

test(`the installer of a stopped host is killed ${FILES} times (seed ${SEED})`, async (t) => {
  const lab = new Lab(t, {});
  const host = await lab.up();
  host.child.kill('SIGKILL');
  await host.ended;
  const moments = new Moments(seededRandom(SEED), INSTALL);
  let installed: string | undefined;
  const seen = { old: 0, new: 0 };
  for (let count = 1; count <= FILES; count++) {
    const version = `1.0.${count}`;
    const source = writeLamp(`${lab.folder}/lamp`, { version });
    const words = installed === undefined ? ['install', source] : ['upgrade', 'lamp', source];
    const asker = lab.krakenWith(STOPPED, ['plugin', ...words, '--yes']);
    await Promise.race([sleep(moments.next()), asker.ended]);
    asker.child.kill('SIGKILL');
    await asker.ended;
    const now = await versionIn(lab);
    assert.ok(now === installed || now === version, `${now} is neither ${installed} nor ${version}`);
    seen[now === version ? 'new' : 'old']++;
    moments.wasLate(now === version);
    installed = now;
  }
  t.diagnostic(JSON.stringify(seen));
  if (FILES >= 50) assert.ok(seen.old > 5 && seen.new > 5, JSON.stringify(seen));
  const { exit, out } = await lab.krakenWith(STOPPED, ['plugin', 'list', '-o', 'name']).ended;
  assert.equal(exit, 0);
  assert.equal(out.split('\n').includes('lamp'), installed !== undefined);
});

test(`a host is killed ${HOSTS} times while it installs (seed ${SEED}); the next one runs what is installed`, async (t) => {
  const lab = new Lab(t, {});
  const random = seededRandom(SEED + 1);
  const [installs, upgrades] = [new Moments(random, INSTALL), new Moments(random, UPGRADE)];
  let installed: string | undefined;
  const seen = { old: 0, new: 0 };
  for (let count = 1; count <= HOSTS; count++) {
    const host = await lab.up();
    const client = await lab.client();
    if (installed !== undefined) await service(client, 'lamp', 'ready');
    const version = `1.0.${count}`;
    const source = writeLamp(`${lab.folder}/lamp`, { version });
    const asked = client
      .ask('plugin/stage', { source, ...(installed === undefined ? {} : { upgrade: true }) })
      .then(({ stage }) => client.ask('plugin/commit', { stage }))
      .catch(() => undefined);
    const moments = installed === undefined ? installs : upgrades;
    await Promise.race([sleep(moments.next()), asked]);
    host.child.kill('SIGKILL');
    await host.ended;
    await asked;
    const now = await versionIn(lab);
    assert.ok(now === installed || now === version, `${now} is neither ${installed} nor ${version}`);
    seen[now === version ? 'new' : 'old']++;
    moments.wasLate(now === version);
    installed = now;
  }
  t.diagnostic(JSON.stringify(seen));
  if (HOSTS >= 15) assert.ok(seen.old > 1 && seen.new > 1, JSON.stringify(seen));
  await lab.up();
  if (installed !== undefined) await service(await lab.client(), 'lamp', 'ready');
});
