/** When a host starts its machine anew because its parent asks for it, and when it only says so. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SelfReboot, type SelfRebootOptions } from '../../host/self-reboot.ts';

const CASES: readonly { name: string; options?: Partial<SelfRebootOptions>; boots?: readonly string[]; reboots: number; says: RegExp }[] = [
  { name: 'allowed, and nothing runs', reboots: 1, says: /starts anew now.*: unseen/ },
  { name: 'not allowed', options: { isAllowed: false }, reboots: 0, says: /must be started anew.*: unseen;.*sync\.selfReboot/ },
  { name: 'a root', options: { isRoot: true }, reboots: 0, says: /it is the root/ },
  { name: 'services run', options: { runs: () => true }, reboots: 0, says: /services run on it/ },
  { name: 'asked again, after a restart of the host', boots: ['b1', 'b1', 'b1'], reboots: 1, says: /tried in this boot already/ },
  { name: 'asked again in the next boot', boots: ['b1', 'b2'], reboots: 2, says: /starts anew now/ },
  { name: 'it cannot be remembered', options: { dir: '/nowhere/at/all' }, reboots: 0, says: /cannot be remembered/ },
  {
    name: 'it fails',
    options: { reboot: () => Promise.reject(new Error('not permitted')) },
    reboots: 0,
    says: /not permitted; reboot it by hand/,
  },
];

for (const { name, options = {}, boots = ['b1'], reboots, says } of CASES)
  test(`${name}: ${reboots} reboots`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'kraken-reboot-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const logs: string[] = [];
    let done = 0;
    const reboot = async (): Promise<void> => void done++;
    const log = (_level: string, message: string): void => void logs.push(message);
    for (const boot of boots)
      new SelfReboot({ isAllowed: true, isRoot: false, boot, dir, runs: () => false, log, reboot, ...options }).ask('unseen');
    await new Promise(setImmediate);
    assert.equal(done, reboots);
    assert.match(logs.at(-1) ?? '', says);
  });
