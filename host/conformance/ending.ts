/** The ways to end: asked, its input gone, a signal. */
import type { Dialogue } from './dialogue.ts';
import type { Drive, Opened } from './drive.ts';
import { nodesFor } from './fake-world.ts';
import { answersInitialize } from './opening.ts';

/** As a host that stops it: shutdown, then exit. */
export async function shutsDown({ book, patience }: Drive, dialogue: Dialogue): Promise<void> {
  if (dialogue.isGone) return;
  dialogue.mayEnd();
  const answer = await dialogue.request('shutdown', { reason: 'the check is over', grace: patience.shutdown }, patience.shutdown);
  if (answer.is === 'result') book.pass('shutdown.answers');
  else if (answer.is === 'late') dialogue.fail('shutdown.answers', `shutdown was not answered in the ${patience.shutdown} ms of its grace`);
  else if (answer.is === 'error') dialogue.fail('shutdown.answers', `shutdown was refused: ${answer.message} (${answer.code})`);
  else dialogue.fail('shutdown.answers', 'it ended before it had answered shutdown');
  dialogue.notify('exit', {});
  const end = await dialogue.endsWithin(patience.end);
  if (!end) dialogue.fail('exit.ends', `it was still there ${patience.end / 1000} s after exit`);
  else if (end.code !== 0) dialogue.fail('exit.ends', `after exit ${end.how}, not with 0`);
  else book.pass('exit.ends');
}

/** The host is gone: nobody says so, its input ends. */
export async function inputEnds(drive: Drive, dialogue: Dialogue): Promise<void> {
  const answer = await answersInitialize(drive, dialogue);
  if (answer.is === 'late' || answer.is === 'gone') return;
  dialogue.endInput();
  if (await dialogue.endsWithin(drive.patience.end)) drive.book.pass('stdin.ends');
  else dialogue.fail('stdin.ends', `it was still there ${drive.patience.end / 1000} s after the end of its input`);
}

export async function signalled(drive: Drive, dialogue: Dialogue): Promise<void> {
  const answer = await answersInitialize(drive, dialogue);
  if (answer.is === 'late' || answer.is === 'gone') return;
  dialogue.kill('SIGTERM');
  if (await dialogue.endsWithin(drive.patience.end)) drive.book.pass('sigterm.ends');
  else dialogue.fail('sigterm.ends', `it was still there ${drive.patience.end / 1000} s after SIGTERM`);
}

/** Its input ends while a step runs. It is let into the world only when the main process has left it: two would be in each other's way. */
export async function inputEndsBusy(drive: Drive, dialogue: Dialogue, { declaration }: Opened): Promise<void> {
  const [first] = declaration.mutations;
  if (!first || dialogue.isGone) return;
  dialogue.notify('initialized', {});
  dialogue.mayEnd();
  void dialogue.request('mutation/run', { mutation: first.name, deadline: Date.now() + 60_000, nodes: nodesFor(first, 1) }, 60_000);
  dialogue.endInput();
  if (await dialogue.endsWithin(drive.patience.end)) drive.book.pass('stdin.busy');
  else
    dialogue.fail('stdin.busy', `it was still there ${drive.patience.end / 1000} s after the end of its input; ${first.name} was running`);
}
