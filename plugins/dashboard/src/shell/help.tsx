/** Every key, in one place. */
import { signal } from '@preact/signals';
import { Dialog } from './modal.tsx';

export const isHelpOpen = signal(false);

const KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓ ← →', 'from node to node; with Shift they are selected'],
  ['Page ↑ ↓, Home, End', 'to the next group, the first, the last node'],
  ['Enter', 'open the node'],
  ['Space', 'select it, or not; Ctrl-click does the same, Shift-click a range'],
  ['Ctrl-A', 'select all that are shown'],
  ['/', 'filter'],
  ['n  t  g  h', 'nodes, table, graph, history'],
  ['Esc', 'close the node; then: select nothing'],
  ['?', 'this'],
];

export function Help() {
  return (
    <Dialog isOpen={isHelpOpen} title="Keys">
      <dl class="keys">
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="faint">
        A square: its left half is one field, its right half another (Settings). A cut corner: something else is wanted. Hatched: wrong. A
        dot: held. A dark corner below: it waits for a person.
      </p>
    </Dialog>
  );
}
