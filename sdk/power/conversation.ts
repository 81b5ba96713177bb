/** What is said to one device: a look, or a command and the looks after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Changing } from './silence.ts';

/** One device, spoken to over a link that is there. */
export interface Line {
  isOn(): Promise<boolean>;
  prepare(): Promise<void>;
  switch(to: 'on' | 'off'): Promise<void>;
}

/** Resolves to what was read: true = on. May be called twice, the second time over another link, where an answer stayed out. */
export type Conversation = (line: Line) => Promise<boolean>;

export const look: Conversation = (line) => line.isOn();

/** What the machine has come to, looked at for some seconds. What takes longer the engine finds by asking again. */
async function settled(line: Line, wanted: boolean, looks: readonly number[]): Promise<boolean> {
  let changing: Changing | undefined;
  for (const pause of looks) {
    await sleep(pause);
    try {
      if ((await line.isOn()) === wanted) return wanted;
      changing = undefined;
    } catch (error) {
      if (!(error instanceof Changing)) throw error;
      changing = error;
    }
  }
  if (changing !== undefined) throw changing;
  return !wanted;
}

/**
 * Switches it unless it is so already, and looks until it is so, or for some seconds. Made for one command: where it is called again,
 * what was sent before is given its time before anything is sent again.
 */
export function switching(to: 'on' | 'off', looks: readonly number[], signal: AbortSignal): Conversation {
  const wanted = to === 'on';
  let isSent = false;
  return async (line) => {
    const now = isSent ? await settled(line, wanted, looks) : await line.isOn();
    if (now === wanted) return now;
    if (wanted) await line.prepare();
    signal.throwIfAborted();
    isSent = true;
    await line.switch(to);
    return settled(line, wanted, looks);
  };
}
