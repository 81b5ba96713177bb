/** What process 1 of a node does, function by function, in this machine's sh (and in busybox's, which layer 0 has, where there is one). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plant } from './fake.ts';

const INIT = fileURLToPath(new URL('../../host/layer0/init.sh', import.meta.url));
const SHELLS: readonly (readonly string[])[] = [['sh'], ...(existsSync('/usr/bin/busybox') ? [['/usr/bin/busybox', 'sh']] : [])];
const folder = mkdtempSync(join(tmpdir(), 'kraken-init-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let places = 0;

interface Machine {
  readonly cmdline?: string;
  /** MACs by the names of interfaces. */
  readonly cards?: Readonly<Record<string, string>>;
}

/** What the script prints, run after the functions of init were read, on a machine that has this. */
function run(shell: readonly string[], script: string, { cmdline = '', cards = {} }: Machine = {}): string {
  const root = join(folder, String(places++));
  const nets = Object.entries({ lo: '00:00:00:00:00:00', ...cards }).map(([name, mac]) => [`sys/class/net/${name}/address`, `${mac}\n`]);
  plant(root, { 'proc/cmdline': `${cmdline}\n`, 'proc/uptime': '12.34 56.78\n', ...Object.fromEntries(nets) });
  const env = { PATH: process.env['PATH'], LAYER0_PROC: join(root, 'proc'), LAYER0_SYS: join(root, 'sys') };
  const [program = '', ...args] = [...shell, '-c', `. "$0"\nset -u\n${script}`, INIT];
  const { stdout, stderr, status } = spawnSync(program, args, { env, encoding: 'utf8', timeout: 20_000 });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

function check(what: string, script: string, machine: Machine, expect: string | RegExp): void {
  for (const shell of SHELLS)
    test(`${what} (${shell.at(-2) ?? 'sh'})`, () => {
      const said = run(shell, script, machine);
      if (typeof expect === 'string') assert.equal(said, expect);
      else assert.match(said, expect);
    });
}

const NAMES = 'read_cmdline; echo "$parent $id $ip $gw $mac $name"';
const FULL = 'kraken.parent=10.0.0.1 kraken.id=u kraken.ip=10.0.0.7/24 kraken.mac=aa:bb:cc:00:11:22';
check(
  'a whole command line',
  NAMES,
  { cmdline: `quiet ${FULL} kraken.gw=10.0.0.254 kraken.name=kr7 panic=5` },
  '10.0.0.1 u 10.0.0.7/24 10.0.0.254 aa:bb:cc:00:11:22 kr7\n',
);
check('of two the last counts', NAMES, { cmdline: `${FULL} kraken.ip=10.0.0.8/24` }, '10.0.0.1 u 10.0.0.8/24  aa:bb:cc:00:11:22 \n');
check(
  'a MAC as firmware writes it',
  'read_cmdline; echo "$mac"',
  { cmdline: `${FULL} kraken.mac=AA-BB-CC-00-11-2F` },
  'aa:bb:cc:00:11:2f\n',
);
check(
  'what is missing is named',
  'read_cmdline',
  { cmdline: 'quiet kraken.parent=10.0.0.1 kraken.mac=aa:bb:cc:00:11:22' },
  /^layer0: 12\.34 kraken\.id= is not on the kernel command line: .*\nlayer0: 12\.34 kraken\.ip= is not/,
);
check(
  'nothing of it is run or expanded',
  NAMES,
  { cmdline: `${FULL} kraken.name=$(id) kraken.gw=\`id\` *` },
  /^layer0: 12\.34 kraken\.name= is no host name\n10\.0\.0\.1 u 10\.0\.0\.7\/24 `id` aa:bb:cc:00:11:22 \n$/,
);

const CARDS = { eth0: 'aa:bb:cc:00:11:21', eth1: 'aa:bb:cc:00:11:22' };
const FIND = 'mac=aa:bb:cc:00:11:22; if find_interface; then echo "$iface"; else echo "none of$seen"; fi';
check('the interface of that MAC', FIND, { cards: CARDS }, 'eth1\n');
check('no interface of that MAC', FIND, { cards: { eth0: CARDS.eth0 } }, 'none of eth0 (aa:bb:cc:00:11:21)\n');
check('no interface at all', FIND, {}, 'none of\n');
check('without a MAC the first', 'mac=; find_interface; echo "$iface"', { cards: CARDS }, 'eth0\n');
check(
  'a card that comes late is waited for, and what there is instead is said once',
  'asked=; mac=aa:bb:cc:00:11:22; count=0; sleep() { count=$((count + 1)); [ "$count" != 25 ] || { mkdir "$SYS/class/net/eth9"; echo "$mac" >"$SYS/class/net/eth9/address"; }; }; wait_for_interface; echo "$iface after $count"',
  { cards: { eth0: CARDS.eth0 } },
  'layer0: 12.34 no interface has the MAC aa:bb:cc:00:11:22; there are: eth0 (aa:bb:cc:00:11:21); waiting for it\neth9 after 25\n',
);

check(
  'a host that ends is started at once, then after 1 s doubling to 60 s',
  "pause=''; for lived in 3 0 0 0 0 0 0 0 0 59 0; do next_wait $lived; echo $pause; done | tr '\\n' ' '",
  {},
  '0 1 2 4 8 16 32 60 60 60 60 ',
);
check(
  'and anew when it had lived a minute',
  "pause=32; for lived in 60 1 1 3600 1; do next_wait $lived; echo $pause; done | tr '\\n' ' '",
  {},
  '0 1 2 0 1 ',
);
check(
  'how it ended and when it comes again is said, until the machine is to end',
  [
    'starts=0; asked=; sleep() { :; }',
    'start_host() { starts=$((starts + 1)); (exit $starts) & host=$!; [ "$starts" -lt 4 ] || asked=reboot; }',
    'supervise | grep -v started, | cat; echo',
  ].join('\n'),
  {},
  /^layer0: 12\.34 host ended with 1 after 0 s; started again in 0 s\n.*ended with 2 .* in 1 s\n.*ended with 3 .* in 2 s\n\n$/,
);
check(
  'a signal ends the wait for a card, too',
  'listen; mac=aa:bb:cc:00:11:22; (/bin/sleep 0.3; kill -TERM $$) & wait_for_interface; echo "$asked, interface \'$iface\'"',
  { cards: { eth0: CARDS.eth0 } },
  "reboot, interface ''\n",
);
check(
  'a signal ends the wait for the host: busybox asks process 1 so',
  'listen; start_host() { /bin/sleep 10 & host=$!; }; (/bin/sleep 0.3; kill -USR2 $$) & supervise; echo "$asked"; kill "$host"',
  {},
  /host started.*\npoweroff\n$/,
);
