/** Boots as sequences of what is seen: when a new one begins, what is told, and what is said again until the host has taken it in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientKind } from './dhcp/types.ts';
import { Follower, type Told } from './follow.ts';

type Dhcp = 'DISCOVER' | 'OFFER' | 'REQUEST' | 'ACK';
type Fetch = 'LOADER' | 'SCRIPT' | 'KERNEL' | 'INITRAMFS';
/**
 * `KIND STEP [XID]`, `fetch STEP`, `wait SECONDS`, `host STATE RUN` (what the host has from now on), `deaf` (it asks an old session and
 * takes nothing in), `listens`, `missing` (not all files are there), `ready`.
 */
type Line = string;

/** What was told, one word each: `step`, `WAIT!` = state WAIT and runState UNKNOWN with heard dhcp, `INIT!` likewise. */
function play(lines: readonly Line[], from: { state?: string; run?: string } = {}): string[] {
  const known = { state: from.state, run: from.run };
  const told: string[] = [];
  let now = 1_000_000;
  let isDeaf = false;
  let complete = true;
  const tell = ({ values, heard }: Told): void => {
    const { '/pxe/step': step, '/pxe/state': state, '/runState': run } = values;
    assert.equal(heard === 'dhcp', state !== undefined, 'a level is told with what was heard');
    if (state !== undefined) assert.equal(run, state === 'WAIT' ? 'UNKNOWN' : 'INIT');
    told.push([step, state && `${state}!`].filter(Boolean).join(' '));
    if (!isDeaf && state !== undefined) Object.assign(known, { state, run: run === 'UNKNOWN' ? undefined : run });
  };
  const follower = new Follower({ tell, known: () => ({ ...known }) });
  const seen = (): void => follower.seen('n');
  const pass = (seconds: number): void => {
    for (let ms = 0; ms < seconds * 1000; ms += 250) {
      now += 250;
      const before = told.length;
      follower.tick(now);
      if (told.length > before) seen();
    }
  };
  for (const line of lines) {
    const [who = '', what = '', more] = line.split(' ');
    if (who === 'wait') pass(Number(what));
    else if (who === 'host') {
      Object.assign(known, { state: what, run: more });
      seen();
    } else if (who === 'deaf' || who === 'listens') isDeaf = who === 'deaf';
    else if (who === 'missing') complete = false;
    else if (who === 'ready') {
      complete = true;
      follower.ready('n', now);
    } else {
      now += 5;
      if (who === 'fetch') follower.fetched('n', what as Fetch, complete, now);
      else follower.dhcp('n', who as ClientKind, { step: what as Dhcp, xid: Number(more ?? 1), complete, now });
      seen();
    }
  }
  return told;
}

const exchange = (kind: ClientKind, xid = 1): Line[] =>
  (['DISCOVER', 'OFFER', 'REQUEST', 'ACK'] as const).map((step) => `${kind} ${step} ${xid}`);
const files: Line[] = ['fetch SCRIPT', 'fetch KERNEL', 'fetch INITRAMFS'];
const BEGUN = ['DISCOVER WAIT!', 'OFFER', 'REQUEST', 'ACK INIT!'];
const CHAINED = ['DISCOVER', 'OFFER', 'REQUEST', 'ACK'];
const FILES = ['SCRIPT', 'KERNEL', 'INITRAMFS'];

interface Case {
  readonly from?: { state?: string; run?: string };
  readonly lines: readonly Line[];
  readonly told: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "the ROM of QEMU's network card is iPXE": { lines: [...exchange('ipxe-bios'), ...files], told: [...BEGUN, ...FILES] },
  'a machine that is waited for': { from: { state: 'WAIT' }, lines: [...exchange('ipxe-bios'), ...files], told: [...BEGUN, ...FILES] },
  'BIOS, undionly, iPXE: one boot': {
    lines: [...exchange('bios', 7), 'wait 2', 'fetch LOADER', 'wait 3', ...exchange('ipxe-bios', 8), ...files],
    told: [...BEGUN, 'LOADER', ...CHAINED, ...FILES],
  },
  'UEFI, snponly, iPXE: one boot': {
    lines: [...exchange('uefi-x64'), 'fetch LOADER', ...exchange('ipxe-x64', 2), ...files],
    told: [...BEGUN, 'LOADER', ...CHAINED, ...FILES],
  },
  'UEFI by HTTP: one boot': {
    lines: [...exchange('http-arm64'), 'fetch LOADER', ...exchange('ipxe-arm64', 2), ...files],
    told: [...BEGUN, 'LOADER', ...CHAINED, ...FILES],
  },
  'iPXE of our loader that asks twice: one boot': {
    lines: [...exchange('bios'), 'fetch LOADER', ...exchange('ipxe-bios', 2), 'wait 30', ...exchange('ipxe-bios', 3), ...files],
    told: [...BEGUN, 'LOADER', ...CHAINED, ...CHAINED, ...FILES],
  },
  'iPXE comes too late for the loader that it was given': {
    lines: [...exchange('bios'), 'fetch LOADER', 'wait 130', ...exchange('ipxe-bios', 2)],
    told: [...BEGUN, 'LOADER', ...BEGUN],
  },
  'firmware that asks again, and is heard again only while it is not taken in': {
    lines: ['bios DISCOVER 1', 'wait 4', 'bios DISCOVER 1', 'wait 8', 'bios DISCOVER 2'],
    told: ['DISCOVER WAIT!', 'DISCOVER', 'DISCOVER'],
  },
  'a relay that repeats itself': {
    lines: [...exchange('bios'), 'bios DISCOVER 1', 'bios OFFER 1'],
    told: [...BEGUN, 'DISCOVER', 'OFFER'],
  },
  'reboots itself and takes the same xid as before, as firmware does': {
    from: { state: 'INIT', run: 'ERROR' },
    lines: [...exchange('bios'), 'fetch LOADER', ...exchange('ipxe-bios', 2), ...files, 'host INIT SYNC', 'wait 30', ...exchange('bios')],
    told: [...BEGUN, 'LOADER', ...CHAINED, ...FILES, ...BEGUN],
  },
  'reset while our loader was coming': { lines: [...exchange('bios'), 'wait 6', ...exchange('bios')], told: [...BEGUN, ...BEGUN] },
  'an iPXE ROM that boots anew at once': {
    lines: [...exchange('ipxe-bios', 1), ...files, 'wait 5', ...exchange('ipxe-bios', 2)],
    told: [...BEGUN, ...FILES, ...BEGUN],
  },
  'reboots itself while its old session seems to live: served at once, taken in by the retry': {
    from: { state: 'INIT', run: 'SYNC' },
    lines: ['deaf', 'bios DISCOVER 1', 'wait 1', 'listens', 'bios DISCOVER 1', 'bios OFFER 1', 'bios REQUEST 1', 'bios ACK 1'],
    told: BEGUN.toSpliced(0, 0, 'DISCOVER WAIT!'),
  },
  'the same with a client that is done before the old session has ended: said again': {
    from: { state: 'INIT', run: 'SYNC' },
    lines: [
      'deaf',
      ...exchange('bios'),
      'wait 1',
      'host INIT ERROR',
      'listens',
      'wait 5',
      'fetch LOADER',
      ...exchange('ipxe-bios', 2),
      ...files,
    ],
    told: [...BEGUN, 'INIT!', 'LOADER', ...CHAINED, ...FILES],
  },
  'the same where the old session lives on: it is not said for ever': {
    from: { state: 'INIT', run: 'SYNC' },
    lines: ['deaf', ...exchange('bios'), 'wait 60'],
    told: [...BEGUN, 'INIT!', 'INIT!', 'INIT!', 'INIT!'],
  },
  'the client of an installed system gets its address and boots nothing': {
    from: { state: 'INIT', run: 'SYNC' },
    lines: [...exchange('other'), 'wait 3600', ...exchange('other'), 'other REQUEST 5', 'other ACK 5'],
    told: [],
  },
  'a renewal is no boot': {
    from: { state: 'INIT', run: 'SYNC' },
    lines: [
      ...exchange('ipxe-bios'),
      ...files,
      'host INIT SYNC',
      'wait 10',
      'ipxe-bios REQUEST 2',
      'ipxe-bios ACK 2',
      'wait 600',
      'bios REQUEST 3',
      'bios ACK 3',
    ],
    told: [...BEGUN, ...FILES],
  },
  'files fetched by a system that runs say nothing': { from: { state: 'INIT', run: 'SYNC' }, lines: files, told: [] },
  'this service was restarted in the middle of an exchange': {
    from: { state: 'WAIT' },
    lines: ['bios REQUEST 4', 'bios ACK 4', 'fetch LOADER', ...exchange('ipxe-bios', 5), ...files],
    told: ['ACK INIT!', 'LOADER', ...CHAINED, ...FILES],
  },
  'this service was restarted before the script': { from: { state: 'WAIT' }, lines: files, told: ['SCRIPT INIT!', 'KERNEL', 'INITRAMFS'] },
  "an address of the site's own DHCP server: the first file says that it has one": {
    lines: ['bios DISCOVER 1', 'bios OFFER 1', 'fetch LOADER', 'ipxe-bios DISCOVER 2', 'ipxe-bios OFFER 2', ...files],
    told: ['DISCOVER WAIT!', 'OFFER', 'LOADER INIT!', 'DISCOVER', 'OFFER', ...FILES],
  },
  'what is missing when it asks keeps it at WAIT, until it is there': {
    lines: ['missing', ...exchange('ipxe-bios'), 'fetch SCRIPT', 'wait 15', 'ready', ...files],
    told: ['DISCOVER WAIT!', 'OFFER', 'REQUEST', 'ACK', 'SCRIPT', 'INIT!', ...FILES],
  },
};

for (const [name, { from, lines, told }] of Object.entries(CASES)) test(name, () => assert.deepEqual(play(lines, from), told));

test('a boot can be looked at: kinds, steps, times', () => {
  const follower = new Follower({ tell: () => {}, known: () => ({ state: undefined, run: undefined }) });
  follower.dhcp('n', 'bios', { step: 'DISCOVER', xid: 1, complete: true, now: 5 });
  follower.dhcp('n', 'bios', { step: 'ACK', xid: 1, complete: true, now: 9 });
  follower.fetched('n', 'LOADER', true, 12);
  const steps = [
    { step: 'DISCOVER', kind: 'bios', at: 5 },
    { step: 'ACK', kind: 'bios', at: 9 },
    { step: 'LOADER', kind: 'bios', at: 12 },
  ];
  assert.deepEqual(follower.of('n'), { kind: 'bios', since: 5, steps });
  for (let i = 0; i < 1000; i++) follower.fetched('n', i % 2 ? 'KERNEL' : 'SCRIPT', true, 13 + i);
  assert.ok((follower.of('n')?.steps.length ?? 0) <= 32, 'a client that fetches for ever fills nothing');
  follower.forget('n');
  assert.equal(follower.of('n'), undefined);
});
