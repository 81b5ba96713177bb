/** What the module is told by its configuration, and what it declares. */

const NAME = '^(?:[A-Za-z0-9_][A-Za-z0-9._+-]*/)*[A-Za-z0-9_][A-Za-z0-9._+-]*$';
const FILE = { type: 'string', minLength: 1, maxLength: 255, pattern: NAME } as const;
const PORT = { type: 'integer', minimum: 1, maximum: 65_535 } as const;

export const CONFIG = {
  interfaces: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 64 },
    minItems: 1,
    maxItems: 64,
    description: 'Interfaces or addresses of this machine on the networks that nodes boot from, or that relays reach.',
  },
  root: {
    type: 'string',
    pattern: '^/',
    maxLength: 4096,
    description: 'The folder of the boot files: nodes/NAME, ARCH/PLATFORM, ARCH, itself.',
  },
  mode: {
    type: 'string',
    enum: ['dhcp', 'proxy', 'off'],
    default: 'dhcp',
    description:
      "Who gives addresses: this service; a site's own DHCP server, beside which it only says what to boot; or only files are served.",
  },
  ports: {
    type: 'object',
    properties: { dhcp: PORT, tftp: PORT, http: PORT },
    additionalProperties: false,
    default: {},
    description: 'Where they are others than 67, 69 and 8067.',
  },
  leaseTime: { type: 'string', pattern: '^[1-9][0-9]{0,5}[smhd]$', default: '12h' },
  server: {
    type: 'string',
    'x-optional': true,
    pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}$',
    description: 'The address that nodes fetch their files from, where it is not the one in their subnet.',
  },
  parents: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 300, pattern: '^[^\\s,"]+$' },
    maxItems: 16,
    default: [],
    description: "Where the nodes' hosts find their parent, HOST or HOST:PORT, the best first; else where this host listens.",
  },
  kernel: { ...FILE, default: 'kernel' },
  initramfs: { ...FILE, default: 'initramfs' },
  loaders: {
    type: 'object',
    properties: { bios: FILE, 'uefi-x64': FILE, 'uefi-arm64': FILE, 'http-x64': FILE, 'http-arm64': FILE },
    additionalProperties: false,
    default: {},
    description: 'Boot loaders by the kind of firmware; undionly.kpxe and snponly.efi where nothing else is said.',
  },
  args: {
    type: 'string',
    default: '',
    maxLength: 1024,
    pattern: '^[ -~]*$',
    description: "Of every node's kernel, before its own. No secret.",
  },
  template: { ...FILE, 'x-optional': true, description: 'A boot file with {{placeholders}} that the iPXE scripts are made from.' },
  files: { type: 'array', items: FILE, maxItems: 256, default: [], description: 'Further boot files that every node may fetch.' },
} as const;

const ON = { '/physState': 'POWER_ON' } as const;

export const STEPS = {
  // It is done here: where it takes too long, it is not the machine that hangs.
  wait: { mutates: { '/pxe/state': ['NONE', 'WAIT'] }, requires: ON, timeout: '60s' },
  boot: {
    mutates: { '/pxe/state': ['WAIT', 'INIT'], '/runState': ['UNKNOWN', 'INIT'] },
    requires: ON,
    failTo: { '/physState': 'PHYS_HANG' },
    timeout: '20m',
  },
} as const;

export const DISCOVERIES = {
  follow: { discovers: ['/pxe/state', '/runState', '/pxe/step'], requires: ON },
  compare: { discovers: ['/pxe/boot'] },
} as const;

export const PORTS = { dhcp: 67, tftp: 69, http: 8067 } as const;
export const LOADERS = {
  bios: 'undionly.kpxe',
  'uefi-x64': 'snponly.efi',
  'uefi-arm64': 'snponly.efi',
  'http-x64': 'snponly.efi',
  'http-arm64': 'snponly.efi',
} as const;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Of `12h`, which the schema has checked. A lease is told in 32 bits; all ones are for ever (RFC 2131, 3.3). */
export const secondsOf = (text: string): number => Math.min(Number(text.slice(0, -1)) * (SECONDS[text.slice(-1)] ?? 1), 0xfffffffe);
