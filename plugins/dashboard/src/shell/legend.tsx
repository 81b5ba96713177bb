/** What the colours mean, how many nodes are so, and how that went over the last minutes. */
import { useEffect, useState } from 'preact/hooks';
import type { Column } from '../fleet/column.ts';
import { lookOf, wordOf } from '../fleet/palette.ts';
import { fleet, shape } from './desk.ts';
import { go } from './route.ts';
import { settings, themeNow } from './settings.ts';
import { TrendChart } from './trend-chart.tsx';
import { fieldName } from './words.ts';

const EVERY = 500;

export function Legend() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), EVERY);
    return () => clearInterval(timer);
  }, []);
  void shape.value;
  const { left, right } = settings.value;
  return (
    <footer class="legend">
      <Counts side="left half" column={fleet.column(left)} />
      {left === right ? null : <Counts side="right half" column={fleet.column(right)} />}
      <p class="signs">
        <span>
          <i class="sign-cut" /> wanted otherwise
        </span>
        <span>
          <i class="sign-hatch" /> wrong
        </span>
        <span>
          <i class="sign-dot" /> held
        </span>
        <span>
          <i class="sign-flag" /> waits for you
        </span>
      </p>
      <TrendChart />
    </footer>
  );
}

function Counts({ side, column }: { readonly side: string; readonly column: Column }) {
  const rows = column.counts
    .map((nodes, code) => ({ nodes, value: column.values[code] ?? '' }))
    .filter(({ nodes }) => nodes > 0)
    .sort((a, b) => b.nodes - a.nodes)
    .slice(0, 9);
  return (
    <section aria-label={`${fieldName(column.path)}, the ${side}`}>
      <h2>
        {fieldName(column.path)} <small>{side}</small>
      </h2>
      <ul>
        {rows.map(({ value, nodes }) => (
          <li key={value}>
            <button
              type="button"
              class="quiet"
              disabled={value === ''}
              onClick={() => go({ filter: `${fieldName(column.path)}=${value}` })}
            >
              <Swatch value={value} />
              {wordOf(value)} <strong>{nodes.toLocaleString('en')}</strong>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Swatch({ value }: { readonly value: string }) {
  const look = lookOf(value, themeNow(), settings.value.colours);
  return <i class={`swatch ${look.isBad ? 'is-bad' : ''}`} style={{ backgroundColor: look.colour }} aria-hidden="true" />;
}
