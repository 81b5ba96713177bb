/** `kraken sim --vm N`: a cluster in a box, shown while it boots, to be broken by keys. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Box, type BoxOptions, MOST_MACHINES } from '../vm/box.ts';
import type { Firmware, MachineKind } from '../vm/parts.ts';
import { type BoxRow, boxScreen } from '../vm/screen.ts';
import { type Client, openClient } from './client.ts';
import { usage } from './failure.ts';
import { type Call, flag } from './io.ts';
import { parseCount } from './values.ts';
import { count } from './words.ts';

const UP_LIMIT = 60_000;
const REFRESH = 500;
const PATHS = ['/physState', '/runState', '/pxe/step'];

export async function simVm(call: Call): Promise<void> {
  const options = optionsOf(call);
  const isTerminal = call.io.terminal.output;
  const box = new Box(options);
  const end = new AbortController();
  const unlisten = call.io.onInterrupt(() => end.abort());
  try {
    call.io.err(`A box of ${count(options.machines, 'machine')} (${options.kind}) is made, and layer 0 for them …\n`);
    await box.build(kernelOf(call));
    box.start();
    box.head.start(box.config());
    const client = await connected(call, box, end.signal);
    await client.ask('node/apply', { nodes: box.nodes() as never, mode: 'put', why: 'kraken sim --vm' });
    await new Show(call, box, client, end).run(isTerminal);
    client.close();
  } catch (error) {
    if (!end.signal.aborted) throw error;
  } finally {
    call.io.err('The box is taken apart …\n');
    await box.end();
    unlisten();
  }
  call.io.out(`Nothing is left of the box${options.logs === undefined ? '' : `; its logs are in ${box.logs}`}.\n`);
}

function optionsOf(call: Call): BoxOptions {
  const machines = parseCount(flag(call, 'vm'), '--vm', 1, MOST_MACHINES);
  const kind = pick<MachineKind>(call, 'machine', ['qemu', 'uml'], machines > 2 ? 'uml' : 'qemu');
  const firmware = pick<Firmware>(call, 'firmware', ['bios', 'uefi'], 'bios');
  if (kind === 'uml' && firmware === 'uefi') throw usage('user-mode Linux has no UEFI', 'Leave --firmware out, or take --machine qemu');
  const logs = flag(call, 'keepLogs');
  const kraken = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
  return { machines, kind, firmware, kraken, ...(logs === undefined ? {} : { logs }) };
}

function pick<T extends string>(call: Call, name: string, known: readonly T[], usual: T): T {
  const text = flag(call, name) ?? usual;
  const found = known.find((one) => one === text);
  if (found === undefined) throw usage(`there is no --${name} ${text}`, `They are ${known.join(' and ')}`);
  return found;
}

function kernelOf(call: Call): { kernel?: string; modules?: string } {
  const [kernel, modules] = [flag(call, 'kernel'), flag(call, 'modules')];
  return { ...(kernel !== undefined && { kernel }), ...(modules !== undefined && { modules }) };
}

/** When the head answers, with all its services. */
async function connected(call: Call, box: Box, signal: AbortSignal): Promise<Client> {
  for (const until = Date.now() + UP_LIMIT; ; await sleep(100, undefined, { signal })) {
    const client = await openClient({ ...call, paths: { ...call.paths, socket: box.head.socket } }).catch(() => undefined);
    const services = await client?.ask('service/list', {});
    if (client && services?.services.every(({ state }) => state === 'ready')) return client;
    client?.close();
    if (!box.head.isRunning || Date.now() > until) throw new Error(`the host at the head does not come up: see ${box.logs}/head.log`);
  }
}

class Show {
  readonly #call: Call;
  readonly #box: Box;
  readonly #client: Client;
  readonly #end: AbortController;
  readonly #started = performance.now();
  #reached: number | undefined;
  #said = '';
  readonly #broken = new Map<number, string>();
  /** What was last said of each machine. */
  readonly #told = new Map<string, string>();

  constructor(call: Call, box: Box, client: Client, end: AbortController) {
    this.#call = call;
    this.#box = box;
    this.#client = client;
    this.#end = end;
  }

  /** Until Ctrl-C or `q`. Where there is no terminal, a line for each change. */
  async run(isTerminal: boolean): Promise<void> {
    const { stdin, stdout } = process;
    const keys = (data: Buffer): void => this.#key(data.toString());
    const hasKeys = isTerminal && stdin.isTTY;
    if (isTerminal) stdout.write('\u001b[?1049h\u001b[?25l');
    if (hasKeys) stdin.setRawMode(true).resume().on('data', keys);
    try {
      while (!this.#end.signal.aborted) {
        const rows = await this.#rows();
        const elapsed = performance.now() - this.#started;
        const isFirst = this.#reached === undefined && rows.every(({ run }) => run === 'SYNC');
        if (isFirst) this.#reached = elapsed;
        stdout.write(isTerminal ? this.#screen(rows, elapsed) : this.#changes(rows, elapsed));
        if (isFirst && !isTerminal) stdout.write(`All were in sync after ${(elapsed / 1000).toFixed(1)} s; Ctrl-C ends it.\n`);
        await sleep(REFRESH, undefined, { signal: this.#end.signal }).catch(() => undefined);
      }
    } finally {
      if (hasKeys) stdin.off('data', keys).setRawMode(false).pause();
      if (isTerminal) stdout.write('\u001b[?25h\u001b[?1049l');
    }
    stdout.write(
      this.#reached === undefined ? 'Not all machines got in sync.\n' : `All were in sync after ${(this.#reached / 1000).toFixed(1)} s.\n`,
    );
  }

  #screen(rows: readonly BoxRow[], elapsed: number): string {
    const said = this.#said || 'Watch: power on → firmware → DHCP → script, kernel, initramfs → in sync.';
    const scene = { rows, said, socket: this.#box.head.socket, elapsed, reached: this.#reached };
    const lines = boxScreen(scene, this.#call.io.columns ?? 160, !this.#call.io.env['NO_COLOR']);
    return `\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`;
  }

  #changes(rows: readonly BoxRow[], elapsed: number): string {
    const lines = rows.map(({ name, power, step, run, boots }) => ({ name, text: `${power}, ${step}, ${run}, boot ${boots}` }));
    const news = lines.filter(({ name, text }) => this.#told.get(name) !== text);
    for (const { name, text } of news) this.#told.set(name, text);
    return news.map(({ name, text }) => `${(elapsed / 1000).toFixed(1).padStart(6)} s  ${name}: ${text}\n`).join('');
  }

  async #rows(): Promise<BoxRow[]> {
    const { nodes } = await this.#client.ask('state/read', { view: 'dsc', paths: PATHS, limit: 1000 });
    const explained = new Map<string, string>();
    const late = nodes.filter(({ dsc }) => dsc?.['/runState'] !== 'SYNC').map(({ id }) => id);
    if (late.length > 0) {
      const { nodes: all } = await this.#client.ask('node/explain', { set: 'all' });
      for (const { node, name, summary } of all) if (late.includes(node)) explained.set(name, summary);
    }
    const byName = new Map(nodes.map((node) => [node.name, node.dsc ?? {}]));
    return this.#box.machines.map(({ number, name, boots }) => {
      const seen = byName.get(name) ?? {};
      const text = (path: string): string => String(seen[path] ?? '–');
      const what = `${this.#broken.has(number) ? `[${this.#broken.get(number)}] ` : ''}${explained.get(name) ?? ''}`;
      return { name, power: text('/physState'), step: text('/pxe/step'), run: text('/runState'), boots, what };
    });
  }

  #key(key: string): void {
    if (key === 'q' || key === '\u0003') return this.#end.abort();
    const { machines, network } = this.#box;
    const victim = machines[Math.floor(Math.random() * machines.length)];
    if (victim === undefined) return;
    const { number, name } = victim;
    if (key === 'h') {
      victim.freeze();
      this.#said = `${name} hangs: its power stays, and nobody hears it; after the grace it is power-cycled.`;
    } else if (key === 'p') {
      this.#box.cutPower(number);
      this.#said = `${name} lost its power, and nobody was asked.`;
    } else if (key === 'b' && !this.#broken.has(number)) {
      network.cutBmc(number);
      this.#broken.set(number, 'BMC dead');
      this.#said = `the BMC of ${name} is dead: nothing is done to the machine that nobody can see. c revives it.`;
    } else if (key === 'c') {
      for (const dead of this.#broken.keys()) network.mendBmc(dead);
      this.#broken.clear();
      this.#said = 'All BMCs are alive.';
    }
  }
}
