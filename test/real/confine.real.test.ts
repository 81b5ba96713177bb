/** Bubblewrap, truly, and setpriv alone: what a module that wants more than it was given gets; how it ends; that the host's own modules run so. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HELD, refusedAsSaid, TRIALS, thieve, worksAsItShould } from '../modules/confine-lab.ts';
import * as life from '../modules/confine-life.ts';
import { install } from './install.ts';

install({ bwrap: 'bubblewrap' });

/** All but bubblewrap. */
const ALONE = mkdtempSync(join(tmpdir(), 'kraken-tools-'));
chmodSync(ALONE, 0o755);
for (const tool of ['setpriv', 'unshare', 'prlimit']) symlinkSync(join('/usr/bin', tool), join(ALONE, tool));
after(() => rmSync(ALONE, { recursive: true }));

test('with bubblewrap all that can be held is held', async (t) => {
  const caught = await thieve(t, { trials: TRIALS });
  assert.equal(caught.mechanism.kind, 'bubblewrap', caught.mechanism.why);
  refusedAsSaid(caught);
  worksAsItShould(caught);
  for (const what of [...Object.keys(HELD), 'own user', 'no new privileges', 'capabilities', 'memory'])
    assert.equal(caught.lines.find((line) => line.what === what)?.state, 'enforced', what);
  assert.match(caught.got['codeWrite'] ?? '', /^refused/);
  assert.equal(caught.isLeft, false, 'its /tmp is its own');
});

test('with setpriv alone, as root, all is held but what is a matter of files and of what it lets go of', async (t) => {
  const caught = await thieve(t, { trials: TRIALS, places: [ALONE] });
  assert.equal(caught.mechanism.kind, 'setpriv', caught.mechanism.why);
  refusedAsSaid(caught);
  worksAsItShould(caught);
  const declared = caught.lines.filter(({ state }) => state === 'declared').map(({ what }) => what);
  assert.deepEqual(declared, ['files', 'memory', 'cpu']);
});

for (const [name, places] of [
  ['bubblewrap', undefined],
  ['setpriv', [ALONE]],
] as const) {
  test(`${name}: how it ended is said as it was, and no file stays open`, (t) => life.endsAsItDid(t, places));
  test(`${name}: of what it let go of nothing is left, or that is said`, (t) => life.leavesNothing(t, places));
  test(`${name}: it hears SIGTERM`, (t) => life.hearsTheLadder(t, places));
  test(`${name}: killed with -9, the host leaves no module behind`, (t) => life.diesWithTheHost(t, places));
  test(`${name}: a closed file that its config names is read`, (t) => life.readsWhatIsNamed(t, places));
  for (const mode of [0o755, 0o700])
    test(`${name}: what the host brings along is ready, with data in a folder of mode ${mode.toString(8)}`, async (t) => {
      for (const line of await life.runsItsOwn(t, places, mode)) t.diagnostic(line);
    });
}

test('memory of what it let go of counts', (t) => life.countsAll(t, undefined));
test('its data stays its own, whoever it was before', (t) =>
  life.changesHands(t, [[ALONE], ['/nowhere'], undefined, [ALONE], undefined, ['/nowhere']]));
