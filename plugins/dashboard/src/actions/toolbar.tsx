/** What can be done to the nodes that are selected, or that the filter names. */
import { fleet, me, selected, shape, shown, withoutHost } from '../shell/desk.ts';
import { count } from '../shell/words.ts';
import type { Action } from './action.ts';
import { ask } from './dialog.tsx';

const ACTIONS: readonly (readonly [string, Action])[] = [
  ['Power on', { kind: 'power', to: 'on' }],
  ['Power off', { kind: 'power', to: 'off' }],
  ['Reboot', { kind: 'reboot' }],
  ['Set …', { kind: 'set' }],
  ['Hold', { kind: 'hold' }],
  ['Release', { kind: 'release' }],
  ['Retry', { kind: 'retry' }],
];

export function Toolbar() {
  void shape.value;
  if (me.value === undefined || me.value.role === 'viewer') return null;
  const number = selected.value.size;
  if (number === 0) {
    const all = withoutHost(shown.value ?? fleet.ids.keys());
    if (all.size === 0) return null;
    return (
      <div class="toolbar">
        <button type="button" class="quiet" onClick={() => void (selected.value = all)}>
          Select {shown.value ? 'these' : 'all'} {all.size.toLocaleString('en')}
        </button>
      </div>
    );
  }
  return (
    <div class="toolbar" role="toolbar" aria-label="Actions on the selected nodes">
      <strong>{count(number, 'node')}</strong>
      <Actions nodes={[...selected.value]} />
      <button type="button" class="quiet" onClick={() => void (selected.value = new Set())}>
        Select none
      </button>
    </div>
  );
}

/** A button for each action; it is asked for in a dialog. */
export function Actions({ nodes }: { readonly nodes: readonly number[] }) {
  if (me.value === undefined || me.value.role === 'viewer') return null;
  return (
    <>
      {ACTIONS.map(([name, action]) => (
        <button key={name} type="button" onClick={() => ask(action, nodes)}>
          {name}
        </button>
      ))}
    </>
  );
}
