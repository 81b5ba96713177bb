/** What `kraken sim` shows: pure, from what the engine knows to lines of text. */
import type { Explanation, WalkState } from './core/answers.ts';

export interface SimNode {
  readonly name: string;
  readonly power: string;
  readonly boot: string;
  readonly run: string;
  readonly images: string;
  readonly fault: string;
  readonly walk: WalkState;
  /** What it does or waits for; worked out only where it is shown. */
  readonly explain: () => Explanation;
}

export interface SimScene {
  readonly nodes: readonly SimNode[];
  /** Milliseconds since the start. */
  readonly elapsed: number;
  /** Milliseconds until all were at goal for the first time. */
  readonly reached: number | undefined;
  readonly powerOns: number;
  readonly powerOffs: number;
  readonly service: { readonly state: string; readonly pid: number | undefined; readonly restarts: number };
  readonly socket: string;
  /** Of the dashboard; undefined: it is not served (yet). */
  readonly url: string | undefined;
  readonly lastKey: string;
}

/** Above this, nodes are counted by state, not listed. */
const MOST_LISTED = 32;

const COLOURS: Readonly<Record<string, string>> = {
  POWER_ON: '32',
  SYNC: '32',
  ACTIVE: '32',
  atGoal: '32',
  POWER_OFF: '90',
  unknown: '90',
  PHYS_HANG: '31',
  ERROR: '31',
  FATAL: '31',
  stuck: '31',
  unreachable: '31',
  running: '36',
  waiting: '33',
  backingOff: '33',
  INIT: '36',
  WAIT: '36',
  IDLE: '36',
};

const WALK_WORDS: Readonly<Record<WalkState, string>> = {
  atGoal: 'at goal',
  running: 'running',
  waiting: 'waiting',
  backingOff: 'backing off',
  stuck: 'stuck',
  held: 'held',
  unreachable: 'unreachable',
};

/** The whole screen. `colour` only on a terminal; `width` in columns. */
export function simScreen(scene: SimScene, width: number, colour: boolean): string[] {
  const paint = (text: string, key: string): string => (colour && COLOURS[key] ? `\u001b[${COLOURS[key]}m${text}\u001b[0m` : text);
  const done = scene.nodes.filter((node) => node.walk === 'atGoal').length;
  const lines = [
    `Kraken, a simulated cluster of ${scene.nodes.length} nodes: ${done} at goal after ${(scene.elapsed / 1000).toFixed(0)} s${scene.reached === undefined ? '' : ` (first time all: ${(scene.reached / 1000).toFixed(1)} s)`}`,
    `power actions: ${scene.powerOns} on, ${scene.powerOffs} off · module sim: ${scene.service.state}, pid ${scene.service.pid ?? '–'}, ${scene.service.restarts} restarts`,
    ...(scene.url === undefined ? [] : [`dashboard and REST: ${scene.url}/`]),
    '',
  ];
  if (scene.nodes.length > MOST_LISTED) lines.push(...counts(scene, paint));
  else lines.push(...rows(scene, width, paint));
  return [...lines, '', ...next(scene, done)].map((line) => clip(line, width));
}

function rows(scene: SimScene, width: number, paint: (text: string, key: string) => string): string[] {
  const head = `${'NODE'.padEnd(8)}${'POWER'.padEnd(13)}${'BOOT'.padEnd(6)}${'RUN'.padEnd(9)}${'IMAGES'.padEnd(9)}${'WALK'.padEnd(13)}WHAT`;
  return [
    head,
    ...scene.nodes.map((node) => {
      const { walk } = node;
      const cell = (text: string, columns: number): string => paint(text.padEnd(columns), text);
      const fault = node.fault && node.fault !== 'none' ? `[${node.fault}] ` : '';
      const what = walk === 'atGoal' ? fault : `${fault}${whatNow(node.explain())}`;
      const left = Math.max(10, width - 58);
      return `${node.name.padEnd(8)}${cell(node.power, 13)}${cell(node.boot, 6)}${cell(node.run, 9)}${cell(node.images, 9)}${paint(WALK_WORDS[walk].padEnd(13), walk)}${what.slice(0, left)}`;
    }),
  ];
}

/** The step under way, or what it waits for. */
function whatNow({ plan, reasons, summary }: Explanation): string {
  const running = plan.find((step) => step.state === 'running');
  if (running) return `${running.mutation.split('/').at(-1) ?? ''}: ${running.text}`;
  return reasons[0]?.text ?? summary;
}

function counts(scene: SimScene, paint: (text: string, key: string) => string): string[] {
  const table = new Map<string, number>();
  for (const { power, run, images, walk } of scene.nodes) {
    const key = [power, run, images, walk].join(' ');
    table.set(key, (table.get(key) ?? 0) + 1);
  }
  const sorted = [...table].sort((a, b) => b[1] - a[1]);
  return [
    `${'NODES'.padStart(7)}  ${'POWER'.padEnd(13)}${'RUN'.padEnd(9)}${'IMAGES'.padEnd(9)}WALK`,
    ...sorted.slice(0, 20).map(([key, count]) => {
      const [power = '', run = '', images = '', walk = ''] = key.split(' ');
      return `${String(count).padStart(7)}  ${paint(power.padEnd(13), power)}${paint(run.padEnd(9), run)}${paint(images.padEnd(9), images)}${paint(WALK_WORDS[walk as WalkState], walk)}`;
    }),
  ];
}

function next(scene: SimScene, done: number): string[] {
  const keys = 'Keys: h a node hangs · p a node loses its power · b a BMC dies · k kill -9 the module · c clear all faults · q end';
  const other = `In another terminal: npx kraken node list · node explain kr3 · node power off 'kr[1-4]' · sim fault kr7 panic   (socket ${scene.socket})`;
  const hint =
    done === scene.nodes.length && scene.reached !== undefined
      ? 'All nodes are where they should be. Next: press h and watch one heal.'
      : 'Watch: unknown → off → on → booting → in sync → images active.';
  return [scene.lastKey === '' ? hint : scene.lastKey, keys, other];
}

/** Escape sequences take no room. */
function clip(line: string, width: number): string {
  let room = width;
  let out = '';
  for (const part of line.split(/(\u001b\[[0-9]+m)/)) {
    if (part.startsWith('\u001b')) {
      out += part;
      continue;
    }
    out += part.slice(0, Math.max(0, room));
    room -= part.length;
  }
  return out;
}
