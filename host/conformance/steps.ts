/** Its mutations and pollers, driven as an engine would, and as it never should. */
import { isDeepStrictEqual } from 'node:util';
import { resultMisfit } from '@kraken-hpc/sdk/wire';
import type { Mutation, Poller } from '../core/declaration.ts';
import { isObject } from '../modules/variables.ts';
import type { Answer, Dialogue } from './dialogue.ts';
import type { Drive, Opened } from './drive.ts';
import { type FakeNode, nodesFor } from './fake-world.ts';
import type { RequirementId } from './requirements.ts';

export type Kind = 'mutation' | 'poller';
type Way = Mutation | Poller;
/** By node: what was observed, or `failed`; nothing = the step was taken, and is seen later. */
type Ends = ReadonlyMap<string, unknown>;

/** More of them are not driven each: a module of hundreds would take minutes. */
const DRIVEN = 20;
const MANY = 100;

export class Steps {
  readonly #drive: Drive;
  readonly #dialogue: Dialogue;
  readonly #kind: Kind;
  readonly #ways: readonly Way[];

  constructor(drive: Drive, dialogue: Dialogue, { declaration }: Opened, kind: Kind) {
    this.#drive = drive;
    this.#dialogue = dialogue;
    this.#kind = kind;
    this.#ways = kind === 'mutation' ? declaration.mutations : declaration.pollers;
  }

  /** Every one of them at once, and then the first as no engine would. */
  async all(): Promise<void> {
    const { book } = this.#drive;
    const kind = this.#kind;
    await this.#unknown();
    const [first] = this.#ways;
    if (!first) return book.skip(`it declares no ${kind}s`, ...OF[kind]);
    await Promise.all(this.#ways.slice(0, DRIVEN).map((way, index) => this.#each(way, index)));
    if (this.#dialogue.isGone || book.has(`${kind}.answers`)) return;
    await Promise.all([this.#many(first), this.#late(first), kind === 'mutation' ? this.#cancelled(first) : undefined]);
  }

  send(way: Pick<Way, 'name'>, nodes: readonly FakeNode[], ms: number): { readonly id: number; readonly answer: Promise<Answer> } {
    const { patience } = this.#drive;
    const params = { [this.#kind]: way.name, deadline: Date.now() + ms, nodes };
    return this.#dialogue.call(`${this.#kind}/run`, params, Math.max(ms, 0) + patience.grace);
  }

  /** Of nodes of its own: on would undo what off has done. */
  async #each(way: Way, index: number): Promise<void> {
    const nodes = nodesFor(way, 2, 2 * index);
    const before = await this.#ends(way, nodes);
    if (!before || this.#kind === 'poller') return;
    const after = await this.#ends(way, nodes);
    if (!after) return;
    const { book } = this.#drive;
    const acted = nodes.filter(({ id }) => ![before.get(id), after.get(id)].includes('failed'));
    if (acted.length === 0) return book.skip('its steps fail in a world without hardware', 'mutation.idempotent');
    const other = acted.find(({ id }) => !isDeepStrictEqual(before.get(id), after.get(id)));
    if (!other) return book.pass('mutation.idempotent');
    const [one, two] = [before, after].map((ends) => JSON.stringify(ends.get(other.id)));
    this.#dialogue.fail('mutation.idempotent', `${way.name}, sent twice for ${other.id}, ended first in ${one}, then in ${two}`);
  }

  /** How it ended for each node; undefined = it said nothing that could be used. */
  async #ends(way: Way, nodes: readonly FakeNode[]): Promise<Ends | undefined> {
    const { patience } = this.#drive;
    const answer = await this.send(way, nodes, patience.step).answer;
    if (answer.is === 'late')
      this.#dialogue.fail(`${this.#kind}.answers`, `${way.name} was not answered ${patience.grace / 1000} s after its deadline`);
    if (answer.is === 'late' || answer.is === 'gone') return undefined;
    this.#drive.book.pass(`${this.#kind}.answers`);
    if (answer.is === 'error') return new Map(nodes.map((node) => [node.id, 'failed']));
    return this.#outcome(way, nodes, answer.result);
  }

  #outcome(way: Way, nodes: readonly FakeNode[], result: unknown): Ends | undefined {
    const { book, reports } = this.#drive;
    const misfit = resultMisfit(`${this.#kind}/run`, result);
    if (misfit) {
      this.#dialogue.fail(`${this.#kind}.shape`, `the answer to ${way.name} does not fit: ${misfit.field} ${misfit.message}`);
      return undefined;
    }
    book.pass(`${this.#kind}.shape`);
    const { observed = [], failed = [] } = result as { readonly observed?: readonly unknown[]; readonly failed?: readonly unknown[] };
    reports.check(observed, new Set(nodes.map((node) => node.id)), this.#dialogue);
    const ends = new Map<string, unknown>();
    for (const item of observed) if (isObject(item)) ends.set(String(item.node), item.values);
    for (const item of failed) if (isObject(item)) ends.set(String(item.node), 'failed');
    const stray = failed.find((item) => isObject(item) && !nodes.some((node) => node.id === item.node));
    if (isObject(stray)) this.#dialogue.fail('report.nodes', `${way.name} failed for ${String(stray.node)}, which it was not asked about`);
    return ends;
  }

  async #many(way: Way): Promise<void> {
    const nodes = nodesFor(way, MANY);
    const { patience, book } = this.#drive;
    const answer = await this.send(way, nodes, patience.step).answer;
    if (answer.is === 'late') this.#dialogue.fail(`${this.#kind}.many`, `${way.name} for ${MANY} nodes was not answered`);
    if (answer.is === 'result' && this.#outcome(way, nodes, answer.result) === undefined) return;
    if (answer.is === 'result' || answer.is === 'error') book.pass(`${this.#kind}.many`);
  }

  async #late(way: Way): Promise<void> {
    const id: RequirementId = `${this.#kind}.late`;
    const { answer } = this.send(way, nodesFor(way, 1), -1000);
    const given = await answer;
    if (given.is === 'late') this.#dialogue.fail(id, `${way.name}, sent with a deadline that had passed, was not answered`);
    else if (given.is !== 'gone') this.#drive.book.pass(id);
  }

  async #cancelled(way: Way): Promise<void> {
    const params = { mutation: way.name, deadline: Date.now() + 60_000, nodes: nodesFor(way, 1) };
    const { id, answer } = this.#dialogue.call('mutation/run', params, this.#drive.patience.grace);
    this.#dialogue.notify('$/cancel', { id, reason: 'to see whether it is answered' });
    const given = await answer;
    if (given.is === 'late') this.#dialogue.fail('mutation.cancel', `${way.name} was not answered after it was cancelled`);
    else if (given.is !== 'gone') this.#drive.book.pass('mutation.cancel');
  }

  async #unknown(): Promise<void> {
    const id: RequirementId = `${this.#kind}.unknown`;
    if (this.#ways.length === 0) return;
    const answer = await this.send({ name: 'noSuchThing' }, nodesFor({ requires: {} }, 1), this.#drive.patience.step).answer;
    if (answer.is === 'error') return this.#drive.book.pass(id);
    if (answer.is === 'late') this.#dialogue.fail(id, `a ${this.#kind} noSuchThing, which it did not declare, was not answered`);
    if (answer.is !== 'result') return;
    const failed = isObject(answer.result) && Array.isArray(answer.result.failed) && answer.result.failed.length > 0;
    if (failed) this.#drive.book.pass(id);
    else this.#dialogue.fail(id, `it ran a ${this.#kind} noSuchThing, which it did not declare`);
  }
}

const OF: Readonly<Record<Kind, readonly RequirementId[]>> = {
  mutation: [
    'mutation.answers',
    'mutation.shape',
    'mutation.idempotent',
    'mutation.many',
    'mutation.late',
    'mutation.cancel',
    'mutation.unknown',
  ],
  poller: ['poller.answers', 'poller.shape', 'poller.many', 'poller.late', 'poller.unknown'],
};
