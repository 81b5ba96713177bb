/** `kraken node waiting`: what only a person can bring back. */
import type { WaitingGroup } from '../core/answers.ts';
import { withClient } from './client.ts';
import type { Action, Call } from './io.ts';
import { type Fold, folder, readNames } from './nodes.ts';
import { printData } from './output.ts';
import { count, spanText } from './words.ts';

export const waiting: Action = async (call) => {
  const [set] = call.args;
  await withClient(call, async (client) => {
    const { waiting } = await client.ask('node/waiting', set === undefined ? {} : { set });
    const groups = waiting as readonly WaitingGroup[];
    if (
      await printData(
        call,
        { waiting: groups },
        groups.flatMap(({ nodes }) => nodes),
      )
    )
      return;
    if (groups.length === 0) call.io.out('No node waits for a person.\n');
    else call.io.out(waitingText(groups, folder(await readNames(client)), call));
  });
};

export function waitingText(groups: readonly WaitingGroup[], fold: Fold, { style }: Call): string {
  return groups
    .map(({ nodes, text, longest, command }) => {
      const head = `${style.warn(count(nodes.length, 'node'))}  ${style.bold(fold(nodes))}\n`;
      return `${head}    ${text} (for up to ${spanText(longest)})\n    → ${command}\n`;
    })
    .join('');
}
