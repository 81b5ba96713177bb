/** Who we are, how many nodes are where they should be, whether this is live, and the ways to the other views. */

import { useEffect, useState } from 'preact/hooks';
import { ask } from '../actions/dialog.tsx';
import { api } from '../api/client.ts';
import { complain, connection, fleet, knownAt, look, me, shape, status } from './desk.ts';
import { isHelpOpen } from './help.tsx';
import { go, route, type View } from './route.ts';
import { isSettingsOpen } from './settings-dialog.tsx';
import { ago, count } from './words.ts';

const VIEWS: readonly (readonly [View, string])[] = [
  ['nodes', 'Nodes'],
  ['table', 'Table'],
  ['graph', 'Graph'],
  ['history', 'History'],
];

export function Header() {
  void shape.value;
  return (
    <header class="header">
      <h1>
        <span class="logo" aria-hidden="true" />
        Kraken
      </h1>
      <nav aria-label="Views">
        {VIEWS.map(([view, name]) => (
          <a
            key={view}
            href={`#/${view}`}
            aria-current={route.value.view === view ? 'page' : undefined}
            onClick={(event) => {
              event.preventDefault();
              go({ view });
            }}
          >
            {name}
          </a>
        ))}
      </nav>
      <Goal />
      <div class="header-end">
        <ConnectionState />
        <Freeze />
        {me.value?.authentication === 'token' ? (
          <button type="button" class="quiet" onClick={() => void api.logout().then(() => location.reload(), complain)}>
            {me.value.user}: log out
          </button>
        ) : null}
        <button type="button" class="quiet" aria-label="Settings" title="Settings" onClick={() => void (isSettingsOpen.value = true)}>
          ⚙
        </button>
        <button type="button" class="quiet" aria-label="Help" title="Help (?)" onClick={() => void (isHelpOpen.value = true)}>
          ?
        </button>
      </div>
    </header>
  );
}

function Goal() {
  const engine = status.value;
  if (!engine) return <p class="goal">{count(fleet.count, 'node')}</p>;
  const done = engine.walks['atGoal'] ?? 0;
  const share = engine.nodes === 0 ? 1 : done / engine.nodes;
  return (
    <div class="goal">
      <meter min={0} max={1} low={0.9} high={0.99} optimum={1} value={share} aria-label={`${done} of ${engine.nodes} nodes are at goal`} />
      <p>
        <strong>{done.toLocaleString('en')}</strong> of {count(engine.nodes, 'node')} at goal
        {engine.inFlight > 0 ? <span class="moving">{count(engine.inFlight, 'step')} under way</span> : null}
      </p>
    </div>
  );
}

function ConnectionState() {
  const state = connection.value;
  if (state === 'live')
    return (
      <span class="state is-live" title={`revision ${status.value?.revision ?? ''}`}>
        live
      </span>
    );
  if (state === 'connecting') return <span class="state">connecting …</span>;
  return <Away />;
}

/** Said once to who listens; how long ago it was counts on. */
function Away() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="state is-lost">
      <span role="alert">not connected, tried again by itself</span>: as it was {ago(knownAt.value)}
    </span>
  );
}

function Freeze() {
  const engine = status.value;
  if (!engine || me.value?.role === 'viewer') return null;
  if (!engine.frozen)
    return (
      <button type="button" onClick={() => ask({ kind: 'freeze' }, [])}>
        Freeze
      </button>
    );
  const thaw = (): void => void api.thaw().then(look).catch(complain);
  return (
    <button type="button" class="is-warning" onClick={thaw}>
      Thaw
    </button>
  );
}
