/** `kraken node import`: nodes from the file of another tool. */
import { type Doc, foldNames, isObject, mergePatch, NodeSetError, namesOf, parseNodeSet } from '@kraken-hpc/sdk/state';
import type { Imported } from '../import/imported.ts';
import { withClient } from './client.ts';
import { oneLine } from './columns.ts';
import { readWhole } from './documents.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { appliedText, inTransaction } from './node-apply.ts';
import { readNodes } from './nodes.ts';
import { printData } from './output.ts';
import { count } from './words.ts';

const FORMATS = ['genders', 'hosts', 'warewulf'] as const;
/** Wrong lines that are shown; a file of another kind has nothing else. */
const MOST_SHOWN = 20;
const MOST_PREFIX = 32;

/** With -o yaml or json nothing is asked of a host: what is printed is what `node apply` takes. */
export const importFile: Action = async (call) => {
  const [file = '-'] = call.args;
  const { text, shown } = await readWhole(call.io, file);
  const { nodes, left, wrong } = onlyThose(call, await read(call, text));
  if (wrong.length > 0) throw refusal(shown, wrong);
  for (const { line, text: what } of left) call.io.err(`${shown}:${line}: not taken over: ${oneLine(what)}.\n`);
  if (nodes.length === 0) throw new Failure(EXIT.notFound, `${shown}: there are no nodes in it that are to be taken over`);
  if (
    await printData(
      call,
      { nodes },
      nodes.map((node) => String(node['nodename'])),
    )
  )
    return;
  const answer = await withClient(call, async (client) => {
    const { known, revision } = await knownOf(client);
    const documents = nodes.map((node) => mergePatch(known.get(String(node['nodename'])) ?? {}, node) as Doc);
    return inTransaction(client, call, { mode: 'put', nodes: documents, unchangedSince: revision });
  });
  call.io.out(appliedText(call, answer));
  if (left.length > 0)
    call.io.err(`${count(left.length, 'thing')} of the file ${left.length === 1 ? 'was' : 'were'} not taken over: see above.\n`);
};

async function read(call: Call, text: string): Promise<Imported> {
  const from = flag(call, 'from');
  const bits = prefixOf(call);
  switch (from as (typeof FORMATS)[number] | undefined) {
    case 'genders':
      return (await import('../import/genders.ts')).readGenders(text);
    case 'hosts':
      return (await import('../import/hosts.ts')).readHosts(text, bits);
    case 'warewulf':
      return (await import('../import/warewulf.ts')).readWarewulf(text);
    default:
      throw usage(
        from === undefined ? 'nothing says what kind of file it is' : `there is no kind ${from}`,
        `Say --from ${FORMATS.join(', --from ')}`,
      );
  }
}

function prefixOf(call: Call): number | undefined {
  const text = flag(call, 'prefix');
  if (text === undefined) return undefined;
  if (flag(call, 'from') !== 'hosts') throw usage('--prefix is of --from hosts: other files say it themselves', 'Leave it out');
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_PREFIX) return Number(text);
  throw usage(`--prefix ${text} is no number of bits`, `It is 1 to ${MOST_PREFIX}, as in --prefix 24`);
}

/** `--only`: names alone, as nothing else is known of a node that is not there yet. */
function onlyThose(call: Call, imported: Imported): Imported {
  const text = flag(call, 'only');
  if (text === undefined) return imported;
  let names: ReadonlySet<string> | undefined;
  try {
    const named = namesOf(parseNodeSet(text));
    names = named && new Set(named);
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    throw usage(error.message);
  }
  if (!names) throw usage(`--only ${text}: nodes of a file are known by their names alone`, "Write names, as in --only 'kr[1-16]'");
  const there = new Set(imported.nodes.map((node) => String(node['nodename'])));
  const missing = [...names].filter((name) => !there.has(name));
  if (missing.length > 0) call.io.err(`Not in the file: ${foldNames(missing)}.\n`);
  const { left, wrong, nodes } = imported;
  return { left, wrong, nodes: nodes.filter((node) => names.has(String(node['nodename']))) };
}

function refusal(shown: string, wrong: Imported['wrong']): Failure {
  const lines = wrong.slice(0, MOST_SHOWN).map(({ line, text }) => `${shown}:${line}: ${oneLine(text)}`);
  const more = wrong.length > MOST_SHOWN ? [`… and ${wrong.length - MOST_SHOWN} more`] : [];
  return new Failure(
    EXIT.refused,
    `nothing was imported: ${count(wrong.length, 'line')} cannot be understood:\n  ${[...lines, ...more].join('\n  ')}`,
    'Correct them, and import the file again',
  );
}

/** What is wanted of the nodes that there are, by name: what the file does not say of them is kept. */
async function knownOf(
  client: Parameters<typeof readNodes>[0],
): Promise<{ readonly known: ReadonlyMap<string, Doc>; readonly revision: number }> {
  const { revision } = await client.ask('state/read', { paths: ['/nodename'], view: 'cfg', limit: 1 });
  const nodes = await readNodes(client, { view: 'cfg' });
  const known = nodes.flatMap(({ name, cfg }): [string, Doc][] => (name && isObject(cfg) ? [[name, cfg as Doc]] : []));
  return { known: new Map(known), revision };
}
