/** Ends a process by the rungs of a ladder. */
import { type Ladder, rungText } from './ladder.ts';
import type { Session } from './session.ts';
import type { Child } from './spawn.ts';

/** Resolves when the process is gone, or SIGKILL was sent: then with what had been tried before in vain, in words. */
export async function end(child: Child, session: Session, ladder: Ladder, why: string): Promise<string | undefined> {
  for (const [index, rung] of ladder.entries()) {
    switch (rung.by) {
      case 'shutdown':
        session.shutdown(why, rung.wait);
        break;
      case 'stdin':
        child.stdin.end();
        break;
      case 'SIGTERM':
        child.kill('SIGTERM');
        break;
      case 'SIGKILL':
        child.kill('SIGKILL');
        return ladder.slice(0, index).map(rungText).join(', ');
      default:
        rung satisfies never;
    }
    if (await within(child.gone, rung.wait)) return undefined;
  }
  return undefined;
}

async function within(event: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const came = await Promise.race([event.then(() => true), late]);
  clearTimeout(timer);
  return came;
}
