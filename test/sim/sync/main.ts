/**
 * `npm run sim -- [--seeds N] [--seed FIRST] [--hosts H]`: random storms over trees of hosts. Every breach is printed with its seed; the
 * story of the first one too. Exit code 1 where there was one.
 */
import { parseArgs } from 'node:util';
import { commit } from './commit.ts';
import { Storm } from './storm.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' }, hosts: { type: 'string' } } });
const first = Number(values.seed ?? 1);
const seeds = Number(values.seeds ?? (values.seed === undefined ? 200 : 1));
const hosts = values.hosts === undefined ? undefined : Number(values.hosts);
const size =
  hosts === undefined ? {} : { middles: Math.max(2, Math.round(hosts / 10)), leaves: Math.max(1, hosts - Math.round(hosts / 10) - 1) };

const began = performance.now();
let virtual = 0;
let attacks = 0;
let helped = 0;
const bad: number[] = [];
for (let seed = first; seed < first + seeds; seed++) {
  const storm = new Storm(seed, size);
  const breaches = storm.run();
  virtual += storm.sim.clock.now;
  attacks += storm.attacks;
  helped += storm.helped;
  if (breaches.length === 0) continue;
  bad.push(seed);
  console.log(`seed ${seed}, commit ${commit()}:\n  ${breaches.join('\n  ')}`);
  if (bad.length === 1) console.log(`  what happened:\n    ${storm.story.join('\n    ')}`);
}
const seconds = (performance.now() - began) / 1_000;
console.log(
  `${seeds} storms from seed ${first}: ${bad.length} with breaches${bad.length > 0 ? ` (${bad.join(', ')})` : ''}; ` +
    `${(virtual / 3_600_000).toFixed(1)} virtual hours in ${seconds.toFixed(1)} s, ${attacks} attacks, ${helped} nodes waited for a person`,
);
process.exitCode = bad.length > 0 ? 1 : 0;
