/** What lies on disk and what processes show: only the owner may read it, and no secret is anywhere but in the config. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lab, service } from './lab.ts';

const SECRET = 'correct-horse-battery';
const TOOL = fileURLToPath(new URL('../fixtures/bad/tool.mjs', import.meta.url));

/** Everything in a folder with its mode. */
function modes(folder: string): { readonly path: string; readonly mode: number; readonly isFolder: boolean; readonly isSocket: boolean }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
    const path = join(folder, name);
    const stat = statSync(path);
    return { path, mode: stat.mode & 0o777, isFolder: stat.isDirectory(), isSocket: stat.isSocket() };
  });
}

test('data 0600 in folders 0700, the socket 0600; a secret is in no log, argument, environment, answer or stored file', async (t) => {
  const lab = new Lab(t, {});
  const dir = join(lab.folder, 'vault');
  mkdirSync(dir);
  writeFileSync(
    join(dir, 'module.json'),
    JSON.stringify({ name: 'vault', protocol: 1, command: [process.execPath, TOOL, 'with-password'] }),
  );
  lab.configure({ services: { vault: { module: dir, config: { password: SECRET } } } });
  const host = await lab.up();
  const client = await lab.client();
  const pid = await service(client, 'vault', 'ready');
  await client.ask('node/apply', { nodes: [{ nodename: 'n1', platform: 'x', physState: 'POWER_ON' }], mode: 'create' });
  const logs = await lab.kraken('service', 'logs', 'vault');
  assert.match(logs.out, /my password is /, 'the module did say it');

  const shown: [where: string, text: string][] = [
    ['service logs', logs.out],
    ["the host's output", host.out() + host.err()],
    ['service list', JSON.stringify(await client.ask('service/list', {}))],
    ['graph', JSON.stringify(await client.ask('graph/get', {}))],
    ["the module's arguments", readFileSync(`/proc/${pid}/cmdline`, 'utf8')],
    ["the module's environment", readFileSync(`/proc/${pid}/environ`, 'utf8')],
    ["the host's arguments", readFileSync(`/proc/${host.pid}/cmdline`, 'utf8')],
  ];
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  assert.doesNotMatch(environment, /SUDO_USER|KRAKEN_CONFIG/, 'the environment of a module is an allow-list');

  const owned = [...modes(lab.dataDir), { path: lab.dataDir, mode: statSync(lab.dataDir).mode & 0o777, isFolder: true, isSocket: false }];
  for (const { path, mode, isFolder, isSocket } of owned) {
    assert.equal(mode, isFolder ? 0o700 : 0o600, `${path} has mode ${mode.toString(8)}`);
    if (!isFolder && !isSocket) shown.push([path, readFileSync(path, 'latin1')]);
  }
  assert.equal(statSync(lab.socket).mode & 0o777, 0o600);
  for (const [where, text] of shown) assert.ok(!text.includes(SECRET), `the secret is in ${where}`);
});
