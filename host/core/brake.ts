/**
 * When many fail at once, the fault is more likely ours or the network's: mass failure holds repairs back, and what is
 * found switched off together stays off until somebody, or the configured policy, says otherwise.
 */
import type { Node } from './node.ts';
import type { Millis, NodeId } from './record.ts';
import type { Settings } from './settings.ts';
import { domainText } from './words.ts';
import type { World } from './world.ts';

export interface Brake {
  readonly since: Millis;
  /** Who was lost while it was on; it ends when half of them are back. */
  readonly lost: Set<NodeId>;
  /** Of those: who was heard again, and not lost anew. */
  readonly back: Set<NodeId>;
  /** How many were lost at most: explained losses do not make half of it smaller. */
  most: number;
}

/** One failure domain: all children of this host, those of one parent, those of one value of a label. */
export interface Domain {
  readonly name: string;
  size: number;
  readonly lost: Set<Node>;
  readonly off: Set<Node>;
  brake: Brake | undefined;
}

/** Counts a node in its domains, and out of those that it has left. Call when its parent or labels may have changed. */
export function joinDomains(w: World, node: Node): void {
  const names = w.isChild(node) && w.nodes.has(node.id) ? domainsOf(w.settings, node) : [];
  if (names.length === node.domains.length && names.every((name, i) => node.domains[i]?.name === name)) return;
  for (const domain of node.domains) {
    domain.size--;
    domain.lost.delete(node);
    domain.off.delete(node);
  }
  node.domains = names.map((name) => {
    let domain = w.domains.get(name);
    if (!domain) {
      domain = { name, size: 0, lost: new Set(), off: new Set(), brake: undefined };
      w.domains.set(name, domain);
    }
    domain.size++;
    if (node.book.lost) domain.lost.add(node);
    if (node.book.foundOff) domain.off.add(node);
    return domain;
  });
}

function domainsOf(settings: Settings, node: Node): string[] {
  const names = ['all children'];
  if (node.parent) names.push(`parent=${node.parent}`);
  for (const label of settings.failureDomains) {
    const value = node.label(label);
    if (value !== undefined) names.push(`${label}=${value}`);
  }
  return names;
}

/** How many together are a mass: more than a tenth of all children, half of a smaller domain, each with a least number. */
function massOf(settings: Settings, domain: Domain): number {
  if (domain.name === 'all children') return Math.max(settings.brakeLeast, Math.floor(domain.size * settings.brakeShare) + 1);
  return Math.max(settings.brakeDomainLeast, Math.ceil(domain.size * settings.brakeDomainShare));
}

/** A node in SYNC died unexplained: counts it in each of its domains, by when it was last heard, and brakes where it is one too many. */
export function noteLost(w: World, node: Node): void {
  const heard = node.heardAt ?? w.now;
  w.book(node, 'lost', { heard, at: w.now });
  w.note(node, 'lost', 'was in SYNC and is not heard any more', 'core');
  for (const domain of node.domains) {
    domain.lost.add(node);
    if (domain.brake) {
      domain.brake.lost.add(node.id);
      domain.brake.back.delete(node.id);
      domain.brake.most = Math.max(domain.brake.most, domain.brake.lost.size);
      w.brakesChanged = true;
      continue;
    }
    const mass = massOf(w.settings, domain);
    if (domain.lost.size < mass) continue;
    const together = [...domain.lost].filter((other) => Math.abs((other.book.lost?.heard ?? 0) - heard) <= w.settings.brakeWindow);
    if (together.length < mass) continue;
    domain.brake = { since: w.now, lost: new Set(together.map((other) => other.id)), back: new Set(), most: together.length };
    w.brakesChanged = true;
    w.log(
      'error',
      `mass failure: ${together.length} of ${domain.size} nodes of ${domainText(w, domain.name)} were lost within ${w.settings.brakeWindow / 1000} s; ` +
        'none of them is repaired until half of them are back, or: kraken node retry --disruptive SET',
    );
  }
}

/** A lost node is back: brakes of which half are back are lifted. */
export function noteBack(w: World, node: Node): void {
  w.book(node, 'lost', undefined);
  for (const domain of node.domains) {
    domain.lost.delete(node);
    if (!domain.brake?.lost.has(node.id)) continue;
    domain.brake.back.add(node.id);
    liftBrake(w, domain);
  }
}

/** Its loss is explained (it was seen switched off, a person took it on): it is none of the mass, which says nothing of the others. */
export function noteExplained(w: World, node: Node): void {
  w.book(node, 'lost', undefined);
  for (const domain of node.domains) {
    domain.lost.delete(node);
    if (!domain.brake?.lost.delete(node.id)) continue;
    domain.brake.back.delete(node.id);
    w.brakesChanged = true;
    liftBrake(w, domain);
  }
}

function liftBrake(w: World, domain: Domain): void {
  const { brake } = domain;
  if (!brake) return;
  w.brakesChanged = true;
  if (brake.back.size * 2 < brake.most && brake.back.size < brake.lost.size) return;
  domain.brake = undefined;
  w.log('info', `mass failure of ${domainText(w, domain.name)} is over: ${brake.back.size} of ${brake.most} nodes are back`);
  for (const id of brake.lost) {
    const other = w.nodes.get(id);
    if (!other) continue;
    other.unbrakedAt = w.now;
    w.dirty.add(other);
  }
}

/** The domain whose brake binds this node: it is among its lost. */
export function brakeOn(node: Node): Domain | undefined {
  if (!node.book.lost) return undefined;
  return node.domains.find((domain) => domain.brake?.lost.has(node.id));
}

/** Found POWER_OFF, not by our doing: alone it is switched on after a while; as one of many it waits for a person. */
export function noteFoundOff(w: World, node: Node): void {
  w.book(node, 'foundOff', { since: w.now, mass: false });
  w.note(node, 'foundOff', 'is switched off, and not by this host', 'core');
  for (const domain of node.domains) {
    domain.off.add(node);
    const mass = massOf(w.settings, domain);
    if (domain.off.size < mass) continue;
    const together = [...domain.off].filter((other) => {
      const found = other.book.foundOff;
      if (!found) domain.off.delete(other);
      return found !== undefined && (found.mass || w.now - found.since <= w.settings.brakeWindow);
    });
    if (together.length < mass) continue;
    if (!together.some((other) => other.book.foundOff?.mass)) sayPowerLoss(w, domain, together.length);
    for (const other of together) {
      const found = other.book.foundOff;
      if (!found || found.mass) continue;
      w.book(other, 'foundOff', { ...found, mass: true });
      w.dirty.add(other);
    }
  }
}

function sayPowerLoss(w: World, domain: Domain, count: number): void {
  const { afterPowerLoss, brakeWindow } = w.settings;
  const then = afterPowerLoss === 'wait' ? 'they stay off until: kraken node power on SET' : 'they are switched on by the limits';
  w.log(
    'error',
    `power loss: ${count} of ${domain.size} nodes of ${domainText(w, domain.name)} were found switched off within ${brakeWindow / 1000} s; ${then}`,
  );
}
