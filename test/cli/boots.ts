/** What the service that boots nodes answers to the commands about it. */
import { id, PIN } from './answers.ts';
import { NOW } from './fake.ts';

const file = (name: string) => ({ name, path: `/srv/boot/amd64/${name}`, bytes: 7_123_456, sha256: '0123456789abcdef'.repeat(4) });

const SHOWN = {
  node: 'kr1',
  id: id(1),
  ready: true,
  missing: [],
  lease: { interface: 'kraken', mac: '52:54:00:00:00:01', ip: '10.0.0.11', prefix: 24, router: '10.0.0.254', dns: [], seconds: 43_200 },
  url: 'http://10.0.0.1:8067/boot.ipxe',
  boot: 'aaaaaaaaaaaaaaaa',
  booted: 'bbbbbbbbbbbbbbbb',
  current: 'OLD',
  kernel: file('kernel'),
  initramfs: file('initramfs'),
  loaders: { bios: file('undionly.kpxe'), 'uefi-x64': 'there is no file snponly.efi in /srv/boot' },
  args: 'quiet',
  parents: ['10.0.0.1:31415'],
  script: `#!ipxe\nkernel … kraken.ca=${PIN}\nboot\n`,
  last: {
    kind: 'bios',
    at: new Date(NOW - 60_000).toISOString(),
    steps: [
      { step: 'DISCOVER', ms: 0 },
      { step: 'ACK', ms: 4 },
      { step: 'LOADER', ms: 40 },
      { step: 'DISCOVER (ipxe-bios)', ms: 2100 },
    ],
  },
};
const { lease: _lease, script: _script, boot: _boot, ...rest } = SHOWN;
const UNREADY = { ...rest, ready: false, missing: ['ipv4.ifaces.kraken.ip.subnet is missing: set the mask', 'there is no file kernel'] };

const STRANGERS = {
  strangers: [
    {
      mac: '52:54:00:00:00:07',
      kind: 'uefi-arm64',
      vendor: 'PXEClient:Arch:00011',
      via: 'eth1',
      first: NOW - 90_000,
      last: NOW - 5_000,
      asked: 4,
    },
    { mac: '52:54:00:00:00:08', kind: 'other', vendor: '', via: 'relay 10.1.0.1', uuid: id(8), first: NOW, last: NOW, asked: 1 },
  ],
};

const answers = (result: object) => ({
  answers: { 'service/call': { result }, 'node/apply': { revision: 9, created: 1, changed: 0, unchanged: 0 } },
});

export const shown = answers(SHOWN);
export const unready = answers(UNREADY);
export const strangers = answers(STRANGERS);
export const noStrangers = answers({ strangers: [] });
