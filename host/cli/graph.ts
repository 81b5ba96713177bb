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

const RED = { line: '#e74c3c', border: '#c0392b' } as const;
const GREEN = { line: '#89CA78', border: '#62a053' } as const;
const GREY = { line: '#848484', border: '#848484', fill: '#bfbfbf' } as const;

/** https://graphviz.org/doc/info/lang.html; the colours are the original's, and a label is its lines of `path: VALUE`. */
function dotText({ nodes, edges }: GraphView): string {
  const boxes = nodes.map((node) => {
    const lines = Object.entries(node.state).map(([path, value]) => `${pathText(path)}: ${valueText(value)}`);
    const { fill, border } = boxColour(node.mark);
    const thick = node.mark === 'goal' ? ' penwidth=3' : '';
    return `  ${quoted(node.id)} [label=${quoted(lines.join('\n') || 'nothing known')} fillcolor="${fill}" color="${border}"${thick}];`;
  });
  const arrows = edges.map(({ from, to, mutation, mark }) => {
    const { line } = mark === 'current' ? RED : mark === 'path' ? GREEN : GREY;
    return `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(mutation)} color="${line}" fontcolor="${line}"${mark === 'other' ? '' : ' penwidth=2'}];`;
  });
  return [
    'digraph kraken {',
    '  node [shape=box style="rounded,filled" fontname="sans-serif"];',
    '  edge [fontname="sans-serif"];',
    ...boxes,
    ...arrows,
    '}',
    '',
  ].join('\n');
}

function boxColour(mark: GraphView['nodes'][number]['mark']): { readonly fill: string; readonly border: string } {
  switch (mark) {
    case 'current':
      return { fill: RED.line, border: RED.border };
    case 'path':
    case 'goal':
      return { fill: GREEN.line, border: GREEN.border };
    case 'other':
      return GREY;
    default:
      return mark satisfies never;
  }
}

/** A string of DOT; a backslash would begin an escape in a label, where `\n` ends a line. */
function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
