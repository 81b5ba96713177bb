/** The same nodes as rows; only those in sight are elements, however many there are. */
import { useComputed } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { groupsOf } from '../fleet/groups.ts';
import { wordOf } from '../fleet/palette.ts';
import { fields, fleet, marksOf, onDirty, open, selected, shape, shown } from '../shell/desk.ts';
import { Swatch } from '../shell/legend.tsx';
import { fieldName } from '../shell/words.ts';
import { groupingNow } from './grid.tsx';

const ROW = 30;
const BEYOND = 8;

export function Table() {
  const scroller = useRef<HTMLDivElement>(null);
  const [window, setWindow] = useState({ top: 0, height: 600 });
  const [, repaint] = useState(0);
  const order = useComputed(() => {
    void [shape.value, shown.value];
    return groupsOf(fleet, groupingNow(), shown.value).flatMap(({ name, cells }) => cells.map((node) => ({ node, group: name })));
  });
  const read = (): void => {
    const element = scroller.current;
    if (element) setWindow({ top: element.scrollTop, height: element.clientHeight });
  };
  useEffect(() => {
    read();
    let frame = 0;
    return onDirty(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        fleet.dirty.clear();
        repaint((n) => n + 1);
      });
    });
  }, []);
  const first = Math.max(0, Math.floor(window.top / ROW) - BEYOND);
  const rows = order.value.slice(first, first + Math.ceil(window.height / ROW) + 2 * BEYOND);
  return (
    <section class="table" ref={scroller} onScroll={read} aria-label="Nodes" tabIndex={0}>
      <table aria-rowcount={order.value.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">Node</th>
            <th scope="col">Group</th>
            {fields.value.map((path) => (
              <th key={path} scope="col">
                {fieldName(path)}
              </th>
            ))}
            <th scope="col">Marks</th>
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} />
          {rows.map(({ node, group }, index) => (
            <Row key={fleet.ids[node]} node={node} group={group} index={first + index + 2} />
          ))}
          <Gap rows={order.value.length - first - rows.length} />
        </tbody>
      </table>
    </section>
  );
}

function Gap({ rows }: { readonly rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr class="gap" aria-hidden="true">
      <td colSpan={fields.value.length + 3} style={{ height: `${rows * ROW}px` }} />
    </tr>
  );
}

function Row({ node, group, index }: { readonly node: number; readonly group: string; readonly index: number }) {
  const marks = marksOf(node);
  return (
    <tr aria-rowindex={index} class={selected.value.has(node) ? 'is-selected' : ''}>
      <th scope="row">
        <button type="button" class="link" onClick={(event) => open(fleet.ids[node], event.detail === 0)}>
          {fleet.names[node]}
        </button>
      </th>
      <td>{group}</td>
      {fields.value.map((path) => {
        const column = fleet.column(path);
        const seen = column.value('seen', node);
        return (
          <td key={path} class={fleet.differs(column, node) ? 'differs' : ''}>
            <Swatch value={seen} />
            {wordOf(seen)}
            {fleet.differs(column, node) ? <span class="faint"> wanted {column.value('wanted', node)}</span> : null}
          </td>
        );
      })}
      <td>{marks.join(', ')}</td>
    </tr>
  );
}
