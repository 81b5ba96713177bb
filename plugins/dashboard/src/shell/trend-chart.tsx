/** Nodes by state over the last five minutes. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { lookOf, wordOf } from '../fleet/palette.ts';
import { trend } from './desk.ts';
import { settings, themeNow } from './settings.ts';
import { fieldName } from './words.ts';

const EVERY = 1_000;
/** Seconds that it shows at least. */
const LEAST = 60;
const WIDTH = 300;
const HEIGHT = 84;

export function TrendChart() {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let chart: uPlot | undefined;
    let key = '';
    const draw = (): void => {
      if (!place.current || document.hidden) return;
      const { path, times, values, counts } = trend.read();
      if (times.length < 2) return;
      const now = [path, themeNow(), ...values].join(' ');
      const data = [times, ...counts] as unknown as uPlot.AlignedData;
      if (chart && now === key) return chart.setData(data);
      chart?.destroy();
      key = now;
      chart = new uPlot(optionsOf(values), data, place.current);
    };
    draw();
    const timer = setInterval(draw, EVERY);
    return () => {
      clearInterval(timer);
      chart?.destroy();
    };
  }, []);
  return (
    <figure
      class="trend"
      aria-label={`Nodes by ${fieldName(settings.value.left)} over the last minutes; the numbers beside it are the newest`}
    >
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

function optionsOf(values: readonly string[]): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue('--faint');
  const axis = {
    stroke: text,
    grid: { stroke: style.getPropertyValue('--line'), width: 1 },
    ticks: { show: false },
    font: '10px system-ui',
  };
  return {
    width: WIDTH,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: (_, from, to) => [Math.min(from, to - LEAST), to] },
      y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] },
    },
    axes: [
      { ...axis, size: 18, space: 100, values: (_, times) => times.map((seconds) => new Date(seconds * 1_000).toLocaleTimeString()) },
      { ...axis, size: 36, space: 30 },
    ],
    series: [
      {},
      ...values.map((value) => ({
        label: wordOf(value),
        stroke: lookOf(value, themeNow(), settings.value.colours).colour,
        width: 2,
        points: { show: false },
      })),
    ],
  };
}
