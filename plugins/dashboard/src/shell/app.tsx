/** The page: what is wrong, all nodes, and the node that is open. */
import { useEffect } from 'preact/hooks';
import { ActionDialog } from '../actions/dialog.tsx';
import { Toolbar } from '../actions/toolbar.tsx';
import { GraphView } from '../graph/view.tsx';
import { Grid } from '../grid/grid.tsx';
import { Table } from '../grid/table.tsx';
import { NodePanel } from '../node/panel.tsx';
import { connection, isLoginNeeded, notice, open, selected } from './desk.ts';
import { FilterBox } from './filter-box.tsx';
import { Header } from './header.tsx';
import { Help, isHelpOpen } from './help.tsx';
import { Legend } from './legend.tsx';
import { Login } from './login.tsx';
import { News } from './news.tsx';
import { go, route } from './route.ts';
import { SettingsDialog } from './settings-dialog.tsx';
import { Wrong } from './wrong.tsx';

export function App() {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => shortcut(event);
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
  if (isLoginNeeded.value) return <Login />;
  const { view, node } = route.value;
  return (
    <div class={`page ${connection.value === 'lost' ? 'is-lost' : ''}`}>
      <Header />
      <Wrong />
      <div class={`body ${node === undefined ? '' : 'has-panel'}`}>
        <main class="stage">
          {view === 'nodes' || view === 'table' ? (
            <>
              <div class="bar">
                <FilterBox />
                <Toolbar />
              </div>
              {view === 'nodes' ? <Grid /> : <Table />}
              <Legend />
            </>
          ) : view === 'graph' ? (
            <GraphView />
          ) : (
            <News />
          )}
        </main>
        {node === undefined ? null : <NodePanel key={node} id={node} />}
      </div>
      <ActionDialog />
      <SettingsDialog />
      <Help />
      <Notice />
    </div>
  );
}

/** Keys that hold everywhere but where something is typed. */
function shortcut(event: KeyboardEvent): void {
  const { target, key } = event;
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) {
    if (key === 'Escape') target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  switch (key) {
    case '/':
      document.getElementById('filter')?.focus();
      break;
    case '?':
      isHelpOpen.value = true;
      break;
    case 'g':
      go({ view: 'graph' });
      break;
    case 'n':
      go({ view: 'nodes' });
      break;
    case 't':
      go({ view: 'table' });
      break;
    case 'h':
      go({ view: 'history' });
      break;
    case 'Escape':
      if (route.value.node === undefined) selected.value = new Set();
      else open(undefined);
      break;
    default:
      return;
  }
  event.preventDefault();
}

/** What came of the last action; refusals stay until they are read. */
function Notice() {
  const said = notice.value;
  useEffect(() => {
    if (said?.kind !== 'done') return;
    const timer = setTimeout(() => {
      notice.value = undefined;
    }, 6_000);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <div class="notices" role="status" aria-live="polite">
      {said ? (
        <div class={`notice is-${said.kind}`}>
          <p>
            {said.text}
            {said.todo === '' ? null : <span class="todo">{said.todo}</span>}
          </p>
          <button type="button" class="quiet" aria-label="Close this message" onClick={() => void (notice.value = undefined)}>
            ✕
          </button>
        </div>
      ) : null}
    </div>
  );
}
