/** `kraken node create|apply|update`. */
import { randomUUID } from 'node:crypto';
import { type Doc, setPath } from '@kraken-hpc/sdk/state';
import type { Params, Result } from '@kraken-hpc/sdk/wire';
import { type Client, withClient } from './client.ts';
import { inParts, readDocuments } from './documents.ts';
import { asFailure, EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { parseValues } from './values.ts';
import { count } from './words.ts';

type Mode = Params<'node/apply'>['mode'];
type Change = Pick<Params<'node/apply'>, 'mode' | 'nodes' | 'unchangedSince'>;

/** Without a file: `--name kr17 PATH=VALUE…`. */
export const create: Action = async (call) => {
  const name = flag(call, 'name');
  if (name === undefined) {
    const [file, extra] = call.args;
    if (file === undefined)
      throw usage('nothing says what to create', 'kraken node create FILE, or kraken node create --name NAME [PATH=VALUE…]');
    if (extra !== undefined) throw usage(`${extra}: values go with --name, not with a file`, 'Write them into the file');
    return send(call, 'create', await readDocuments(call.io, file), file);
  }
  const [wrong] = call.args.filter((word) => !word.includes('='));
  if (wrong !== undefined) throw usage(`${wrong}: a node is made of --name or of a file, not of both`, 'Leave one of them out');
  let document: Doc = { nodename: name };
  for (const [path, value] of Object.entries(parseValues(call.args))) document = setPath(document, path, value);
  return send(call, 'create', [document], undefined);
};

export const apply: Action = async (call) => {
  const [file = '-'] = call.args;
  return send(call, call.flags['merge'] ? 'merge' : 'put', await readDocuments(call.io, file), file);
};

/** `node update cfg FILE` are the old tool's words. */
export const update: Action = async (call) => {
  const [first = '-', second] = call.args;
  if (second !== undefined && first !== 'cfg')
    throw usage(
      first === 'dsc' ? 'what is seen of nodes is not updated by a file' : `${first}: one file at a time`,
      first === 'dsc' ? 'Services observe it; what is wanted is kraken node update cfg FILE' : 'kraken node update FILE',
    );
  const file = second ?? first;
  return send(call, 'update', await readDocuments(call.io, file), file);
};

async function send(call: Call, mode: Mode, nodes: Change['nodes'], source: string | undefined): Promise<undefined> {
  const answer = await withClient(call, (client) => inTransaction(client, call, { mode, nodes })).catch((error: unknown) => {
    // The host counts nodes; which file they came from is known here.
    const failure = asFailure(error);
    if (source === undefined || failure.exit === EXIT.unreachable) throw failure;
    throw new Failure(failure.exit, `${source === '-' ? 'stdin' : source}: ${failure.message}`, failure.todo);
  });
  if (await printData(call, answer)) return;
  call.io.out(appliedText(call, answer));
  if (answer.self) call.io.err(becameText(answer.self));
}

export function appliedText(call: Call, { created = 0, changed = 0, unchanged = 0 }: Result<'node/apply'>): string {
  const parts = [`${count(created, 'node')} created`, `${changed} changed`, `${unchanged} unchanged`].join(', ');
  return call.flags['dryRun'] === true ? `It would be: ${parts}; nothing was applied.\n` : `${parts}.\n`;
}

/** A new host takes the identity of the one node that a file makes the root: nobody must find that out later. */
function becameText({ id, name, was }: NonNullable<Result<'node/apply'>['self']>): string {
  const node = name || id;
  return (
    `This host is now node ${node} (${id}): the file makes it the parent of others and names no parent for it.\n` +
    `If ${node} is another machine: stop this host, move store out of its data directory, start it with kraken up --id ${was}, and apply the file again with parentId: ${was} for ${node}.\n`
  );
}

/** More than fits into a line goes in parts, which the host commits together at the last. */
export async function inTransaction(client: Client, call: Call, { nodes, ...what }: Change): Promise<Result<'node/apply'>> {
  const why = flag(call, 'why');
  const force = flag(call, 'force');
  const parts = inParts(nodes);
  const common = {
    ...what,
    ...(call.flags['dryRun'] === true ? { dryRun: true } : {}),
    ...(why === undefined ? {} : { why }),
    ...(force === undefined ? {} : { force }),
  };
  if (parts.length === 1) return client.ask('node/apply', { ...common, nodes });
  const tx = randomUUID();
  let answer: Result<'node/apply'> = {};
  for (const [part, piece] of parts.entries()) {
    answer = await client.ask('node/apply', { ...common, tx, part, last: part === parts.length - 1, nodes: piece });
    if (call.io.terminal.output) call.io.err(`\rsent ${part + 1} of ${parts.length} parts${part === parts.length - 1 ? '\n' : ''}`);
  }
  return answer;
}
