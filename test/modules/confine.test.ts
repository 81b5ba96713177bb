/** What a module that wants more than it was given gets, by what this machine has to confine it; and that nothing is claimed that is not so. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Caught, refusedAsSaid, TRIALS, thieve, worksAsItShould } from './confine-lab.ts';
import { changesHands, endsAsItDid, leavesNothing } from './confine-life.ts';

async function caught(t: TestContext, places?: readonly string[]): Promise<Caught> {
  const one = await thieve(t, { trials: TRIALS, ...(places ? { places } : {}) });
  refusedAsSaid(one);
  worksAsItShould(one);
  return one;
}

test('with nothing to confine it by it is said so, and the protocol refuses all the same', async (t) => {
  const { mechanism, lines, log, got } = await caught(t, ['/nowhere']);
  assert.equal(mechanism.kind, 'none');
  assert.ok(
    log.some((line) => /modules are not confined: bubblewrap is not installed .*setpriv is not installed/.test(line)),
    log.join('\n'),
  );
  assert.deepEqual(
    lines.filter(({ state }) => state === 'enforced'),
    [],
  );
  // That these come to something here is what makes their refusal elsewhere mean anything.
  for (const trial of ['neighbour', 'store', 'secret', 'network', 'killHost', 'killNeighbour', 'hostEnvironment', 'control', 'codeWrite'])
    assert.doesNotMatch(got[trial] ?? 'refused', /^refused/, trial);
});

test('by what there is on this machine', async (t) => {
  const { mechanism, got, lines, isLeft } = await caught(t);
  if (mechanism.kind === 'none') return t.skip(mechanism.why);
  assert.equal(got['privileges'], '1');
  const isApart = lines.some(({ what, state }) => /^(?:own user|files)$/.test(what) && state === 'enforced');
  if (isApart) assert.match(got['codeWrite'] ?? '', /^refused/);
  if (mechanism.kind === 'bubblewrap') assert.equal(isLeft, false, 'its /tmp is its own');
  t.diagnostic(`confined by ${mechanism.kind}`);
});

test('what is granted is given: the network, a variable', async (t) => {
  const { got, lines } = await thieve(t, { trials: ['network', 'variable'], permissions: ['net', 'env'], env: ['NODE_TEST_CONTEXT'] });
  assert.deepEqual([got['network'], /^refused/.test(got['variable'] ?? '')], ['connected', false], JSON.stringify(got));
  assert.equal(lines.find(({ what }) => what === 'network')?.state, 'declared');
});

test('how it ended is said as it was, and no file stays open', (t) => endsAsItDid(t, undefined));
test('of what it let go of nothing is left, or that is said', (t) => leavesNothing(t, undefined));
test('its data stays its own, whoever it was before', (t) => changesHands(t, [undefined, ['/nowhere'], undefined]));
