/** One node: where it is and should be, why, what happened, and its way through the graph. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Actions } from '../actions/toolbar.tsx';
import type { Explanation, Whole } from '../api/answers.ts';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { NodeGraph } from '../graph/view.tsx';
import { entered, fleet, holds, open, openedChanges, shape } from '../shell/desk.ts';
import { ago } from '../shell/words.ts';
import { Explain } from './explain.tsx';
import { NodeHistory } from './history.tsx';
import { State } from './state.tsx';

const TABS = ['State', 'Explain', 'History', 'Graph'] as const;
type Tab = (typeof TABS)[number];

const WALKS: Readonly<Record<string, string>> = {
  atGoal: 'at goal',
  running: 'a step is under way',
  waiting: 'waiting',
  backingOff: 'backing off',
  stuck: 'stuck',
  held: 'held',
  unreachable: 'cannot get there',
};

/** Milliseconds: what changes faster is read once. */
const SETTLE = 250;
const EVERY = 5_000;

export function NodePanel({ id }: { readonly id: string }) {
  const [tab, setTab] = useState<Tab>('State');
  const { node, explanation, refusal } = useNode(id);
  const panel = useFocus(id);
  void shape.value;
  const at = fleet.index.get(id);
  const name = node?.name ?? fleet.names[at ?? -1] ?? id;
  const parent = fleet.groupOf(at ?? -1, 'parent');
  const hold = holds.value.find((one) => one.node === id);
  return (
    <aside class="panel" ref={panel} aria-label={`Node ${name}`}>
      <header>
        <div>
          <h2>{name}</h2>
          <p class="faint">
            {parent === '' ? 'the root' : `child of ${parent}`} · <code>{id}</code>
          </p>
        </div>
        <button type="button" class="quiet" aria-label="Close this node" onClick={() => open(undefined)}>
          ✕
        </button>
      </header>
      {explanation ? (
        <p class={`walk is-${explanation.walk}`}>
          <strong>{WALKS[explanation.walk] ?? explanation.walk}</strong> {explanation.summary}{' '}
          <span class="faint">{ago(explanation.since)}</span>
        </p>
      ) : null}
      {hold ? (
        <p class="walk is-held">
          Held by {hold.by}: {hold.why} <span class="faint">{ago(hold.since)}</span>
        </p>
      ) : null}
      {refusal ? <p class="refusal">{`${refusal.message}: ${refusal.why}`}</p> : null}
      <div class="panel-actions" role="toolbar" aria-label={`Actions on ${name}`}>
        <Actions nodes={at === undefined ? [] : [at]} />
      </div>
      <Tabs tab={tab} take={setTab} />
      <div class="panel-body" role="tabpanel" id="panel-body" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {tab === 'State' && node && explanation ? <State node={node} explanation={explanation} /> : null}
        {tab === 'Explain' && explanation ? <Explain explanation={explanation} /> : null}
        {tab === 'History' ? <NodeHistory id={id} /> : null}
        {tab === 'Graph' ? <NodeGraph id={id} /> : null}
      </div>
    </aside>
  );
}

/** Who came by keys goes on with them here, and is back where they came from when it is closed. */
function useFocus(id: string): { readonly current: HTMLElement | null } {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const from = document.activeElement;
    if (entered === id) document.getElementById(`tab-${TABS[0]}`)?.focus();
    const element = panel.current;
    return () => {
      if (element?.contains(document.activeElement) && from instanceof HTMLElement) from.focus();
    };
  }, []);
  return panel;
}

function Tabs({ tab, take }: { readonly tab: Tab; readonly take: (tab: Tab) => void }) {
  const press = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] ?? 'State';
    take(next);
    document.getElementById(`tab-${next}`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Of this node" onKeyDown={press}>
      {TABS.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={name === tab}
          aria-controls="panel-body"
          tabIndex={name === tab ? 0 : -1}
          onClick={() => take(name)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

interface Known {
  readonly node?: Whole;
  readonly explanation?: Explanation;
  readonly refusal?: Refusal;
}

/** The node as it is, read anew soon after it changed, and now and then. */
function useNode(id: string): Known {
  const [known, setKnown] = useState<Known>({});
  const changes = openedChanges.value;
  useEffect(() => {
    let isOver = false;
    const read = async (): Promise<void> => {
      try {
        const [node, explanation] = await Promise.all([api.node(id), api.explain(id)]);
        if (!isOver) setKnown({ node, explanation });
      } catch (error) {
        if (!isOver) setKnown((before) => ({ ...before, refusal: refusalOf(error) }));
      }
    };
    const soon = setTimeout(() => void read(), changes === 0 ? 0 : SETTLE);
    const often = setInterval(() => document.hidden || void read(), EVERY);
    return () => {
      isOver = true;
      clearTimeout(soon);
      clearInterval(often);
    };
  }, [id, changes]);
  return known;
}
