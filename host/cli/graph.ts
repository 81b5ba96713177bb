/** `kraken graph`. */
import type { GraphView } from '../core/answers.ts';
import { withClient } from './client.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { pathText, valueText } from './words.ts';

export const graph: Action = async (call) => {
  const [node] = call.args;
  const view = (await withClient(call, (client) => client.ask('graph/get', node === undefined ? {} : { node }))) as GraphView;
  if (flag(call, 'output') === 'dot') call.io.out(dotText(view));
  else if (
    await printData(
      call,
      view,
      view.nodes.map(({ id }) => id),
    )
  )
    return;
  else call.io.out(graphText(view, call));
  if (view.truncated) call.io.err('This is a part of it: the whole graph is too large to be shown.\n');
};

function stateText({ state }: GraphView['nodes'][number]): string {
  const parts = Object.entries(state).map(([path, value]) => `${pathText(path)}=${valueText(value)}`);
  return parts.length === 0 ? 'nothing known' : parts.join(' ');
}

const MARKS = { current: '●', path: '○', goal: '◎', other: ' ' } as const;

/** Every state with the steps out of it. */
function graphText({ nodes, edges }: GraphView, { style }: Call): string {
  if (nodes.length === 0) return 'No service mutates anything yet: kraken service list\n';
  const numbers = new Map(nodes.map(({ id }, index) => [id, index + 1]));
  const lines = nodes.map((node) => {
    const head = `${MARKS[node.mark]} ${String(numbers.get(node.id)).padStart(3)}  ${stateText(node)}`;
    const shown = node.mark === 'current' ? style.bad(head) : node.mark === 'other' ? head : style.good(head);
    const steps = edges.filter(({ from }) => from === node.id);
    return [
      shown,
      ...steps.map(({ mutation, to, mark }) => `         ${mark === 'other' ? '' : '▸ '}${mutation} → ${numbers.get(to) ?? '?'}`),
    ].join('\n');
  });
  return `${lines.join('\n')}\n${style.dim('● now  ○ on its path  ◎ goal')}\n`;
}

/** https://graphviz.org/doc/info/lang.html; the colours are the original's. */
function dotText({ nodes, edges }: GraphView): string {
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const colour = (mark: string): string => (mark === 'current' ? '#e74c3c' : mark === 'other' ? '#bfbfbf' : '#89CA78');
  const boxes = nodes.map(
    (node) => `  ${quote(node.id)} [label=${quote(stateText(node).replaceAll(' ', '\n'))} color="${colour(node.mark)}"];`,
  );
  const arrows = edges.map(
    ({ from, to, mutation, mark }) => `  ${quote(from)} -> ${quote(to)} [label=${quote(mutation)} color="${colour(mark)}"];`,
  );
  return ['digraph kraken {', '  node [shape=box style=rounded];', ...boxes, ...arrows, '}', ''].join('\n');
}
