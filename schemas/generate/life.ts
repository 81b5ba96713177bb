/** The part of PROTOCOL.md that tells a stranger how a module lives: states, a whole life line by line, environment, end, limits. */
import { readFileSync } from 'node:fs';
import { type METHODS, paramsMisfit, resultMisfit } from '../../sdk/wire/index.ts';

const HEAD = '0e6a51cc-7d0f-4c3e-8a55-9b1f3a2c4d7e';
const NODE = '123e4567-e89b-12d3-a456-426655440000';
const NOW = 1_790_000_000_000;

interface Line {
  readonly from: 'host' | 'module';
  readonly id?: number;
  readonly method?: keyof typeof METHODS;
  readonly params?: unknown;
  /** Of an answer: what it answers. */
  readonly to?: keyof typeof METHODS;
  readonly result?: unknown;
  readonly error?: object;
  readonly note: string;
}

const task = {
  deadline: NOW + 30_000,
  nodes: [{ id: NODE, cfg: { '/outlet/number': 3 }, dsc: { '/physState': 'POWER_OFF' }, revision: 17 }],
};

/** One life, from the first line to the last. Each is checked against the protocol when the page is made. */
const LIFE: readonly Line[] = [
  {
    from: 'host',
    id: 1,
    method: 'initialize',
    params: {
      protocols: [1],
      host: { name: 'kraken', version: '0.1.0' },
      node: HEAD,
      service: 'pdu',
      module: 'pdu',
      config: { strip: 'http://192.0.2.7' },
      capabilities: ['discover', 'read', 'watch', 'progress', 'log'],
      now: NOW,
    },
    note: 'The first line, at once after the start. Nothing may be said before it. Secrets of the config come here and nowhere else.',
  },
  {
    from: 'module',
    id: 1,
    to: 'initialize',
    result: {
      protocol: 1,
      module: { name: 'pdu', version: '1.0.0' },
      capabilities: ['mutations', 'pollers'],
      declaration: {
        state: { '/outlet/number': { type: 'integer', minimum: 1 } },
        requires: { '/platform': 'http-pdu' },
        mutations: { powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '30s' } },
        pollers: { power: { discovers: ['/physState'], every: '5s' } },
      },
    },
    note: 'One of the versions offered, and the declaration. What is refused in it ends the service as `rejected`, with a sentence.',
  },
  { from: 'host', method: 'initialized', params: {}, note: 'The declaration is accepted. From here on the module may ask and tell.' },
  {
    from: 'host',
    id: 2,
    method: 'poller/run',
    params: { poller: 'power', ...task },
    note: 'Many nodes in one call; only paths that were declared.',
  },
  {
    from: 'module',
    id: 2,
    to: 'poller/run',
    result: { observed: [{ node: NODE, values: { '/physState': 'POWER_OFF' }, asOf: 17 }], failed: [] },
    note: 'What was seen. `asOf` is the revision that the question came with: older news than that does not undo newer.',
  },
  {
    from: 'host',
    id: 3,
    method: 'mutation/run',
    params: { mutation: 'powerOn', ...task },
    note: 'A step. The same call may come again: it must lead to the same state.',
  },
  {
    from: 'module',
    method: '$/progress',
    params: { id: 3, message: 'waiting for the outlet', fraction: 0.5 },
    note: 'Optional. `id` is that of the call.',
  },
  {
    from: 'module',
    id: 3,
    to: 'mutation/run',
    result: { observed: [{ node: NODE, values: { '/physState': 'POWER_ON' }, asOf: 17 }], failed: [] },
    note: 'Not "done", but what is seen now. The step has succeeded because its to-value was observed.',
  },
  { from: 'host', id: 4, method: 'mutation/run', params: { mutation: 'powerOn', ...task }, note: 'Another step; somebody cancels it:' },
  { from: 'host', method: '$/cancel', params: { id: 4, reason: 'an operator cancelled it' }, note: 'A cancelled call is still answered.' },
  { from: 'module', id: 4, error: { code: -32021, message: 'cancelled: an operator cancelled it' }, note: 'Cancelled.' },
  {
    from: 'module',
    id: 1,
    method: 'state/discover',
    params: { observed: [{ node: NODE, values: { '/physState': 'POWER_OFF' } }] },
    note: 'Nobody asked: somebody pulled the plug, and the strip told us. Each end counts its own ids.',
  },
  { from: 'host', id: 1, to: 'state/discover', result: { revision: 18 }, note: 'Taken in.' },
  { from: 'host', id: 5, method: 'ping', params: {}, note: 'After ten seconds of silence.' },
  { from: 'module', id: 5, to: 'ping', result: {}, note: 'Any line would have done.' },
  { from: 'host', id: 6, method: 'shutdown', params: { reason: 'the host stops', grace: 5000 }, note: 'Finish or give up what runs.' },
  { from: 'module', id: 6, to: 'shutdown', result: {}, note: '' },
  { from: 'host', method: 'exit', params: {}, note: 'The last line. The module exits with 0.' },
];

function written({ from, id, method, params, to, result, error, note }: Line): string {
  const misfit = method !== undefined ? paramsMisfit(method, params) : to !== undefined ? resultMisfit(to, result) : undefined;
  if (misfit !== undefined) throw new Error(`the example of ${method ?? to} does not fit the protocol: ${misfit.field} ${misfit.message}`);
  const message = {
    jsonrpc: '2.0',
    ...(id !== undefined && { id }),
    ...(method !== undefined && { method, params }),
    ...(to !== undefined && { result }),
    ...(error !== undefined && { error }),
  };
  const comment = note === '' ? '' : `// ${note}\n`;
  return `${comment}${from === 'host' ? '→' : '←'} ${JSON.stringify(message)}`;
}

const source = (file: string): string => readFileSync(new URL(`../../host/modules/${file}`, import.meta.url), 'utf8');

/** `4 * MIB` → 4194304; the host's tables are read as text, for nothing here may import the host. */
function figure(words: string): number {
  return words
    .replaceAll('MIB', '1048576')
    .replaceAll('KIB', '1024')
    .split('*')
    .reduce((product, factor) => product * Number(factor.trim().replaceAll('_', '')), 1);
}

/** Beyond which figure what happens: the host's own table. */
function limits(): string {
  const text = source('limits.ts');
  const means = [...text.matchAll(/((?: {2}\/\*\*[^\n]*\*\/\n)?) {2}readonly (\w+): number;/g)].map(
    ([, doc = '', name = '']) => [name, doc.replace(/^\s*\/\*\* | \*\/\n$/g, '')] as const,
  );
  const figures = new Map([...text.matchAll(/^ {2}(\w+): ([\d_* KMIB]+),$/gm)].map(([, name = '', words = '']) => [name, figure(words)]));
  const rows = means.map(([name, doc], index) => {
    const value = figures.get(name);
    if (value === undefined || Number.isNaN(value)) throw new Error(`host/modules/limits.ts has no figure for ${name}`);
    // Two that are spoken of in one sentence have it above the first.
    return `| \`${name}\` | ${value} | ${doc === '' ? `See \`${means[index - 1]?.[0]}\`.` : doc} |`;
  });
  if (rows.length < 10) throw new Error('host/modules/limits.ts is not read any more');
  return `| limit | figure | meaning, and what happens beyond it |\n|---|---|---|\n${rows.join('\n')}`;
}

function ladder(): string {
  const rungs = [...source('ladder.ts').matchAll(/\{ by: '(\w+)'(?:, wait: (\d+))? \}/g)].slice(0, 4);
  if (rungs.length !== 4) throw new Error('host/modules/ladder.ts is not read any more');
  const means: Readonly<Record<string, string>> = {
    shutdown: 'The request `shutdown`, and `exit` when it is answered.',
    stdin: 'Its input ends. A module whose input ends exits within 2 s, for its host may be gone.',
    SIGTERM: 'To the whole process group.',
    SIGKILL: 'To the whole process group. The only rung for one that broke a rule.',
  };
  const rows = rungs.map(
    ([, by = '', wait], index) => `| ${index + 1} | ${by} | ${wait === undefined ? '–' : `${Number(wait) / 1000} s`} | ${means[by]} |`,
  );
  return `| rung | by | waits | meaning |\n|---|---|---|---|\n${rows.join('\n')}`;
}

const STATES = `| state | it is in it | it leaves it |
|---|---|---|
| \`starting\` | from the start of its process | \`initialize\` is answered → \`declared\`; not within \`start\` milliseconds → \`crashed\` |
| \`declared\` | the declaration is looked at: does it fit the graph? | taken, and \`initialized\` is sent → \`ready\`; refused → \`rejected\` |
| \`ready\` | it is sent steps and polls | \`shutdown\` → \`stopping\`; \`ping\` unanswered → killed → \`crashed\`; its process ends → \`crashed\` |
| \`stopping\` | the ladder below | its process is gone → \`stopped\` |
| \`stopped\` | no process, and nobody wants one | an operator or a change of its config starts it |
| \`crashed\` | no process, and one is wanted | at once after the first crash, then after 1 s · 2ⁿ, at most 60 s, half of it chance |
| \`failed\` | three crashes in five minutes | an operator or a change of its config starts it |
| \`rejected\` | its config or its declaration was refused: trying again cannot help | as \`failed\` |`;

const ENVIRONMENT = `| what | is |
|---|---|
| environment | \`PATH\`, \`LANG\`, \`TZ\` as the host has them, \`HOME\`, and names that the service's \`env\` lists (permission \`env\`). Nothing else |
| working directory and \`HOME\` | a directory of its own, which stays from start to start (mode 0700) |
| stdin, stdout | the protocol. What else is printed to stdout is counted, and is the end of it after ${'`garbageLines`'} lines |
| stderr | its log, line by line |
| user, network, memory | what its permissions and the machine allow: \`kraken plugin info NAME\` says what is enforced and what is only declared |
| started by hand | on a terminal, it should say what it is, and exit with 64 |`;

export function lifePage(): string {
  return [
    '## How a module lives\n\nThe host starts a module as a child process, one for each service. Its state is one of these:',
    STATES,
    '### A whole life\n\n`→` is written by the host, `←` by the module; each is one line. Comments are not on the wire.',
    `\`\`\`text\n${LIFE.map(written).join('\n')}\n\`\`\``,
    `### What it finds around it\n\n${ENVIRONMENT}`,
    `### How it is stopped\n\nEach rung is tried for its time, then the next.\n\n${ladder()}`,
    `### Limits\n\nTimes are milliseconds, sizes bytes. A module that is killed is told of in the log, with the rule that it broke.\n\n${limits()}`,
  ].join('\n\n');
}
