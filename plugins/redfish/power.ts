/** The power of one system: read, and switched once; a reset that is a task is watched until it has ended. */
import { Terminal, TryLater } from '@kraken-hpc/sdk';
import { Changing } from '@kraken-hpc/sdk/power';
import type { System } from './bmc.ts';
import type { Client } from './client.ts';
import type { Answer } from './exchange.ts';
import { isRunning } from './monitor.ts';
import { findSystem, powerOf, readSystem, reset } from './system.ts';
import { NotThere } from './trouble.ts';

/** A task that has not ended by then is not believed to end. */
const TASK_MOST = 600_000;

interface Task {
  readonly uri: string;
  readonly what: string;
  readonly until: number;
}
/** Resets under way, by the device's key; they outlive the link over which they were asked for. */
export type Tasks = Map<string, Task>;

interface On {
  readonly device: System;
  readonly link: Client;
  readonly signal: AbortSignal;
}

/** Throws Changing where it is on its way, or a reset of ours has not ended. */
export async function isOn(on: On, tasks: Tasks): Promise<boolean> {
  await ended(on, tasks);
  const { answer } = await read(on);
  return steady(powerOf(answer, on.link.name), on.link);
}

/** Asks for the reset, unless it is not needed any more or something is under way. */
export async function switchTo(on: On, to: 'on' | 'off', tasks: Tasks): Promise<void> {
  const { device, link, signal } = on;
  const { uri, answer } = await read(on);
  if (steady(powerOf(answer, link.name), link) === (to === 'on')) return;
  const monitor = await reset(link, uri, answer.body, to, signal);
  if (monitor !== undefined) tasks.set(device.key, { uri: monitor, what: `to switch ${to}`, until: performance.now() + TASK_MOST });
}

/** The system as it is now, and where. */
export async function read({ device: { system }, link, signal }: On): Promise<{ readonly uri: string; readonly answer: Answer }> {
  const key = system ?? '';
  const uri = link.systems.get(key) ?? (await findSystem(link, system, signal));
  link.systems.set(key, uri);
  try {
    return { uri, answer: await readSystem(link, uri, signal) };
  } catch (error) {
    if (!(error instanceof NotThere)) throw error;
    // Firmware updates rename systems: the next call looks anew.
    link.systems.delete(key);
    if (system?.startsWith('/')) throw new Terminal(`${error.message}: correct /redfish/system`);
    throw new TryLater(1000, `${error.message}: looked for anew`);
  }
}

/** Throws Changing while the task runs, and what it says where it failed: once. */
async function ended({ device: { key }, link, signal }: On, tasks: Tasks): Promise<void> {
  const task = tasks.get(key);
  if (task === undefined) return;
  if (performance.now() < task.until && (await running(task, link, signal, () => tasks.delete(key))))
    throw new Changing(`BMC ${link.name} has not yet managed ${task.what} (${task.uri})`);
  tasks.delete(key);
}

async function running(task: Task, link: Client, signal: AbortSignal, failed: () => void): Promise<boolean> {
  const answer = await link.ask({ method: 'GET', uri: task.uri }, task.what, signal, [404, 410]);
  try {
    return isRunning(answer, link.name, task.what);
  } catch (error) {
    failed();
    throw error;
  }
}

function steady(power: ReturnType<typeof powerOf>, { name }: Client): boolean {
  if (power === 'changing') throw new Changing(`BMC ${name} says that its machine is on its way to another power state`);
  return power === 'on';
}
