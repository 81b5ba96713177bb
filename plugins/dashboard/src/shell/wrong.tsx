/** What is wrong comes first: each with what to do about it, and a click that shows the nodes. */
import { useComputed } from '@preact/signals';
import { useState } from 'preact/hooks';
import { lookOf } from '../fleet/palette.ts';
import { fleet, holds, shape, status } from './desk.ts';
import { go } from './route.ts';
import { ago, count, fieldName } from './words.ts';

interface Wrong {
  readonly grade: 'bad' | 'warning' | 'note';
  readonly text: string;
  readonly todo: string;
  readonly since?: number;
  readonly nodes?: readonly string[];
  /** A set that names them, where the nodes do not. */
  readonly filter?: string;
}

const MOST = 4;
/** Names in a link: more than that make an address that no browser takes. */
const MOST_NAMED = 2_000;

export function Wrong() {
  const [isWhole, setWhole] = useState(false);
  const all = useComputed(whatIsWrong);
  if (all.value.length === 0) return null;
  const some = isWhole ? all.value : all.value.slice(0, MOST);
  return (
    <section class="wrong" aria-label="What is wrong">
      <ul>
        {some.map((one) => (
          <li key={one.text} class={`is-${one.grade}`}>
            <span class="sign" aria-hidden="true">
              {one.grade === 'bad' ? '▲' : one.grade === 'warning' ? '◆' : '●'}
            </span>
            <p>
              <strong>{one.text}</strong>
              <span class="since">{ago(one.since)}</span>
              {one.todo === '' ? null : <span class="todo">{one.todo}</span>}
            </p>
            {one.nodes && one.nodes.length > 0 ? <ShowNodes nodes={one.nodes} /> : null}
            {one.filter === undefined ? null : (
              <button type="button" onClick={() => go({ view: 'nodes', filter: one.filter ?? '' })}>
                Show them
              </button>
            )}
          </li>
        ))}
      </ul>
      {all.value.length > MOST ? (
        <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'fewer' : `${all.value.length - MOST} more`}
        </button>
      ) : null}
    </section>
  );
}

function ShowNodes({ nodes }: { readonly nodes: readonly string[] }) {
  const names = nodes.slice(0, MOST_NAMED).map((id) => fleet.names[fleet.index.get(id) ?? -1] ?? id);
  return (
    <button type="button" onClick={() => go({ view: 'nodes', filter: names.join(',') })}>
      Show {nodes.length === 1 ? names[0] : count(nodes.length, 'node')}
    </button>
  );
}

function whatIsWrong(): readonly Wrong[] {
  void shape.value;
  const engine = status.value;
  if (!engine) return [];
  const found: Wrong[] = [];
  const { frozen } = engine;
  if (frozen)
    found.push({
      grade: 'warning',
      text: `The engine is frozen by ${frozen.by}: ${frozen.why}`,
      todo: 'Nothing is started until it is thawed.',
      since: frozen.since,
    });
  for (const { domain, lost, of, since } of engine.brakes)
    found.push({
      grade: 'bad',
      text: `${lost} of ${count(of, 'node')} in ${domain} were lost at once`,
      todo: 'None of them is power-cycled until half are back, or somebody retries them.',
      since,
    });
  for (const { service, state, why, since } of engine.services)
    if (state === 'failed' || state === 'rejected' || state === 'crashed')
      found.push({ grade: state === 'crashed' ? 'warning' : 'bad', text: `Service ${service} is ${state}`, todo: why ?? '', since });
  for (const { text, nodes, longest, command } of engine.waiting)
    found.push({
      grade: 'bad',
      text: `${count(nodes.length, 'node')}: ${text}`,
      todo: command === '' ? '' : `Do: ${command}`,
      since: Date.now() - longest,
      nodes,
    });
  found.push(...badStates());
  if (holds.value.length > 0) found.push({ grade: 'note', ...held() });
  return found;
}

/** Nodes in states that nobody wants; the engine is at it, or one of the lines above says what it waits for. */
function badStates(): Wrong[] {
  return [...fleet.columns.values()].flatMap((column) =>
    column.counts.flatMap((nodes, code): Wrong[] => {
      const value = column.values[code] ?? '';
      if (nodes === 0 || !lookOf(value, 'light', {}).isBad) return [];
      const field = fieldName(column.path);
      return [
        {
          grade: 'warning',
          text: `${count(nodes, 'node')} in ${field} ${value}`,
          todo: 'The node says why, and what comes next.',
          filter: `${field}=${value}`,
        },
      ];
    }),
  );
}

function held(): Omit<Wrong, 'grade'> {
  const nodes = holds.value.map(({ node }) => node);
  const [first] = holds.value;
  const whose = holds.value.every(({ by, why }) => by === first?.by && why === first.why);
  const todo = whose && first ? `by ${first.by}: ${first.why}` : 'by several, for several reasons; the node says why';
  return { text: `${count(nodes.length, 'node')} held`, todo, nodes, ...(first ? { since: first.since } : {}) };
}
