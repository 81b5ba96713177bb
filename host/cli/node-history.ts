/** `kraken node history`. */
import type { Change, Result } from '@kraken-hpc/sdk/wire';
import { type Client, withClient } from './client.ts';
import { table } from './columns.ts';
import { type Action, type Call, flag } from './io.ts';
import { readNames } from './nodes.ts';
import { printData } from './output.ts';
import { parseCount, parseDuration } from './values.ts';
import { noteText, pathText, timeText, valueText } from './words.ts';

const PAGE = 1_000;
const MOST = 1_000_000;

export const history: Action = async (call) => {
  const limit = parseCount(flag(call, 'limit'), '--limit', 50, MOST);
  const since = flag(call, 'since');
  await withClient(call, async (client) => {
    const { changes, more } = await read(
      client,
      call,
      limit,
      since === undefined ? undefined : call.io.now() - parseDuration(since, '--since'),
    );
    if (
      await printData(
        call,
        { changes },
        changes.map(({ rev }) => String(rev)),
      )
    )
      return;
    const names = await readNames(client);
    const rows = changes.map((change) => row(change, names, call));
    call.io.out(table(['TIME', 'REVISION', 'NODE', 'WHAT', 'BY', 'WHY'], rows, call.style, call.io.columns));
    if (more) call.io.err(call.style.dim(`There is more: kraken node history --limit ${limit * 4}\n`));
  });
};

async function read(client: Client, call: Call, limit: number, since: number | undefined): Promise<{ changes: Change[]; more: boolean }> {
  const [set] = call.args;
  const changes: Change[] = [];
  let before: number | undefined;
  do {
    const page: Result<'node/history'> = await client.ask('node/history', {
      limit: Math.min(PAGE, limit - changes.length),
      ...(set === undefined ? {} : { set }),
      ...(since === undefined ? {} : { since }),
      ...(before === undefined ? {} : { before }),
    });
    changes.push(...page.changes);
    before = page.next;
  } while (before !== undefined && changes.length < limit);
  return { changes, more: before !== undefined };
}

function row({ at, rev, node, path, view, from, to, by, why }: Change, names: ReadonlyMap<string, string>, { io, style }: Call): string[] {
  const time = at === undefined ? '-' : timeText(at, io.now());
  const values = `${valueText(from)} → ${style.bold(valueText(to))}`;
  const what =
    view === 'note'
      ? noteText(path, to, io.now(), names)
      : path === ''
        ? to === undefined
          ? 'deleted'
          : 'created'
        : `${pathText(path)} ${values} (${view === 'cfg' ? 'wanted' : 'seen'})`;
  return [time, String(rev ?? '-'), names.get(node) ?? node, what, by ?? '-', why ?? ''];
}
